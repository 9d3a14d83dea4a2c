"""A stage's Python environment: made, filled and verified, the same way on both engines.

The tools run isolated: with an installer's variables, in an empty folder, Python with `-I`. So
neither the user's PYTHONPATH nor a module in the stage's folder takes part. An environment that was
made is looked at from inside before it counts.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bodywork.execution.installation_errors import installation_failed, is_hopeless
from bodywork.execution.requirement_set import RequirementSet

_UNRESOLVED = ("PIP_NO_DEPS", "UV_NO_DEPS", "UV_OVERRIDE")
_VERIFY = """
import importlib.metadata as metadata, os, re, sys
prefix = os.path.realpath(sys.prefix) + os.sep
names, deep = sys.argv[2:], sys.argv[1] == "deep"
plain = lambda name: re.sub("[-_.]+", "-", name).lower()
there, faults = {}, []
for found in metadata.distributions():
    place = str(getattr(found, "_path", ""))
    mine = os.path.realpath(place).startswith(prefix)
    try:
        name, needs = found.metadata["Name"], found.requires or ()
        whole = name and found.version and (not mine or found.files is not None)
    except Exception:
        name, needs, whole = None, (), False
    if mine and not whole:
        faults.append(f"the metadata in {place} is not complete")
    if name:
        there.setdefault(plain(name), (mine, needs))
for name in names:
    if plain(name) not in there:
        faults.append(f"{name} is not there")
for name, (mine, needs) in there.items() if deep else ():
    for need in needs if mine else ():
        wanted = re.match(r"[A-Za-z0-9][-_.A-Za-z0-9]*", need)
        if ";" not in need and wanted and plain(wanted[0]) not in there:
            faults.append(f"{name} needs {wanted[0]}, which is not there")
print("".join(f"the environment is not complete: {fault}\\n" for fault in faults), end="")
sys.exit(bool(faults))
"""


KEPT_LINES = 400
"""How many of a tool's last lines tell why it failed."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a tool ended.

    Attributes:
        code: its exit code; negative for a signal.
        output: the end of what it printed.
    """

    code: int
    output: str


Call = Callable[[Sequence[str], Path, Mapping[str, str]], ToolResult]
"""Runs a command in a folder with these variables, and passes its output on."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An environment to be made.

    Attributes:
        stage: for messages.
        place: where; nothing is there yet.
        python: the interpreter that it is made from.
        uv: the program; "" for Python's own venv and pip.
        wanted: the requirements.
        variables: from `installer_variables`, with absolute paths.
        shows_parent: whether packages of `python` are seen in it.
        refresh: whether what uv has kept of indexes is asked for again.
    """

    stage: str
    place: Path
    python: str
    uv: str
    wanted: RequirementSet
    variables: Mapping[str, str]
    shows_parent: bool = False
    refresh: bool = False


def make_environment(installation: Installation, call: Call) -> None:
    """Make the environment, install into it, and verify it.

    Raises:
        InstallationFailed: a tool failed, or what it made is not complete.
    """
    with tempfile.TemporaryDirectory(prefix="bodywork-install-") as scratch:
        folder = Path(scratch)
        for command in _commands(installation, folder):
            variables = installation.variables
            if "--no-index" in command:  # Python's own pip: no setting of the user's is about it
                kept = ("UV_CACHE_DIR", "UV_LINK_MODE")
                variables = {k: v for k, v in variables.items() if k[:3] != "UV_" or k in kept}
            result = call(command, folder, variables)
            if result.code:
                raise installation_failed(
                    installation.stage,
                    f"exit code {result.code} of `{Path(command[0]).name}`",
                    final=is_hopeless(result.output),
                )
            if installation.shows_parent:
                _show_parent(installation.python, installation.place)
        _verify(installation, folder, call)


def _commands(installation: Installation, folder: Path) -> list[Sequence[str]]:
    place, python, uv = str(installation.place), installation.python, installation.uv
    target = os.path.join(place, "bin", "python")
    shows = ("--system-site-packages",) if installation.shows_parent else ()
    has_requirements = bool(installation.wanted.lines)
    commands: list[Sequence[str]] = []
    if uv:
        commands.append((uv, "venv", "--quiet", *shows, "--no-project", "--python", python, place))
        install: tuple[str, ...] = (uv, "pip", "install", "--python", target)
        if has_requirements and not shows and (pip := _bundled_pip()):
            commands.append((*install, "--quiet", "--offline", "--no-deps", "--no-index", pip))
        install = (*install, *(("--refresh",) if installation.refresh else ()))
    else:
        bare = () if has_requirements else ("--without-pip",)
        commands.append((python, "-I", "-m", "venv", *shows, *bare, place))
        install = (target, "-I", "-m", "pip", "install")
    if has_requirements:
        commands.append((*install, *_write(installation.wanted, folder)))
    return commands


def _write(wanted: RequirementSet, folder: Path) -> list[str]:
    """Write the requirements for the installer; return its options that name them."""
    arguments = []
    for option, name, text in zip(
        ("-r", "-c"), ("requirements.txt", "constraints.txt"), wanted.render(), strict=True
    ):
        if text or option == "-r":
            (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
            arguments += [option, str(folder / name)]
    return arguments


def _bundled_pip() -> str:
    """Return the wheel of pip that Python brings for its own environments, if it does."""
    import ensurepip  # some distributions leave it out

    found = sorted(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"))
    return str(found[-1]) if found else ""


def _verify(installation: Installation, folder: Path, call: Call) -> None:
    deep = "deep" if not any(map(installation.variables.get, _UNRESOLVED)) else "shallow"
    target = str(installation.place / "bin" / "python")
    names = installation.wanted.names()
    if call((target, "-I", "-c", _VERIFY, deep, *names), folder, installation.variables).code:
        raise installation_failed(
            installation.stage, "what was installed is not complete", final=False
        )


def _show_parent(python: str, place: Path) -> None:
    """Let an environment see the packages of the one that it was made from.

    Python itself only lets it see those of the interpreter below both.
    """
    parent = Path(python).parent.parent
    if (parent / "pyvenv.cfg").is_file():
        seen = "".join(f"{each}\n" for each in parent.glob("lib/python*/site-packages"))
        for packages in place.glob("lib/python*/site-packages"):
            (packages / "image.pth").write_text(seen, encoding="utf-8")
