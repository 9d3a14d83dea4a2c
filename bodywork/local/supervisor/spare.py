"""Copies of a project that were made ahead, each to become the work tree of one attempt.

They lie beside the source: `.SOURCE.ready-N`, and `.SOURCE.making-N` until they are whole. N is the
moment at which it was begun (`monotonic_ns`, the same for all processes). Who makes one holds its
lock (flock), so one attempt may wait for it instead of making its own.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bodywork.local.supervisor.copying import copy_entries, remove_tree


class Unwanted(Exception):
    """The copy is not needed any more."""


def find(source: str) -> list[str]:
    """Return the paths of the spare copies of a source, the oldest first."""
    return _find(source, "ready")


def take(source: str, target: str, since: int) -> bool:
    """Make a spare copy the target; return whether there was one.

    One that was being made before the moment `since` is waited for, by one attempt at a time: that
    takes less than to begin another. Later ones are for those who come later.
    """
    if _take_ready(source, target):
        return True
    earlier = [path for path in _find(source, "making") if _moment(path) < since]
    if not earlier:
        return False
    with _locked(source, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
        if not is_alone:
            return False
        for making in earlier:
            with _locked(making, fcntl.LOCK_EX):  # until its maker has ended, in whatever way
                pass
        return _take_ready(source, target)


def _find(source: str, state: str) -> list[str]:
    folder, name = os.path.split(source)
    prefix = f".{name}.{state}-"
    with suppress(FileNotFoundError):
        entries = [entry for entry in os.listdir(folder) if entry.startswith(prefix)]
        return [os.path.join(folder, entry) for entry in sorted(entries, key=_moment)]
    return []


def _moment(path: str) -> int:
    """Return when a copy was begun, by its name."""
    return int(path.rpartition("-")[2])


@contextmanager
def _locked(folder: str, operation: int) -> Iterator[bool]:
    """Hold the lock of a folder; False where another has it, or the folder is gone."""
    descriptor = -1
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, operation)
    except (BlockingIOError, FileNotFoundError):
        held = False
    else:
        held = True
    try:
        yield held
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _take_ready(source: str, target: str) -> bool:
    for spare in find(source):
        with suppress(FileNotFoundError):  # another attempt was faster
            os.rename(spare, target)
            return True
    return False


def make(source: str, is_wanted: Callable[[], bool]) -> None:
    """Make a spare copy, unless it becomes unwanted meanwhile.

    Raises:
        OSError: it cannot be made, such as for want of room; nothing is left of it.
    """
    folder, name = os.path.split(source)
    number = time.monotonic_ns()
    making = os.path.join(folder, f".{name}.making-{number}")

    def check() -> None:
        if not is_wanted():
            raise Unwanted

    try:
        os.mkdir(making, 0o700)
        with _locked(making, fcntl.LOCK_EX):
            copy_entries(source, making, check)
            check()
            os.rename(making, os.path.join(folder, f".{name}.ready-{number}"))
    except Unwanted:
        remove_tree(making)
    except OSError:
        remove_tree(making)
        raise
