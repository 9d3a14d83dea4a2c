"""The environments that are kept on this machine: listed, and pruned where no stage uses them."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bodywork.local.environments import environments_folder
from bodywork.local.supervisor import kept

HALF_MADE_SECONDS = 3600.0
"""A folder that is not whole, and so old, is of a build that was killed: builds end before."""


@dataclass(frozen=True, slots=True)
class KeptEnvironment:
    """An environment on this machine's disk.

    Attributes:
        name: of its folder.
        python: the version of its interpreter; "" where it is not whole.
        packages: what was asked for; not what that needs.
        size_bytes: on the disk.
        in_use: whether a stage or a service runs in it.
    """

    name: str
    python: str
    packages: tuple[str, ...]
    size_bytes: int
    made_at: datetime | None
    last_used_at: datetime
    in_use: bool


def list_environments(cache: Path) -> list[KeptEnvironment]:
    """Return what is kept, the one used last first."""
    found = [_look(tree) for tree in _trees(cache)]
    return sorted(found, key=lambda each: each.last_used_at, reverse=True)


def prune_environments(cache: Path, older_than_seconds: float) -> list[KeptEnvironment]:
    """Remove environments that were not used for so long, and what killed builds have left; return
    those that are gone. What is in use, or being built, stays."""
    gone = []
    for tree in _trees(cache):
        seen = _look(tree)
        idle = time.time() - seen.last_used_at.timestamp()
        if idle >= (
            older_than_seconds if seen.python else HALF_MADE_SECONDS
        ) and kept.remove_unused(str(tree)):
            gone.append(seen)
    _remove_dangling(environments_folder(cache))
    return gone


def _trees(cache: Path) -> Iterator[Path]:
    """Yield the folders of environments, those of earlier versions of Bodywork included."""
    folder = environments_folder(cache)
    for place in (folder / kept.TREES, folder):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if path.is_dir() and not path.is_symlink() and path != folder / kept.TREES:
                yield path


def _look(tree: Path) -> KeptEnvironment:
    marker = kept.read_marker(str(tree)) or {}
    lock = Path(f"{tree}.lock")
    used = (lock if lock.exists() else tree).stat().st_mtime
    made = marker.get("made_at")
    return KeptEnvironment(
        tree.name,
        str(marker.get("python", "")),
        tuple(marker.get("packages", ())),
        _size(str(tree)),
        datetime.fromtimestamp(made, UTC) if made else None,
        datetime.fromtimestamp(used, UTC),
        kept.is_in_use(str(tree)),
    )


def _size(folder: str) -> int:
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                total += _size(entry.path)
            else:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _remove_dangling(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink() and not path.exists():
            path.unlink(missing_ok=True)
