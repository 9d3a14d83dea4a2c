"""The stage's own process: a group of its own, which dies with its supervisor."""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from bodywork.execution import process_tree

TEMPORARY = frozenset(
    {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EIO, errno.ETXTBSY}
)
"""Errors of fork and exec that may be gone at the next try: something is full, or a disk fails."""
_LONGEST_VARIABLE = 32 * 4096 if sys.platform == "linux" else None
"""Bytes of `NAME=value` and its end: MAX_ARG_STRLEN, https://man7.org/linux/man-pages/man2/execve.2.html"""
TOO_LONG_HINT = "put a long value into a file or a store, and give the stage its name"


class CannotStart(Exception):
    """A command that could not be started.

    Attributes:
        reason, hint: for people.
        final: whether it would fail again in the same way.
    """

    def __init__(self, reason: str, *, final: bool, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.hint = hint


def start(command: list[str], folder: str, environment: dict[str, str], output: int) -> int:
    """Start a command as the leader of a new process group; return its process id.

    Its standard input is empty; `output` gets what it prints. Returns when the command runs.

    Raises:
        CannotStart: it cannot be forked or executed.
    """
    supervisor = os.getpid()
    reading, writing = os.pipe()  # closed by the exec, or told why there was none
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # it must not get lost in between
    try:
        pid = os.fork()
        if pid == 0:
            _execute(command, folder, environment, output, supervisor, writing)
        os.close(writing)
        writing = -1
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # also here: whoever comes first, the group is there
        told = os.read(reading, 16)
    except OSError as error:
        raise _explain(error.errno or 0, command, environment) from None
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    if told:
        os.waitpid(pid, 0)
        raise _explain(int(told), command, environment)
    return pid


def _execute(
    command: list[str],
    folder: str,
    environment: dict[str, str],
    output: int,
    supervisor: int,
    failure: int,
) -> None:
    """Become the command, in the forked process; tell `failure` the error where that fails."""
    try:
        os.setpgid(0, 0)
        process_tree.end_with_parent(supervisor)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(folder)
        os.execve(command[0], command, environment)  # noqa: S606  (no shell is wanted)
    except OSError as error:
        os.write(failure, str(error.errno).encode())
    finally:
        os._exit(127)


def kill_group(pid: int, number: int) -> None:
    """Send a signal to a process group that may be gone."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _explain(number: int, command: Sequence[str], environment: Mapping[str, str]) -> CannotStart:
    what, hint = os.strerror(number), ""
    if number == errno.E2BIG:
        what, hint = _find_too_long(command, environment), TOO_LONG_HINT
    return CannotStart(
        f"{command[0]} cannot be started: {what}", final=number not in TEMPORARY, hint=hint
    )


def _find_too_long(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Say what is too long for the system; by its name, never its value."""
    sizes = {name: len(os.fsencode(f"{name}={value}")) + 1 for name, value in environment.items()}
    longest = max(sizes, key=sizes.__getitem__, default="")
    if longest and _LONGEST_VARIABLE and sizes[longest] > _LONGEST_VARIABLE:
        return (
            f"the variable {longest} has {sizes[longest] - len(longest) - 2} bytes, and this "
            f"system passes at most {_LONGEST_VARIABLE - len(longest) - 2}"
        )
    total = sum(sizes.values()) + sum(len(os.fsencode(each)) + 1 for each in command)
    return f"its variables and arguments have {total} bytes together, too many for this system"
