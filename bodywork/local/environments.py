"""Python environments: made once for a Python, a requirements.txt and our shim, then kept.

Which one a stage gets is decided here, in the controller; it is built by the stage's supervisor
(`python -m bodywork.local.build`), so that the output stands in the stage's log and parallel stages
build side by side. A marker, written last, says that an environment is whole.
"""

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BUILD_LIMIT_SECONDS = 900
MARKER = "bodywork-ready"
SHIM = Path(__file__).with_name("network") / "shim.py"
_ROOT = str(Path(__file__).resolve().parents[2])
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from bodywork.local.build import main; main(sys.argv[2:])"
)
_LOCAL = re.compile(r"^\s*(-[rce]\b|--requirement|--constraint|--editable|\.|/|file:)", re.M)


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that may not be built yet."""

    folder: Path
    requirements: str

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def marker(self) -> str:
        """The file that says it is whole."""
        return str(self.folder / MARKER)

    def build_command(self) -> list[str]:
        """Return the command that builds it, to be run in the stage's folder."""
        arguments = [sys.executable, str(self.folder), self.requirements]
        return [sys.executable, "-I", "-c", _PROGRAM, _ROOT, *arguments]


def choose(folder: Path, stage_folder: Path, commit: str) -> Environment:
    """Return the environment for the requirements.txt of a stage's folder.

    Requirements that name files of the project are only shared within a commit.
    """
    text = _requirements(stage_folder / "requirements.txt")
    parts = [_python(), _shim(), text, commit if _LOCAL.search(text) else ""]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
    kind = "packages" if text else "plain"
    return Environment(
        folder / "environments" / f"{kind}-{digest}", "requirements.txt" if text else ""
    )


def _requirements(file: Path) -> str:
    """Return the lines that ask for something, without comments."""
    try:
        text = file.read_text("utf-8-sig", errors="replace")
    except FileNotFoundError:
        return ""
    lines = (re.sub(r"(^|\s)#.*", "", line).rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


@cache
def _python() -> str:
    return f"{os.path.realpath(sys.executable)} {sys.version}"


@cache
def _shim() -> str:
    return hashlib.sha256(SHIM.read_bytes()).hexdigest()
