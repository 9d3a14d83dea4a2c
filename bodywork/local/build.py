"""Builds one environment: `python -m bodywork.local.build PYTHON FOLDER [REQUIREMENTS]`.

Run by a supervisor, in the stage's folder; what it prints goes into the stage's log. Of several
builders of one environment, one builds and the others wait. A build that was killed is begun anew.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bodywork.local.environments import MARKER, SHIM
from bodywork.local.supervisor.files import make_folder
from bodywork.model.packages import settings_for_uv
from bodywork.model.redaction import hide_bytes

PTH = "import bodywork_local_network\n"


def main(arguments: Sequence[str]) -> None:
    """Build, unless it is built by now; exit with the code of the tool that failed."""
    python, folder, requirements = arguments[0], Path(arguments[1]), arguments[2]
    make_folder(str(folder.parent))
    lock = os.open(f"{folder}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another stage that builds the same environment", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    if (folder / MARKER).exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _build(python, folder, requirements)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode or 1)
    (folder / MARKER).touch()


def _build(python: str, folder: Path, requirements: str) -> None:
    uv = find_uv(python)
    if uv:
        _run(uv, "venv", "--quiet", "--no-project", "--python", python, str(folder))
    else:
        pip = () if requirements else ("--without-pip",)
        _run(python, "-m", "venv", *pip, str(folder))
    target = str(folder / "bin" / "python")
    if requirements and uv:
        _run(uv, "pip", "install", "--python", target, "-r", requirements)
    elif requirements:
        _run(target, "-m", "pip", "install", "--disable-pip-version-check", "-r", requirements)
    [packages] = (folder / "lib").glob("python*/site-packages")
    shutil.copyfile(SHIM, packages / "bodywork_local_network.py")
    (packages / "bodywork_local_network.pth").write_text(PTH)


def find_uv(python: str) -> str:
    """Return uv where it is on the path or beside the controller's Python, else ""."""
    beside = Path(python).parent / "uv"
    return shutil.which("uv") or (str(beside) if os.access(beside, os.X_OK) else "")


def _run(*command: str) -> None:
    """Run a tool, and pass on what it prints; the address of an index may hold a password.

    Raises:
        CalledProcessError: it failed.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=settings_for_uv(os.environ),
    ) as tool:
        for line in tool.stdout or ():
            os.write(1, hide_bytes(line))
    if tool.returncode:
        raise subprocess.CalledProcessError(tool.returncode, command)
