"""Which environment a stage gets: known by all that decides what is in it, so that it can be kept.

The controller chooses by the content of the requirements; the stage's supervisor has it built
(`bodywork.local.build`) where none is kept (`supervisor.kept`), so that the output stands in the
stage's log and parallel stages build side by side.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from bodywork.execution.installation_errors import AS_THEY_ARE
from bodywork.execution.installer_settings import deciding_settings, installer_variables
from bodywork.execution.installers import find_uv
from bodywork.execution.requirement_set import RequirementSet, anchored, identity_of_files

BUILD_LIMIT_SECONDS = 900
FAILED, HOPELESS = 1, 65
"""Exit codes of a build: another attempt may succeed; it will fail again (EX_DATAERR)."""
SHIM = Path(__file__).with_name("network") / "shim.py"
_FORM = "3"
"""Changes with how environments are made: older ones are not used then."""
_ROOT = str(Path(__file__).resolve().parents[2])
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from bodywork.local.build import main; main(sys.argv[2:])"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a stage wants: its requirements, and the variables of the installer.

    Attributes:
        root: the project's files, for what a local package's build may read.
        run: in whose environments nothing moves.
    """

    wanted: RequirementSet
    variables: Mapping[str, str]
    root: Path
    run: str

    @classmethod
    def read(cls, root: Path, stage: str, variables: Mapping[str, str], run: str) -> "Wish":
        """Read what a stage of a project wants, given the stage's own variables.

        Raises:
            UnreadableRequirements: a requirements file cannot be read.
        """
        folder = root / stage
        wanted = RequirementSet.read(folder, variables)
        settings = anchored(installer_variables(variables), folder) if wanted.lines else {}
        return cls(wanted, settings, root, run)

    def name(self) -> str:
        """Return the name of the environment: equal for all that may share it."""
        if not self.wanted.lines:
            return f"plain-{_digest(_machine())}"
        shared = self.wanted.is_fixed()
        parts = [*_machine(), *self._requirements(), "" if shared else self.run]
        return f"{'packages' if shared else 'run'}-{_digest(parts)}"

    def resolved(self, wanted: RequirementSet) -> "Wish":
        """Return the same wish for requirements whose references are resolved."""
        return replace(self, wanted=wanted)

    def _requirements(self) -> Iterator[str]:
        yield "uv" if find_uv(sys.executable, self.variables) else "pip"
        for name, value in deciding_settings(self.variables).items():
            yield f"{name}={value}"
        yield from _user_settings(self.variables)
        yield from identity_of_files(self.variables)
        yield from self.wanted.identity(self.root)


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that may not be built yet; its folder is a link to one that is kept."""

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    def build_spec(self, attempt: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a supervisor needs to lock the environment, and to have it built.

        Args:
            attempt: what `bodywork.local.build` is told of the stage.
        """
        arguments = [str(self.folder), json.dumps(attempt)]
        return {
            "environment": str(self.folder),
            "uid": attempt["uid"],
            "not_before": attempt["not_before"],
            "command": [sys.executable, "-I", "-c", _PROGRAM, _ROOT, *arguments],
            "limit_seconds": BUILD_LIMIT_SECONDS,
            "hopeless_code": HOPELESS,
            "hopeless_reason": f"its requirements {AS_THEY_ARE}",
        }


@dataclass(frozen=True, slots=True)
class EnvironmentCache:
    """The environments of this machine, as one controller uses them.

    Attributes:
        folder: the cache folder.
        not_before: seconds since 1970; what was made before is made anew (0 for never).
    """

    folder: Path
    not_before: float = 0.0

    def choose(self, wish: Wish) -> Environment:
        """Return the environment for a stage."""
        return Environment(environments_folder(self.folder) / wish.name())


def environments_folder(cache: Path) -> Path:
    """Return the folder of all environments."""
    return cache / "environments"


def _digest(parts: Iterable[str]) -> str:
    joined = "\0".join(parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogateescape")).hexdigest()[:20]


@cache
def _machine() -> list[str]:
    """Return what of this machine decides what is installed."""
    return [
        _FORM,
        os.path.realpath(sys.executable),
        sys.version,
        sys.platform,
        os.uname().machine,
        _c_library(),
        hashlib.sha256(SHIM.read_bytes()).hexdigest(),
    ]


def _c_library() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""


def _user_settings(variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the text of uv's own configuration files of the user and of the machine."""
    home = Path(variables.get("HOME") or os.path.expanduser("~"))
    config = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    for file in (Path("/etc/uv/uv.toml"), config / "uv/uv.toml"):
        try:
            yield file.read_text("utf-8", errors="replace")
        except OSError:
            continue
