"""Two controllers never both act on a run."""

import os
import signal

import pytest

from tests.crash.gate import await_line, begin, open_gate
from tests.crash.workplace import NAMESPACE, Workplace


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
    await_line(second, "waiting up to 10 seconds to see whether ")
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
