"""Kept environments, as a supervisor uses them: found, locked while in use, and looked over.

::

    environments/
        <name>                  a link to one of
        trees/<name>-<random>/  an environment, with `bodywork-ready` in it when it is whole
        trees/….lock            locked, shared, by each supervisor that uses it; its time is the
                                last use
        <name>.lock             locked by the one that builds

What a stage has changed in an environment is noticed before the next one uses it: `bodywork-ready`
has a digest of the names, sizes and times of change of all files. The environment is then made
anew beside the changed one, and the link is turned over.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from typing import Any

from bodywork.local.supervisor.copying import remove_tree
from bodywork.local.supervisor.files import make_folder, read_json, write_json

MARKER = "bodywork-ready"
TREES = "trees"
_BYTECODE = "__pycache__"


def hold(folder: str, uid: str, not_before: float) -> int | None:
    """Return an open descriptor that locks the environment behind a link; None where there is none
    that is whole, unchanged, made for this attempt or for all, and made after `not_before`.

    As long as the descriptor is open, the environment is not removed.
    """
    tree = tree_of(folder)
    if not tree:
        return None
    lock = os.open(f"{tree}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    marker = read_json(os.path.join(tree, MARKER))
    if (
        marker is None
        or tree_of(folder) != tree
        or marker["only_for"] not in ("", uid)
        or marker["made_at"] < not_before
        or marker["fingerprint"] != fingerprint(tree)
    ):
        os.close(lock)
        return None
    os.utime(lock)
    return lock


def tree_of(folder: str) -> str:
    """Return the folder that a link leads to; "" where there is no link."""
    try:
        target = os.readlink(folder)
    except OSError:
        return ""
    return os.path.join(os.path.dirname(folder), target)


def fingerprint(tree: str) -> str:
    """Return a digest that changes with each file, except bytecode, that is changed, added or
    removed: of names, sizes and times of change, which no program can set.

    pip's own 500 files are passed over, which would take longer than all else in most environments:
    another version of it has another folder of metadata beside them.
    """
    digest = hashlib.sha256()
    for line in _entries(tree, ""):
        digest.update(os.fsencode(line))
    return digest.hexdigest()


def _entries(folder: str, shown: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = f"{shown}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if entry.name != _BYTECODE and not name.endswith("/site-packages/pip"):
                yield f"{name}/\0"
                yield from _entries(entry.path, name)
        elif name != f"/{MARKER}":
            state = entry.stat(follow_symlinks=False)
            yield f"{name}\0{state.st_size} {state.st_ctime_ns} {state.st_mode:o}\0"


def new_tree(folder: str, random: str) -> str:
    """Return the place for another environment behind a link."""
    place, name = os.path.split(folder)
    trees = os.path.join(place, TREES)
    make_folder(trees)
    return os.path.join(trees, f"{name}-{random}")


def record(tree: str, about: dict[str, Any]) -> None:
    """Note that an environment is whole, and what it is like now.

    Raises:
        OSError: it cannot be written.
    """
    write_json(os.path.join(tree, MARKER), {**about, "fingerprint": fingerprint(tree)})


def lead_to(folder: str, tree: str) -> None:
    """Turn a link over to an environment, atomically.

    Raises:
        OSError: it cannot be made.
    """
    place, name = os.path.split(folder)
    making = os.path.join(place, f".{name}.{os.getpid()}")
    os.symlink(os.path.relpath(tree, place), making)
    os.replace(making, folder)


def lock_alone(tree: str) -> int | None:
    """Return a descriptor that locks an environment for its removal; None where it is in use."""
    lock = os.open(f"{tree}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def is_in_use(tree: str) -> bool:
    """Say whether a supervisor uses an environment."""
    if not os.path.exists(f"{tree}.lock"):
        return False
    lock = lock_alone(tree)
    if lock is not None:
        os.close(lock)
    return lock is None


def remove_unused(tree: str) -> bool:
    """Remove an environment, unless it is in use; return whether it is gone."""
    lock = lock_alone(tree)
    if lock is None:
        return False
    try:
        remove_tree(tree)
        os.unlink(f"{tree}.lock")
    finally:
        os.close(lock)
    return True


def was_changed(tree: str) -> bool:
    """Say whether an environment was whole, and is not as it was made."""
    marker = read_marker(tree)
    return marker is not None and marker["fingerprint"] != fingerprint(tree)


def read_marker(tree: str) -> dict[str, Any] | None:
    """Return what is noted of an environment; None where it is not whole."""
    found = read_json(os.path.join(tree, MARKER))
    return None if found is None else dict(found)
