"""Virtual environments that tests need beside their own, made once and kept between test runs."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def cached_environment(name: str, requirements: Sequence[str]) -> Path:
    """Return the interpreter of an environment with the requirements."""
    text = f"{sys.executable} {sys.version} {' '.join(requirements)}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bodywork-tests"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{name}-{digest}"
    with (cache / f"{name}-{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker of this test run may be making it
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _build(folder, requirements)
            (folder / "complete").touch()
    return folder / "bin" / "python"


def _build(folder: Path, requirements: Sequence[str]) -> None:
    """Make the environment, with uv where there is one."""
    python = str(folder / "bin" / "python")
    uv = shutil.which("uv")
    if uv:
        commands = [
            [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", python, *requirements],
        ]
    else:
        commands = [
            [sys.executable, "-m", "venv", str(folder)],
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements],
        ]
    for command in commands:
        subprocess.run(command, check=True)
