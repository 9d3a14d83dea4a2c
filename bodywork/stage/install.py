"""Third-party packages of a stage, into an environment of its own.

Of its own, because a container that runs as nobody cannot write into the image's Python, and so
that a stage's versions never meet Bodywork's. What the image brings along stays visible.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bodywork.errors import EngineError
from bodywork.model.packages import settings_for_uv

Call = Callable[[Sequence[str], Path, Mapping[str, str]], int]
"""Runs a command in a folder with an environment, and returns its exit code."""


def has_requirements(file: Path) -> bool:
    """Say whether there is anything to install: a line that is neither empty nor a comment."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def install(
    requirements: Path, place: Path, environment: Mapping[str, str], call: Call
) -> dict[str, str]:
    """Make an environment at `place` and install into it; return what its programs run with.

    Raises:
        EngineError: it cannot be made, or a requirement cannot be had.
    """
    settings = settings_for_uv(environment)
    for command in _commands(requirements, place, environment):
        if code := call(command, requirements.parent, settings):
            raise EngineError(
                f"the requirements of stage {requirements.parent.name} cannot be installed "
                f"(exit code {code} of `{Path(command[0]).name}`)",
                hint="its own message stands above; `pip install -r requirements.txt` on your "
                "machine shows the same",
            )
    path = os.pathsep.join(filter(None, [str(place / "bin"), environment.get("PATH", "")]))
    return {**environment, "VIRTUAL_ENV": str(place), "PATH": path}


def _commands(
    requirements: Path, place: Path, environment: Mapping[str, str]
) -> tuple[tuple[str, ...], ...]:
    python = str(place / "bin" / "python")
    what = ("install", "-r", str(requirements))
    if uv := shutil.which("uv", path=environment.get("PATH")):
        make = (uv, "venv", "--quiet", "--system-site-packages", "--python", sys.executable)
        return ((*make, str(place)), (uv, "pip", *what, "--python", python))
    options = ("--disable-pip-version-check", "--no-input")
    return (
        (sys.executable, "-m", "venv", "--system-site-packages", str(place)),
        (python, "-m", "pip", *what, *options),
    )
