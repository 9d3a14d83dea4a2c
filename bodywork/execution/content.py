"""Digests of files and folders: what decides whether a thing that was built is still the same."""

import hashlib
import os
import stat
from pathlib import Path

_SKIPPED = ("__pycache__", ".git")
MISSING = "missing"


def digest_file(path: Path) -> str:
    """Return the digest of a file's bytes; `MISSING` where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return MISSING


def digest_tree(path: Path) -> str:
    """Return the digest of a file, or of all files below a folder with their names and modes.

    What symbolic links lead to is part of it. Bytecode and `.git` are not.
    """
    digest = hashlib.sha256()
    _add(digest, path, "", frozenset())
    return digest.hexdigest()


def digest_listing(path: Path) -> str:
    """Return the digest of a folder's files, without those of folders in it; or of a file."""
    if not path.is_dir():
        return digest_file(path)
    digest = hashlib.sha256()
    for name in sorted(os.listdir(path)):
        if (path / name).is_file():
            digest.update(os.fsencode(f"{name}\0{digest_file(path / name)}\0"))
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", path: Path, shown: str, above: frozenset[str]) -> None:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        digest.update(os.fsencode(f"{shown}\0{MISSING}\0"))
        return
    if not stat.S_ISDIR(mode):
        content = digest_file(path) if stat.S_ISREG(mode) else "special"
        digest.update(os.fsencode(f"{shown}\0{mode & 0o111:o} {content}\0"))
        return
    real = os.path.realpath(path)
    if real in above:
        digest.update(os.fsencode(f"{shown}\0loop\0"))
        return
    digest.update(os.fsencode(f"{shown}/\0"))
    for name in sorted(set(os.listdir(path)) - set(_SKIPPED)):
        _add(digest, path / name, f"{shown}/{name}", above | {real})
