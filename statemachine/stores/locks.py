"""A lock between processes that dies with its holder: `flock` on a file in a folder that somebody
may delete meanwhile.

`flock` belongs to the open file, not to its name. So after every wait the name is looked up again:
if it means another file by now (or none), the lock that was won guards nothing, and the wait begins
anew. The lock is released by name, too, since a child forked meanwhile shares the open file.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from statemachine.errors import StoreUnavailable

_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.02


@contextmanager
def locked(path: Path, opened: Callable[[], int], *, seconds: float) -> Iterator[None]:
    """Hold the lock file `path` for as long as the context lasts.

    Args:
        path: where the lock lies.
        opened: opens it and returns the descriptor; what it raises is passed on.
        seconds: how long to wait for another holder.

    Raises:
        StoreUnavailable: it is still held by somebody else after that time.
    """
    descriptor = _won(path, opened, time.monotonic() + seconds)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file if nobody holds it; never wait."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _won(path: Path, opened: Callable[[], int], deadline: float) -> int:
    while True:
        descriptor = opened()
        try:
            _wait_for(descriptor, path, deadline)
            if _is_at(path, descriptor):
                with suppress(OSError):  # for people only, and no reason to fail on a full disk
                    os.pwrite(descriptor, f"{os.getpid():<10}\n".encode(), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _wait_for(descriptor: int, path: Path, deadline: float) -> None:
    pause = _FIRST_PAUSE
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            holder = os.pread(descriptor, 16, 0).decode("ascii", "replace").strip() or "unknown"
            raise StoreUnavailable(
                f"{path} is held by another process (id {holder})",
                hint=f"if process {holder} is stopped, continue it (kill -CONT) or end it",
            )
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        named, held = os.stat(path), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)
