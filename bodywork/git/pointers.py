"""Files of Git LFS that are not there: a pointer of three lines stands in their place.

Git LFS puts the content in place by a filter of the user's config. Where it is not installed,
nothing fails, and a stage reads the pointer.
"""

import os
import posixpath
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from bodywork.model.tree import ATTRIBUTES, Entry

_BEGINS = b"version https://git-lfs.github.com/spec/"
_MOST_BYTES = 1024
"""Of a pointer: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md."""
_FILTER = rb"(?m)^[^#\n]*\sfilter=lfs(\s|\Z)"
_MOST_ATTRIBUTES = 1 << 20


def find_pointers(folder: Path, entries: Mapping[str, Entry]) -> tuple[str, ...]:
    """Return the files of a checkout that hold a pointer, sorted.

    Nothing is looked at where no .gitattributes names the filter; then only small files below one.
    """
    roots = {posixpath.dirname(path) for path in _attributes(folder, entries)}
    if not roots:
        return ()
    return tuple(sorted(path for path in _below(entries, roots) if _is_pointer(folder / path)))


def _attributes(folder: Path, entries: Mapping[str, Entry]) -> Iterator[str]:
    for path, entry in entries.items():
        is_file = posixpath.basename(path) == ATTRIBUTES and entry.kind in ("file", "program")
        if is_file and re.search(_FILTER, _read(folder / path, _MOST_ATTRIBUTES)):
            yield path


def _below(entries: Mapping[str, Entry], roots: set[str]) -> Iterator[str]:
    for path, entry in entries.items():
        is_file = entry.kind in ("file", "program")
        if is_file and any(not root or path.startswith(f"{root}/") for root in roots):
            yield path


def _is_pointer(file: Path) -> bool:
    try:
        found = os.lstat(file)
    except OSError:
        return False
    is_small = stat.S_ISREG(found.st_mode) and len(_BEGINS) < found.st_size < _MOST_BYTES
    return is_small and _read(file, len(_BEGINS)) == _BEGINS


def _read(file: Path, most: int) -> bytes:
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as opened:
            return opened.read(most)
    except OSError:
        return b""
