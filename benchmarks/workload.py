"""A project of trivial stages in a Git repository, and what the figures are made of."""

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

CONFIG = (
    "[default]\nSTAGE_TYPE=batch\nEXECUTABLE_SCRIPT=main.py\n"
    "[batch]\nMAX_COMPLETION_TIME_SECONDS=60\n"
)


def make_project(folder: Path, stages: int, image: str = "python:3.12-slim") -> list[str]:
    """Make a repository whose stages print a word, one after another; return their names."""
    names = [f"stage-{number}" for number in range(1, stages + 1)]
    folder.mkdir(parents=True)
    (folder / "bodywork.ini").write_text(
        f"[default]\nPROJECT_NAME=bench\nDOCKER_IMAGE={image}\n"
        f"[workflow]\nDAG={' >> '.join(names)}\n"
    )
    for name in names:
        (folder / name).mkdir()
        (folder / name / "config.ini").write_text(CONFIG)
        (folder / name / "requirements.txt").write_text("")
        (folder / name / "main.py").write_text('print("done")\n')
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "bench"]):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)
    return names


def environment(home: Path) -> Mapping[str, str]:
    """Return the environment of a run: bytecode is kept, as on any ordinary machine."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "BODYWORK_HOME": str(home), "BODYWORK_ENGINE": "local"}


def seconds(command: Sequence[str], env: Mapping[str, str]) -> float:
    """Return how long a command takes as a whole process."""
    began = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def describe(label: str, figures: Sequence[float]) -> str:
    """Return a line with the least and the median of some durations, in milliseconds."""
    least, middle = min(figures) * 1000, statistics.median(figures) * 1000
    return f"{label:<44} min {least:7.1f} ms   median {middle:7.1f} ms"
