"""A run whose first stage waits at a gate until the test lets it go on: no sleep, no chance."""

import os
import subprocess
from pathlib import Path

from tests.crash.workplace import NAMESPACE, Workplace

Controller = subprocess.Popen[str]
GATE = """
with open(os.environ["EFFECTS"] + ".gate") as gate:
    gate.read()
"""


def build_gated(place: Workplace) -> Workplace:
    """Make a project of two steps whose first stage ends when the test opens the gate."""
    os.mkfifo(f"{place.effects}.gate")
    place.project("a >> b")
    place.batch("a", GATE)
    place.batch("b")
    place.commit()
    return place


def open_gate(place: Workplace) -> None:
    """Let the stage go on; blocks until it has come to the gate."""
    with Path(f"{place.effects}.gate").open("w"):
        pass


def await_line(process: Controller, text: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"it never said {text!r}")


def begin(place: Workplace) -> tuple[Controller, str]:
    where = [f"--namespace={NAMESPACE}", place.repository.as_uri(), "main"]
    first = place.start("workflow", *where)
    await_line(first, "creating job=shop--a")
    return first, str(place.runs()[0]["run"])
