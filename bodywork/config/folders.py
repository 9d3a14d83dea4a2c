"""A project's top-level folders: which may be stages, and which look like forgotten ones."""

import os
import re
import stat
from collections.abc import Container
from pathlib import Path

from bodywork.config.files import Fault, find_near, read_text
from bodywork.config.hostile import shorten
from bodywork.config.ini import MOST_PROBLEMS
from bodywork.errors import Problem

NO_FOLDER = "has no folder"
_SUBMODULE_PATH = r"(?m)^[ \t]*path[ \t]*=[ \t]*(\S.*?)[ \t\r]*$"
_MOST_SUBMODULES = 500


def fault_of_root(root: Path) -> Fault | None:
    """Say why nothing can be read in `root`, or return None."""
    try:
        with os.scandir(root):
            return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"cannot be read: {reason}"
        return Fault("the project's folder", message, "give the project's folder")


def fault_of_folder(root: Path, name: str) -> str:
    """Say why `name` is no folder of its own, or return "". Links lead out of what was checked."""
    try:
        mode = os.lstat(root / name).st_mode
    except (OSError, ValueError):
        return NO_FOLDER
    if stat.S_ISLNK(mode):
        return "has a symbolic link in place of its folder"
    return "" if stat.S_ISDIR(mode) else "is a file, not a folder"


def fault_of_path(root: Path, name: str) -> Fault | None:
    """Say why `name`, relative to the repository, is nothing that a commit holds, or return None.

    A link is not taken: what it leads to is what counts.
    """
    place = root
    for part in [part for part in name.split("/") if part]:
        above, place = place, place / part
        try:
            mode = os.lstat(place).st_mode
        except (OSError, ValueError):
            near = find_near(place.name, above)
            hint = f"did you mean {shorten(near)}?" if near else "git ls-files lists what there is"
            return Fault(shorten(name), "is not in the repository", hint)
        if stat.S_ISLNK(mode):
            hint = "name what it leads to"
            return Fault(shorten(str(place.relative_to(root))), "is a symbolic link", hint)
    return None


def find_submodules(root: Path) -> list[str]:
    """Return the paths that .gitmodules names; none where it cannot be read."""
    text = read_text(root, ".gitmodules")
    found = [] if isinstance(text, Fault) else re.findall(_SUBMODULE_PATH, text)
    return [path.strip('"').rstrip("/") for path in found][:_MOST_SUBMODULES]


def is_empty(folder: Path) -> bool:
    """Say whether there is nothing in a folder, or no folder."""
    try:
        return not os.listdir(folder)
    except OSError:
        return True


def folders_of(root: Path) -> list[str]:
    """Return the folders that could be stages, sorted; exactly as they are spelled."""
    with os.scandir(root) as entries:
        return sorted(
            each.name
            for each in entries
            if each.is_dir(follow_symlinks=False) and not each.name.startswith(".")
        )


def unused_folders(root: Path, wanted: Container[str]) -> list[Problem]:
    """Warn of folders that hold a config.ini and are no stage."""
    message, hint = (
        "the DAG does not name this stage",
        "add it to the DAG, or remove its config.ini",
    )
    found = [
        Problem(f"{shorten(name)}/config.ini", 0, "", "", message, hint, warning=True)
        for name in folders_of(root)
        if name not in wanted and os.path.lexists(root / name / "config.ini")
    ]
    return found[:MOST_PROBLEMS]
