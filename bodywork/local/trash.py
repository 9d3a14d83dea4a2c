"""What could not be removed: put out of the way, reported once, and tried again later."""

import logging
import os
from pathlib import Path

from bodywork.local.folders import Folders
from bodywork.local.supervisor.copying import remove_tree
from bodywork.local.supervisor.files import make_folder

LOG = logging.getLogger("bodywork.local")


def discard(folders: Folders, path: Path) -> None:
    """Remove a file or folder of a namespace, as far as it is possible: never an error."""
    left = remove_tree(str(path))
    if not left:
        return
    LOG.warning("it cannot be removed, and is left for later: %s", left)
    try:
        make_folder(str(folders.trash))
        path.rename(folders.trash / f"{path.name}.{os.urandom(4).hex()}")
    except OSError:
        return  # it stays where it is


def empty_trash(folders: Folders) -> None:
    """Try again to remove what was left."""
    remove_tree(str(folders.trash))
