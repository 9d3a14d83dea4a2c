"""The same command begins a named run, goes on with it after kill -9, and tells how it ended."""

import os
import signal
from pathlib import Path

from tests.crash.gate import Controller, await_line, open_gate
from tests.crash.workplace import NAMESPACE, Workplace

RUN = "nightly-29389821"
HALF_BROKEN = """
import pathlib
mark = pathlib.Path(os.environ["EFFECTS"] + ".mark")
if not mark.exists():
    mark.touch()
    raise SystemExit(7)
"""


def command(place: Workplace, *options: str, run: str = RUN) -> list[str]:
    named = ["--as", run, *options] if run else list(options)
    return ["workflow", f"--namespace={NAMESPACE}", *named, place.repository.as_uri(), "main"]


def killed_at_the_gate(place: Workplace, run: str = RUN) -> Controller:
    first = place.start(*command(place, run=run))
    await_line(first, "creating job=shop--a")
    first.kill()
    first.wait()
    return first


def test_a_killed_controller_is_replaced_by_the_same_command(gated: Workplace) -> None:
    killed_at_the_gate(gated)
    second = gated.start(*command(gated))
    await_line(second, f"resuming run={RUN}")
    open_gate(gated)
    assert second.wait(60) == 0
    gated.bodywork(*command(gated))
    assert [each["run"] for each in gated.runs()] == [RUN]
    assert gated.happened() == ["a 1", "b 1"]


def test_a_second_one_waits_for_the_result_of_the_first(gated: Workplace) -> None:
    first = gated.start(*command(gated))
    await_line(first, "creating job=shop--a")
    second = gated.start(*command(gated))
    await_line(second, "waiting: ")
    open_gate(gated)
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert gated.happened() == ["a 1", "b 1"]


def test_one_that_waits_can_be_stopped(gated: Workplace) -> None:
    first = gated.start(*command(gated))
    await_line(first, "creating job=shop--a")
    second = gated.start(*command(gated))
    await_line(second, "waiting: ")
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 4
    open_gate(gated)
    assert first.wait(60) == 0


def test_one_that_was_overtaken_ends_as_the_run_did(gated: Workplace) -> None:
    first = gated.start(*command(gated))
    with Path(f"{gated.effects}.gate").open("w"):  # the stage has come to the gate
        os.kill(first.pid, signal.SIGSTOP)
        second = gated.start("workflow", f"--namespace={NAMESPACE}", "--resume", f"--run={RUN}")
        await_line(second, "resuming run=")
    assert second.wait(60) == 0
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait(60) == 0
    assert gated.happened() == ["a 1", "b 1"]


def test_the_next_tick_resumes_what_a_dead_one_left(gated: Workplace) -> None:
    killed_at_the_gate(gated)
    skipped = gated.start(*command(gated, "--on-unfinished=skip", run="nightly-29389822"))
    await_line(skipped, f"run {RUN} is unfinished, so none was begun")
    assert skipped.wait(60) == 0
    resumed = gated.start(*command(gated, "--on-unfinished=resume", run="nightly-29389823"))
    await_line(resumed, f"resuming run={RUN}")
    open_gate(gated)
    assert resumed.wait(60) == 0
    assert [each["run"] for each in gated.runs()] == [RUN]
    assert gated.happened() == ["a 1", "b 1"]


def test_the_next_tick_supersedes_what_a_dead_one_left(gated: Workplace) -> None:
    killed_at_the_gate(gated)
    later = gated.start(*command(gated, "--on-unfinished=supersede", run="nightly-29389822"))
    await_line(later, f"ending run={RUN} because of a newer run of its branch")
    await_line(later, "creating job=shop--a")
    open_gate(gated)
    assert later.wait(60) == 0
    states = {each["run"]: each["state"] for each in gated.runs()}
    assert states == {RUN: "cancelled", "nightly-29389822": "succeeded"}


def test_this_machines_own_cron_can_resume_without_a_name(gated: Workplace) -> None:
    killed_at_the_gate(gated, run="")
    later = gated.start(*command(gated, "--on-unfinished=resume", run=""))
    await_line(later, "resuming run=")
    open_gate(gated)
    assert later.wait(60) == 0
    assert len(gated.runs()) == 1


def test_a_retry_runs_again_what_failed_and_nothing_else(place: Workplace) -> None:
    place.project("a >> b")
    place.batch("a")
    place.batch("b", HALF_BROKEN)
    place.commit()
    place.bodywork(*command(place, "--retries=2"))
    states = {each["run"]: each["state"] for each in place.runs()}
    assert states == {RUN: "failed", f"{RUN}-retry-1": "succeeded"}
    assert place.happened() == ["a 1", "b 1", "b 1"]


def test_the_name_can_come_from_the_environment(place: Workplace) -> None:
    place.project("a")
    place.batch("a")
    place.commit()
    place.environment["BODYWORK_RUN"] = RUN
    place.bodywork(*command(place, run=""))
    assert [each["run"] for each in place.runs()] == [RUN]
