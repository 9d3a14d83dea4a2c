"""Passes the signals that a container gets on to the program that runs in it."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

from bodywork.execution import process_tree

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Listen = Callable[[IO[bytes]], None]
"""Takes over the reading end of a pipe."""


class Stopped(BaseException):
    """A signal came while no script ran that could take it; no `Exception`, like an interrupt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Forwarder:
    """Runs one program at a time and hands it our signals; made by `forwarded`."""

    def __init__(self) -> None:
        self._program: subprocess.Popen[bytes] | None = None
        self._starting = False
        self._received = 0

    def run_script(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        listen: Listen | None = None,
    ) -> int:
        """Run a program to its end, in a process group of its own, and return its exit code
        (-n where signal n ended it). What it left running is ended, too: on Linux all of it,
        elsewhere its process group.

        What it writes to stderr goes to its stdout: of two pipes, nobody could tell the order.
        `listen` is given the pipe of its output, to close it; else the output is ours.
        """
        with _ending_descendants():
            program = self._start(command, folder, environment, listen)
            try:
                return _wait_for(program)
            finally:
                self._program = None
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(program.pid, signal.SIGKILL)

    def run_tool(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        listen: Listen | None = None,
    ) -> int:
        """Like `run_script`, for a program of ours.

        Raises:
            Stopped: a signal came; the program's exit code means nothing then.
        """
        code = self.run_script(command, folder, environment, listen)
        if self._received:
            raise Stopped(self._received)
        return code

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal: hand it on, or end what is going on here."""
        self._received = number
        if self._program is not None:
            self._program.send_signal(number)
        elif not self._starting:
            raise Stopped(number)

    def _start(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        listen: Listen | None,
    ) -> subprocess.Popen[bytes]:
        # A signal that comes while the program starts must neither be lost nor leave it behind.
        self._starting = True
        try:
            program = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if listen else None,
                stderr=subprocess.STDOUT,  # one pipe: the lines keep their order
                process_group=0,
            )
            self._program = program
        finally:
            self._starting = False
        if self._received:
            program.send_signal(self._received)
        if listen and program.stdout:
            listen(program.stdout)
        return program


def _wait_for(program: "subprocess.Popen[bytes]") -> int:
    """Return the program's exit code; process 1 meanwhile reaps the orphans that it gets.

    It looks at who has ended before it takes the status, so that the program's own is left to it.
    """
    while os.getpid() == 1:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        if ended is None or ended.si_pid == program.pid:
            break
        os.waitpid(ended.si_pid, 0)
    return program.wait()


@contextlib.contextmanager
def _ending_descendants() -> Iterator[None]:
    """End what begins below this process in between."""
    before = process_tree.children()
    process_tree.adopt_orphans()
    try:
        yield
    finally:
        process_tree.end_descendants(before)
        process_tree.adopt_orphans(adopt=False)


@contextlib.contextmanager
def forwarded() -> Iterator[Forwarder]:
    """Take over the signals that ask a program to end, and give them back afterwards."""
    forwarder = Forwarder()
    before = {number: signal.signal(number, forwarder.handle) for number in _FORWARDED}
    try:
        yield forwarder
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
