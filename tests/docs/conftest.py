"""A reader of the documentation: an empty home folder, a clone, and nothing but Python and Git."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.pages import Reader, Shell

ROOT = Path(__file__).resolve().parents[2]
KEPT = (
    "PIP_",
    "UV_",
    "SSL_",
    "REQUESTS_",
    "HTTP",
    "http",
    "NO_PROXY",
    "no_proxy",
    "LANG",
    "TMPDIR",
)
"""What of a machine's settings decides how packages are fetched."""


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a reader with an empty home folder, who shares our downloads."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    own = {
        "HOME": str(home),
        "USER": "ada",
        "LOGNAME": "ada",
        "PATH": os.pathsep.join(_system_path()),
        "PIP_CACHE_DIR": str(cache / "pip"),
        "UV_CACHE_DIR": str(cache / "uv"),
    }
    return {"LANG": "C.UTF-8", **kept, **own}


def _system_path() -> list[str]:
    """Return the PATH without virtual environments, ours first of all."""
    folders = os.environ["PATH"].split(os.pathsep)
    return [each for each in folders if each and not Path(each, "activate").exists()]


@pytest.fixture
def make_reader(tmp_path: Path) -> Iterator[Callable[..., Reader]]:
    """Return what makes a reader who stands in a clone of this repository, as it is now."""
    shells: list[Shell] = []

    def make(
        replacements: Mapping[str, str] | None = None, variables: Mapping[str, str] | None = None
    ) -> Reader:
        home = tmp_path / "home"
        home.mkdir()
        shell = Shell(_clone(tmp_path / "clone"), {**environment(home), **(variables or {})})
        shells.append(shell)
        return Reader(shell, {"/home/ada": str(home), **(replacements or {})})

    yield make
    for shell in shells:
        shell.run("deactivate 2>/dev/null; cd /")
        shell.close()


def _clone(folder: Path) -> Path:
    """Copy what Git knows of this checkout, with changes that are not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in listed.decode().split("\0"):
        source, target = ROOT / name, folder / name
        if name and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
    return folder
