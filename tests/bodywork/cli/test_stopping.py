"""A signal leaves stages running and the run resumable; a reader that goes away harms nothing."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.cli.controllers import user_name
from tests.crash.workplace import BODYWORK, NAMESPACE, Workplace

WAIT = """
import pathlib, time
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.01)
print("let through")
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    place = Workplace(tmp_path / "work")
    place.project("wait >> after")
    place.batch("wait", WAIT.format(gate=str(tmp_path / "gate")))
    place.batch("after")
    place.commit()
    yield place
    (tmp_path / "gate").touch()


def started(place: Workplace) -> "subprocess.Popen[str]":
    """Return a controller whose first stage has been created."""
    address = place.repository.as_uri()
    controller = place.start("workflow", f"--namespace={NAMESPACE}", address, "main")
    assert controller.stdout is not None
    for line in controller.stdout:
        if "creating job=" in line:
            return controller
    raise AssertionError("no stage was created")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_the_stage_running_and_tells_how_to_resume(
    place: Workplace, tmp_path: Path, number: signal.Signals
) -> None:
    controller = started(place)
    controller.send_signal(number)
    said = controller.communicate()[0]
    run = place.runs()[0]["run"]
    assert controller.returncode == 4
    assert "Traceback" not in said
    assert f"bodywork workflow --resume --run={run} --namespace={NAMESPACE}" in said
    (tmp_path / "gate").touch()
    place.workflow("--resume")
    assert place.status(run)["state"] == "succeeded"
    assert place.happened() == ["after 1", "wait 1"]


def test_a_run_that_nobody_controls_is_shown_as_interrupted_and_can_be_cancelled(
    place: Workplace,
) -> None:
    controller = started(place)
    controller.kill()
    controller.communicate()
    run = place.runs()[0]["run"]
    where = f"--namespace={NAMESPACE}"
    assert "interrupted" in place.bodywork("status", where, run)
    place.bodywork("cancel", where, run)
    assert place.status(run)["state"] == "cancelled"
    assert "after 1" not in place.happened()


def test_a_cancel_reads_as_one_in_both_terminals(place: Workplace) -> None:
    controller = started(place)
    run = place.runs()[0]["run"]
    canceller = place.start("cancel", f"--namespace={NAMESPACE}", run)
    said = canceller.communicate()[0]
    log = controller.communicate()[0]
    who = f"note: run {run} was cancelled by {user_name()}"
    assert f"{who}; nothing of it runs any more" in said
    assert who in log
    assert controller.returncode == 3
    for text in (said, log):
        assert "ERROR" not in text
        assert "error:" not in text
        assert "taken" not in text


def test_a_take_over_names_who_took_the_run(place: Workplace, tmp_path: Path) -> None:
    controller = started(place)
    run = place.runs()[0]["run"]
    where = f"--namespace={NAMESPACE}"
    other = place.start("workflow", where, "--resume", f"--run={run}", "--take-over")
    assert other.stdout is not None
    for line in other.stdout:
        if "resuming run=" in line:
            break
    (tmp_path / "gate").touch()
    log = controller.communicate()[0]
    other.communicate()
    assert controller.returncode == 3
    assert other.returncode == 0
    assert f"{user_name()} (process {other.pid} on " in log
    assert f"has taken run {run} over" in log
    assert "cancelled" not in log


def test_a_reader_that_goes_away_neither_stops_the_run_nor_sees_a_traceback(
    place: Workplace, tmp_path: Path
) -> None:
    controller = started(place)
    assert controller.stdout is not None
    controller.stdout.close()
    (tmp_path / "gate").touch()
    controller.wait()
    assert place.runs()[0]["state"] == "succeeded"


@pytest.mark.parametrize("words", [["--help"], ["status", f"--namespace={NAMESPACE}"]])
def test_a_closed_stdout_gives_no_traceback(place: Workplace, words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*BODYWORK, *words],
        env={**os.environ, "BODYWORK_ENGINE": "local", **place.environment},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 0
