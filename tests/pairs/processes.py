"""The processes that a pair leaves: all that the director, as a subreaper, has below it."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Collection, Iterator
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_ENDING_SECONDS = 120.0


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own has ended."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the system has no subreapers")


def reap() -> None:
    """Let go of the children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def descendants(besides: Collection[int] = ()) -> dict[int, int]:
    """Return the living descendants of this process, with their parents; without some, and what is
    below those."""
    parents = dict(_parents())
    found: dict[int, int] = {}
    left = [os.getpid()]
    while left:
        above = left.pop()
        below = [pid for pid, parent in parents.items() if parent == above and pid not in besides]
        found.update(dict.fromkeys(below, above))
        left += below
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Yield the processes that run, with their parents."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            if fields[0] not in "ZX":
                yield int(name), int(fields[1])


def settle_to(owned: set[int]) -> set[int]:
    """Wait until no descendants are left but these; return those that are left all the same."""
    deadline = time.monotonic() + _ENDING_SECONDS
    while True:
        reap()
        left = set(descendants()) - owned
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.005)


def end_all() -> None:
    """Kill every descendant."""
    while found := descendants():
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reap()
        time.sleep(0.001)
