"""What a store does to a disk: replace a file durably, remove a folder, name what went wrong."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from statemachine.errors import StoreFull, StoreUnavailable
from statemachine.os_errors import NO_ROOM, ROOM_HINT, describe

_NO_RIGHT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn every `OSError` of the context into an error of this package.

    Raises:
        StoreFull: no room or no right: the record is as it was.
        StoreUnavailable: anything else: look before you write again.
    """
    try:
        yield
    except OSError as error:
        why = describe(error)
        if error.errno in NO_ROOM:
            raise StoreFull(f"{path}: {why}", hint=ROOM_HINT) from error
        if error.errno in _NO_RIGHT:
            raise StoreFull(
                f"{path}: {why}", hint="the folder must be yours and writable"
            ) from error
        raise StoreUnavailable(f"{path}: {why}") from error


def replace(path: Path, raw: bytes) -> None:
    """Put `raw` in the place of the file, whole and durably, or leave it as it was (two fsyncs).

    The caller holds a lock: the temporary file has one name, so that a crash leaves one at most.

    Raises:
        OSError: nothing was replaced.
        StoreUnavailable: it was replaced, but a loss of power may still undo it.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        _write(temporary, raw)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise StoreUnavailable(f"{path.parent}: {describe(error)}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(folder: Path) -> None:
    """Remove what can be removed of a folder, following no link; the rest stays for next time."""
    for place, folders, files in os.walk(folder, topdown=False):
        for name in [*files, *folders]:
            path = os.path.join(place, name)
            with suppress(OSError):
                is_folder = os.path.isdir(path) and not os.path.islink(path)
                (os.rmdir if is_folder else os.unlink)(path)
    with suppress(OSError):
        os.rmdir(folder)


def _write(path: Path, raw: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        view = memoryview(raw)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
