"""Two controllers never both act on a run."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.crash.workplace import NAMESPACE, Workplace

Controller = subprocess.Popen[str]
GATE = """
with open(os.environ["EFFECTS"] + ".gate") as gate:
    gate.read()
"""


@pytest.fixture
def gated(place: Workplace) -> Workplace:
    """A run of two steps whose first stage ends when the test opens the gate."""
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


def test_a_second_controller_is_refused_and_told_who_holds_the_run(gated: Workplace) -> None:
    first, run = begin(gated)
    said = gated.workflow("--resume", f"--run={run}", codes=(3,))
    assert str(first.pid) in said
    open_gate(gated)
    assert first.wait(30) == 0
    assert gated.happened() == ["a 1", "b 1"]


def test_a_paused_controller_is_overtaken_and_changes_nothing_when_it_goes_on(
    gated: Workplace,
) -> None:
    first, run = begin(gated)
    os.kill(first.pid, signal.SIGSTOP)
    second = gated.start("workflow", f"--namespace={NAMESPACE}", "--resume", f"--run={run}")
    await_line(second, "resuming run=")
    open_gate(gated)
    assert second.wait(60) == 0
    before = gated.status(run)
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait(30) == 3
    assert gated.status(run) == before
    assert gated.happened() == ["a 1", "b 1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_stages_running_and_says_how_to_resume(
    gated: Workplace, number: signal.Signals
) -> None:
    first, run = begin(gated)
    first.send_signal(number)
    assert first.wait(30) == 4
    assert first.stdout
    assert "--resume" in first.stdout.read()
    open_gate(gated)
    gated.workflow("--resume", f"--run={run}")
    assert gated.happened() == ["a 1", "b 1"]


def test_cancel_stops_what_runs_and_the_controller_notices(gated: Workplace) -> None:
    first, run = begin(gated)
    gated.bodywork("cancel", f"--namespace={NAMESPACE}", run)
    assert first.wait(30) == 3
    assert gated.status(run)["state"] == "cancelled"
    assert gated.happened() == ["a 1"]
