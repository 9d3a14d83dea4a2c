"""Copying a work tree, for each attempt its own, and removing it, without the weight of `shutil`.

In a tree that is removed, stages may have done anything. What cannot be removed (folders of another
user, such as a container's; what was made immutable; a mount) is left, and never an error. No link
is followed, also where one has taken a folder's place.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress

from bodywork.local.supervisor import files
from statemachine.os_errors import NO_ROOM

_CHUNK = 1 << 22
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 100
"""Folders deeper than that are moved up first: a stack, and open files, are limited."""


def copy_tree(source: str, target: str, check: Callable[[], None] = lambda: None) -> None:
    """Copy a folder that has neither devices nor pipes; links are copied as links.

    Args:
        check: called now and then; what it raises ends the copying.

    Raises:
        OSError: the target exists, or something cannot be read or written.
    """
    os.mkdir(target, 0o700)
    copy_entries(source, target, check)


def copy_entries(source: str, target: str, check: Callable[[], None]) -> None:
    """Copy what is in a folder into another one, as `copy_tree` does."""
    with os.scandir(source) as entries:
        for entry in entries:
            place = os.path.join(target, entry.name)
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), place)
            elif entry.is_dir():
                copy_tree(entry.path, place, check)
            elif entry.is_file():
                _copy_file(entry.path, place, check)


def _copy_file(source: str, target: str, check: Callable[[], None]) -> None:
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        state = os.fstat(reading)
        mode = stat.S_IMODE(state.st_mode) | stat.S_IWUSR
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            _share_blocks(reading, writing, state.st_size, check)
            while chunk := os.read(reading, _CHUNK):
                check()
                files.write_all(writing, chunk)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _share_blocks(reading: int, writing: int, size: int, check: Callable[[], None]) -> None:
    """Copy as much as the file system copies by itself: Btrfs and XFS share the blocks of the two
    files, until one of these is changed."""
    if not hasattr(os, "copy_file_range"):
        return
    copied = 0
    while copied < size:
        check()
        try:
            count = os.copy_file_range(reading, writing, _CHUNK)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise
            return  # it cannot do that; what is missing is read and written
        if not count:
            return
        copied += count


def remove_tree(folder: str) -> str:
    """Remove a file or a folder and all in it; nothing to remove is fine, and so is another who
    helps.

    Returns:
        Why something is left, with its path; "" where nothing is.
    """
    return _Removal(folder).run()


class _Removal:
    """One removal."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._top = -1
        self._moved = 0
        self._left = ""

    def run(self) -> str:
        """See `remove_tree`."""
        moved = -1
        while self._moved > moved:  # what was moved up is removed in its turn
            moved, self._left = self._moved, ""
            self._remove(self._folder, None, self._folder, 0)
        return self._left

    def _remove(self, name: str, parent: int | None, shown: str, depth: int) -> None:
        """Remove what has this name in the parent folder."""
        try:
            folder = _open(name, parent)
            if folder is None:
                os.unlink(name, dir_fd=parent)
                return
            try:
                self._empty(folder, shown, depth)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=parent)
        except FileNotFoundError:
            return
        except OSError as error:
            self._left = self._left or f"{shown}: {error.strerror}"

    def _empty(self, folder: int, shown: str, depth: int) -> None:
        if depth == 0:
            self._top = folder
        names = os.listdir(folder)
        if names and not os.access(".", os.W_OK | os.X_OK, dir_fd=folder):
            with suppress(OSError):
                os.fchmod(folder, 0o700)
        for name in names:
            if depth < _DEEPEST or not self._move_up(name, folder):
                self._remove(name, folder, os.path.join(shown, name), depth + 1)

    def _move_up(self, name: str, folder: int) -> bool:
        """Move an entry of a deep folder to the top; return whether that was done."""
        target = f"{self._moved}.{os.urandom(4).hex()}"
        try:
            os.rename(name, target, src_dir_fd=folder, dst_dir_fd=self._top)
        except OSError:
            return False
        self._moved += 1
        return True


def _open(name: str, parent: int | None) -> int | None:
    """Open a folder; None where it is something else, or a link.

    Raises:
        OSError: it cannot be opened.
    """
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent)
        return os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            return None
        raise
