"""What the command line shows, in words that are the same each time, for golden outputs."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.crash.workplace import BODYWORK

FILTERS = [
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "DATE TIME,MS"),
    (r"\bshop-\d{8}-\d{6}-[0-9a-f]{4}", "RUN"),
    (r"\b(commit|at) [0-9a-f]{7}\b", r"\1 SHORT"),
    (r"git version .*", "git version N"),
    (r"\(process \d+\)", "(process N)"),
]
CONFIG = (
    "[default]\nPROJECT_NAME=shop\nDOCKER_IMAGE=python:3.12-slim\n"
    "[workflow]\nDAG=train\n[logging]\nLOG_LEVEL=INFO\n"
)
STAGE = (
    "[default]\nSTAGE_TYPE=batch\nEXECUTABLE_SCRIPT=main.py\n"
    "[batch]\nMAX_COMPLETION_TIME_SECONDS=30\nRETRIES=0\n"
)


def write_project(folder: Path, script: str = "print('trained')\n") -> None:
    (folder / "train").mkdir(parents=True)
    (folder / "bodywork.ini").write_text(CONFIG)
    (folder / "train" / "config.ini").write_text(STAGE)
    (folder / "train" / "requirements.txt").write_text("")
    (folder / "train" / "main.py").write_text(script)


def told(root: Path, title: str, *words: str, variables: Mapping[str, str] | None = None) -> str:
    """Return all that a command shows, with its exit code, filtered.

    Args:
        root: the folder to run it in, shown as a home folder.
        title: of the section.
        words: of the command, without its name.
        variables: added to the environment; "" removes one.
    """
    own = {"BODYWORK_ENGINE": "local", "BODYWORK_HOME": str(root / "state"), **(variables or {})}
    environment = {name: value for name, value in {**os.environ, **own}.items() if value}
    done = subprocess.run(
        [*BODYWORK, *words], env=environment, capture_output=True, text=True, cwd=root
    )
    lines = [f"# {title}", f"$ bodywork {' '.join(words)}", done.stdout.rstrip(), done.stderr]
    text = "\n".join(line for line in lines if line).rstrip()
    text = text.replace(str(root), "/home/ada")
    for pattern, stands in FILTERS:
        text = re.sub(pattern, stands, text)
    return f"{text}\nexit code {done.returncode}\n"


def rewrite(golden: Path, sections: Callable[[Path], Iterable[str]]) -> None:
    """Write a golden file anew, from sections that are made in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        golden.write_text("\n".join(sections(Path(folder))), "utf-8")
    sys.stdout.write(f"written: {golden}\n")
