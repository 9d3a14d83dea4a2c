"""A stage's Python: the image's own, and third-party packages in an environment beside it.

An environment of the stage's own, because a container that runs as nobody cannot write into the
image's Python. What the image brings along stays visible; what Bodywork itself stands on does not,
where that is kept apart (as in its own image).
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from bodywork.execution.installation_errors import installation_failed
from bodywork.execution.installer_settings import installer_variables
from bodywork.execution.installers import find_uv
from bodywork.execution.python_environment import Call, Installation, make_environment
from bodywork.execution.requirement_files import UnreadableRequirements
from bodywork.execution.requirement_set import RequirementSet, anchored
from bodywork.execution.variables import activate


def find_python(environment: Mapping[str, str]) -> str:
    """Return the image's own Python, as a person would start it there; ours where it has none."""
    path = environment.get("PATH")
    return shutil.which("python3", path=path) or shutil.which("python", path=path) or sys.executable


def read_wanted(folder: Path, environment: Mapping[str, str]) -> RequirementSet:
    """Return what the stage in a folder wants installed.

    Raises:
        InstallationFailed: a requirements file cannot be read.
    """
    try:
        return RequirementSet.read(folder, environment)
    except UnreadableRequirements as error:
        raise installation_failed(folder.name, error.message, final=True) from error


def install(
    wanted: RequirementSet, place: Path, python: str, environment: Mapping[str, str], call: Call
) -> dict[str, str]:
    """Make an environment at `place` from that Python and install into it; return what its
    programs run with.

    Raises:
        InstallationFailed: it cannot be made, or a requirement cannot be had.
    """
    variables = anchored(installer_variables(environment), wanted.folder)
    uv = find_uv(sys.executable, environment)
    stage = wanted.folder.name
    make_environment(
        Installation(stage, place, python, uv, wanted, variables, shows_parent=True), call
    )
    return activate(environment, str(place))
