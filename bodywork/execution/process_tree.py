"""All processes below this one, and their end.

On Linux a process can become a *subreaper*: descendants whose parent has ended become its children,
in whatever session and group they are, and whatever environment they have. So "no child is left"
means "no descendant is left", and a process that is killed has its children killed in the next
round. A process cannot escape by forking: what it has forked is below us, too.

Elsewhere, and where /proc is not mounted, descendants are not known: callers end process groups.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator

ENDING_SECONDS = 10.0
"""How long a process that was killed may take to end: one that waits for a dead disk does not."""
LONGEST_PAUSE_SECONDS = 0.02
_FIRST_PAUSE_SECONDS = 0.0005
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_STATE, _PARENT = 0, 1
"""Fields of /proc/PID/stat after the program's name: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def adopt_orphans(*, adopt: bool = True) -> None:
    """Become the parent of every descendant whose own has ended, or stop being it (Linux)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0)


def end_with_parent(parent: int) -> None:
    """Have this process killed when its parent ends, and end at once if that has (Linux)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(127)


def reap(child: int) -> int | None:
    """Take leave of all children that have ended; return the wait status of `child` if it has."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                found = ended[1]
    return found


def children() -> frozenset[int]:
    """Return the children of this process; nothing where there is no /proc."""
    own = os.getpid()
    return frozenset(pid for pid, parent, _ in _processes() if parent == own)


def end_descendants(spared: Collection[int] = ()) -> frozenset[int]:
    """Kill every descendant, and return when none is left; only after `adopt_orphans`.

    Args:
        spared: children that go on, with all below them.

    Returns the children that could not be ended, for `ENDING_SECONDS`: they wait in the kernel, or
    run as another user.
    """
    deadline = time.monotonic() + ENDING_SECONDS
    pause = _FIRST_PAUSE_SECONDS
    while _has_children() and (left := _kill_below(spared)):
        if time.monotonic() >= deadline:
            return left
        if not sum(map(_has_ended, left)):
            time.sleep(pause)  # the end of a grandchild is not an event
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    return frozenset()


def end_marked(variable: str, value: str) -> None:
    """Kill every process of this user in whose environment that variable has that value.

    For what a supervisor that was killed has left: only what has kept its environment is found.
    """
    mark = f"{variable}={value}".encode()
    deadline = time.monotonic() + ENDING_SECONDS
    while found := [pid for pid, *_ in _processes() if mark in _environment(pid)]:
        for pid in found:
            _kill(pid)
        if time.monotonic() >= deadline:
            return
        time.sleep(_FIRST_PAUSE_SECONDS)


def _has_children() -> bool:
    """Say whether there is a child, also one that has ended."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _has_ended(child: int) -> bool:
    """Take leave of a child if it has ended."""
    try:
        return os.waitpid(child, os.WNOHANG)[0] == child
    except ChildProcessError:
        return True


def _kill_below(spared: Collection[int]) -> frozenset[int]:
    """Kill all that is seen below this process; return its children, ended ones included.

    Children are killed as soon as they are seen, the newest first: one that forks and ends has
    little time for it. What they leave becomes a child.
    """
    own = os.getpid()
    below: dict[int, list[int]] = {}
    for pid, parent, ended in _processes():
        if pid not in spared:
            below.setdefault(parent, []).append(pid)
            if parent == own and not ended:
                _kill(pid)
    found = list(below.get(own, ()))
    for pid in found:
        for deeper in below.get(pid, ()):
            _kill(deeper)
            found.append(deeper)
    return frozenset(below.get(own, ()))


def _processes() -> Iterator[tuple[int, int, bool]]:
    """Yield id, parent and whether it has ended of each process that is seen, the newest first."""
    try:
        numbers = sorted(map(int, filter(str.isdigit, os.listdir("/proc"))), reverse=True)
    except FileNotFoundError:
        return
    for pid in numbers:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        yield pid, int(fields[_PARENT]), fields[_STATE] in (b"Z", b"X")


def _environment(pid: int) -> list[bytes]:
    """Return the variables that a process was started with; nothing where they are not ours."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
