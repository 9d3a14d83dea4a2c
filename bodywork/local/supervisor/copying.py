"""Copying a work tree, for each attempt its own, without the weight of `shutil`."""

import contextlib
import os
import stat

from bodywork.local.supervisor import files

_CHUNK = 1 << 22


def copy_tree(source: str, target: str) -> None:
    """Copy a folder that has neither devices nor pipes; links are copied as links.

    Raises:
        OSError: the target exists, or something cannot be read or written.
    """
    os.mkdir(target, 0o700)
    with os.scandir(source) as entries:
        for entry in entries:
            place = os.path.join(target, entry.name)
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), place)
            elif entry.is_dir():
                copy_tree(entry.path, place)
            elif entry.is_file():
                _copy_file(entry.path, place)


def remove_tree(folder: str) -> None:
    """Remove a folder and all in it; nothing to remove is fine, somebody who helps as well."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    except NotADirectoryError:
        os.unlink(folder)
        return
    except PermissionError:
        os.chmod(folder, 0o700)
        entries = list(os.scandir(folder))
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            remove_tree(entry.path)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.path)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(folder)


def _copy_file(source: str, target: str) -> None:
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        mode = stat.S_IMODE(os.fstat(reading).st_mode) | stat.S_IWUSR
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            while chunk := os.read(reading, _CHUNK):
                files.write_all(writing, chunk)
        finally:
            os.close(writing)
    finally:
        os.close(reading)
