"""An environment with the packages of the iris project, kept between test runs.

The stages are run by it as processes, as a container would run them: their packages are not ours.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bodywork.cli.demo_project import demo_project


def requirements() -> list[Path]:
    return sorted(demo_project().glob("*/requirements.txt"))


def build(folder: Path) -> None:
    """Make the environment, with uv where there is one."""
    wanted = [word for file in requirements() for word in ("-r", str(file))]
    python = str(folder / "bin" / "python")
    uv = shutil.which("uv")
    if uv:
        commands = [
            [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", python, *wanted],
        ]
    else:
        commands = [
            [sys.executable, "-m", "venv", str(folder)],
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted],
        ]
    for command in commands:
        subprocess.run(command, check=True)


@pytest.fixture(scope="session")
def iris_python() -> str:
    """The interpreter of an environment with every requirement of the iris project."""
    text = "".join(file.read_text() for file in requirements())
    digest = hashlib.sha256(f"{sys.executable} {sys.version} {text}".encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bodywork-tests"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"iris-{digest}"
    with (cache / f"iris-{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker of this test run may be building it
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            build(folder)
            (folder / "complete").touch()
    return str(folder / "bin" / "python")
