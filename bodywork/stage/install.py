"""A stage's Python: the image's own, and third-party packages in an environment beside it.

An environment of the stage's own, because a container that runs as nobody cannot write into the
image's Python. What the image brings along stays visible; what Bodywork itself stands on does not,
where that is kept apart (as in its own image).
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


def find_python(environment: Mapping[str, str]) -> str:
    """Return the image's own Python, as a person would start it there; ours where it has none."""
    path = environment.get("PATH")
    return shutil.which("python3", path=path) or shutil.which("python", path=path) or sys.executable


def install(
    requirements: Path, place: Path, python: str, environment: Mapping[str, str], call: Call
) -> dict[str, str]:
    """Make an environment at `place` from that Python and install into it; return what its
    programs run with.

    Raises:
        EngineError: it cannot be made, or a requirement cannot be had.
    """
    settings = settings_for_uv(environment)
    make, fill = _commands(requirements, place, python, environment)
    for command in (make, fill):
        if command is fill:
            _show_parent(python, place)
        if code := call(command, requirements.parent, settings):
            raise EngineError(
                f"the requirements of stage {requirements.parent.name} cannot be installed "
                f"(exit code {code} of `{Path(command[0]).name}`)",
                hint="its own message stands above; `pip install -r requirements.txt` on your "
                "machine shows the same",
            )
    path = os.pathsep.join(filter(None, [str(place / "bin"), environment.get("PATH", "")]))
    return {**environment, "VIRTUAL_ENV": str(place), "PATH": path}


def _show_parent(python: str, place: Path) -> None:
    """Let an environment see the packages of the one that it was made from.

    Python itself only lets it see those of the interpreter below both.
    """
    parent = Path(python).parent.parent
    if (parent / "pyvenv.cfg").is_file():
        seen = "".join(f"{each}\n" for each in parent.glob("lib/python*/site-packages"))
        for packages in place.glob("lib/python*/site-packages"):
            (packages / "image.pth").write_text(seen, encoding="utf-8")


def _commands(
    requirements: Path, place: Path, python: str, environment: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return how the environment is made, and how it is filled."""
    target = str(place / "bin" / "python")
    what = ("install", "-r", str(requirements))
    if uv := shutil.which("uv", path=environment.get("PATH")):
        make = (uv, "venv", "--quiet", "--system-site-packages", "--python", python)
        return ((*make, str(place)), (uv, "pip", *what, "--python", target))
    options = ("--disable-pip-version-check", "--no-input")
    return (
        (python, "-m", "venv", "--system-site-packages", str(place)),
        (target, "-m", "pip", *what, *options),
    )
