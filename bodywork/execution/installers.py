"""Which program installs packages: uv, or pip where there is none."""

import os
import shutil
from collections.abc import Mapping

INSTALLER_VARIABLE = "BODYWORK_INSTALLER"


def find_uv(python: str, variables: Mapping[str, str]) -> str:
    """Return the uv beside a Python, else that on the PATH; "" where pip is to be used.

    It is a dependency of Bodywork, except where there is no wheel of it. BODYWORK_INSTALLER=pip
    chooses pip.
    """
    if variables.get(INSTALLER_VARIABLE) == "pip":
        return ""
    beside = os.path.join(os.path.dirname(os.path.abspath(python)), "uv")
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which("uv", path=variables.get("PATH"))
    return os.path.abspath(found) if found else ""
