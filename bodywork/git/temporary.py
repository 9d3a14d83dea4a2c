"""A private folder that goes away with its context, and what a killed program left of one.

The light part of `tempfile` and `shutil`: those two cost more at import than a checkout of a small
repository takes. Each folder is held by a lock; one that nobody holds belonged to a program that
was killed, and is removed by the next that comes along.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from bodywork.errors import SourceError

_PREFIX = "bodywork-git-"
_LOCK = ".lock"


def temporary_root(environment: Mapping[str, str]) -> Path:
    """Return where temporary folders go: TMPDIR, else /tmp."""
    return Path(environment.get("TMPDIR") or "/tmp")  # noqa: S108  (the name is random, mode 0700)


@contextlib.contextmanager
def private_folder(root: Path) -> Iterator[Path]:
    """Make a folder that only its owner can look into, and remove it whatever happens.

    Raises:
        SourceError: it cannot be made (no such root, no right, no room).
    """
    _sweep(root)
    try:
        folder, lock = _make_locked(root)
    except OSError as error:
        raise SourceError(
            f"no temporary folder can be made in {root}: {error.strerror}",
            hint="set TMPDIR to a folder that you can write to and that has room",
            temporary=error.errno in (errno.ENOSPC, errno.EDQUOT),
        ) from None
    try:
        yield folder
    finally:
        remove_tree(folder)
        os.close(lock)


def _make_locked(root: Path) -> tuple[Path, int]:
    # Another program's sweep may come between the making of the lock and the taking of it, and
    # remove the folder; then the lock that we get is that of a file without a name.
    while True:
        folder = root / f"{_PREFIX}{os.urandom(8).hex()}"
        folder.mkdir(mode=0o700)
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return folder, lock
        os.close(lock)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it; links are removed, not followed. What is gone is fine."""
    path = os.fspath(folder)
    try:
        _empty(path)
    except OSError:
        _make_writable(path)  # a stage's script may have taken the rights away
        with contextlib.suppress(OSError):
            _empty(path)
    with contextlib.suppress(OSError):
        os.rmdir(path)


def _empty(folder: str) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _empty(entry.path)
                os.rmdir(entry.path)
            else:
                os.unlink(entry.path)


def _make_writable(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.chmod(folder, stat.S_IRWXU)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _make_writable(entry.path)


def _sweep(root: Path) -> None:
    with contextlib.suppress(OSError), os.scandir(root) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                _remove_if_abandoned(Path(entry.path))


def _remove_if_abandoned(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if folder.stat().st_uid != os.getuid():
            return
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(folder)
        finally:
            os.close(lock)
