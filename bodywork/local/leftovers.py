"""What of a service's versions nobody needs any more, removed in one place.

The files of a version are needed while it is live, may become so, or a roll-back may come back to
it; its log as long as its run is on record. A folder whose name begins with a dot was being laid
out by a controller that was killed: whoever finds it under the service's lock finds it abandoned.
"""

import os
from collections.abc import Collection
from pathlib import Path

from bodywork.local import processes
from bodywork.local.claims import WrittenClaim, read_claim
from bodywork.local.folders import Folders
from bodywork.local.supervisor import files
from bodywork.local.trash import discard


def versions(service: Path) -> list[Path]:
    """Return the folders of a service's versions."""
    return [each for each in _entries(service) if each.name[0] != "."]


def tidy(folders: Folders, service: Path, run: str, kept: Collection[str]) -> None:
    """Remove what nobody needs of a service that `run` has done with; only under the lock.

    Args:
        kept: the ids of versions that are needed, whoever made them.
    """
    claim = read_claim(service)
    for version in _entries(service):
        if version.name[0] == ".":
            discard(folders, version)
        elif version.name not in kept and not files.is_held(str(version)):
            _remove(folders, version, processes.look(version).spec.get("run", ""), run, claim)


def _remove(
    folders: Folders, version: Path, maker: str, run: str, claim: WrittenClaim | None
) -> None:
    if claim and claim.run != run and (maker == claim.run or version.name == claim.previous):
        return  # another run deploys it now, or comes back to it
    if maker and folders.run(maker).exists():
        discard(folders, version / files.WORK)
    else:
        processes.remove(folders, version)


def _entries(service: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(service / "versions"))
    except FileNotFoundError:
        return []
    return [service / "versions" / name for name in names]
