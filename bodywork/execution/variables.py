"""The environment of a stage's processes, by one rule wherever it runs; standard library only."""

import os
from collections.abc import Mapping


def activate(environment: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return the environment with a virtual environment in use: its programs come first.

    Args:
        folder: of the virtual environment.
    """
    programs = os.path.join(folder, "bin")
    path = environment.get("PATH") or os.defpath
    return {**environment, "VIRTUAL_ENV": folder, "PATH": os.pathsep.join((programs, path))}
