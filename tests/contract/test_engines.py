"""What every engine must do, tried on each: sentences of `bodywork.ports.Engine`.

An engine joins by a class that can make one, and that lets a stage's script succeed, fail or go on.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from bodywork.errors import SourceLost
from bodywork.model.names import RunName
from bodywork.model.run import Checkout, Observation, Phase, StageRun
from bodywork.model.stage import Stage
from bodywork.ports import Engine
from tests.bodywork.local.machine import (
    COMMIT,
    NAMESPACE,
    PROJECT,
    SERVER,
    Machine,
    attempt_of,
    batch,
    service,
)
from tests.fakes.engine import FAILED, SUCCEEDED, FakeEngine, World

SCRIPTS = {"good": "print('done')\n", "bad": "print('boom')\nraise SystemExit(1)\n"}


class Lab(Protocol):
    """A place in which engines can be made, with a source for the run `run-1`."""

    def engine(self) -> Engine:
        """Return a new engine on the same place, as a new controller has it."""
        ...


class LocalLab:
    """Real processes."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.machine = Machine(root, cache)
        files = {f"{name}/main.py": script for name, script in SCRIPTS.items()}
        files["serve/main.py"] = SERVER.replace("{word}", "v1")
        files["broken/main.py"] = "raise SystemExit(1)\n"
        self.machine.publish(files)

    def engine(self) -> Engine:
        return self.machine.new_engine()

    def clear(self) -> None:
        self.machine.clear()


class FakeLab:
    """A world in memory."""

    def __init__(self) -> None:
        self.world = World(outcomes={"good": [SUCCEEDED], "bad": [FAILED], "broken": [FAILED]})
        checkout = Checkout("r", "main", COMMIT, Path(), {})
        self.engine().publish_source(RunName("run-1"), checkout)

    def engine(self) -> Engine:
        return FakeEngine(self.world, NAMESPACE)


@pytest.fixture(params=["local", "fake"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    if request.param == "fake":
        yield FakeLab()
        return
    local = LocalLab(tmp_path / "state", tmp_path / "cache")
    yield local
    local.clear()


def start(engine: Engine, stage: Stage, number: int = 1) -> StageRun:
    attempt = attempt_of(stage.name, number)
    engine.ensure_job(attempt, stage, COMMIT, "image")
    return attempt


def finish(engine: Engine, attempt: StageRun) -> Observation:
    while not (seen := engine.observe_job(attempt)).phase.ended:
        engine.wait([attempt], None)
    return seen


def deploy(engine: Engine, stage: Stage) -> tuple[StageRun, Observation]:
    attempt = attempt_of(stage.name)
    engine.ensure_version(attempt, stage, COMMIT, "image")
    while (seen := engine.observe_version(attempt)).phase in (Phase.PENDING, Phase.RUNNING):
        engine.wait([attempt], None)
    return attempt, seen


def test_an_attempt_that_was_never_started_is_absent(lab: Lab) -> None:
    assert lab.engine().observe_job(attempt_of("good")).phase is Phase.ABSENT
    assert lab.engine().observe_version(attempt_of("serve")).phase is Phase.ABSENT


def test_a_job_goes_to_its_end(lab: Lab) -> None:
    engine = lab.engine()
    assert finish(engine, start(engine, batch("good"))).phase is Phase.SUCCEEDED
    failed = finish(engine, start(engine, batch("bad")))
    assert (failed.phase, failed.exit_code, failed.reason) == (Phase.FAILED, 1, "exit code 1")
    assert failed.tail == ("boom",)


def test_starting_again_adopts_also_from_another_engine(lab: Lab) -> None:
    first, second = lab.engine(), lab.engine()
    uid = first.ensure_job(attempt_of("good"), batch("good"), COMMIT, "image")
    assert second.ensure_job(attempt_of("good"), batch("good"), COMMIT, "image") == uid
    assert finish(second, attempt_of("good")).uid == uid
    assert first.observe_job(attempt_of("good")).uid == uid


def test_another_attempt_is_another_object(lab: Lab) -> None:
    engine = lab.engine()
    uids = {engine.observe_job(start(engine, batch("good"), number)).uid for number in (1, 2)}
    assert len(uids) == 2


def test_without_its_source_a_run_starts_nothing_new(lab: Lab) -> None:
    engine = lab.engine()
    engine.release(RunName("run-1"))
    engine.release(RunName("run-1"))
    with pytest.raises(SourceLost):
        start(engine, batch("good"))
    assert engine.observe_job(attempt_of("good")).phase is Phase.ABSENT


def test_stopping_what_ended_or_never_began_changes_nothing(lab: Lab) -> None:
    engine = lab.engine()
    seen = finish(engine, start(engine, batch("good")))
    engine.stop_job(attempt_of("good"))
    engine.stop_job(attempt_of("bad"))
    assert engine.observe_job(attempt_of("good")) == seen
    assert engine.observe_job(attempt_of("bad")).phase is Phase.ABSENT


def test_a_version_is_live_only_when_it_was_accepted(lab: Lab) -> None:
    engine = lab.engine()
    attempt, seen = deploy(engine, service())
    assert seen.phase is Phase.READY
    assert seen.address.startswith("http://127.")
    assert engine.live_version(PROJECT, service().name) is None
    engine.accept_version(attempt)
    engine.accept_version(attempt)
    live = lab.engine().live_version(PROJECT, service().name)
    assert live
    assert (live.run, live.stage) == ("run-1", "serve")


def test_a_version_that_ends_has_failed(lab: Lab) -> None:
    _, seen = deploy(lab.engine(), service("broken"))
    assert (seen.phase, seen.exit_code) == (Phase.FAILED, 1)


def test_a_first_version_is_restored_to_nothing_also_by_another_engine(lab: Lab) -> None:
    attempt, _ = deploy(lab.engine(), service())
    lab.engine().accept_version(attempt)
    for _ in range(2):
        assert lab.engine().restore_version(attempt, None).phase is Phase.ABSENT
    assert lab.engine().live_version(PROJECT, service().name) is None


def test_forget_removes_a_run_but_not_what_is_live(lab: Lab) -> None:
    engine = lab.engine()
    finish(engine, start(engine, batch("good")))
    attempt, _ = deploy(engine, service())
    engine.accept_version(attempt)
    engine.forget(RunName("run-1"))
    assert engine.observe_job(attempt_of("good")).phase is Phase.ABSENT
    assert engine.live_version(PROJECT, service().name)


def test_a_wait_ends_with_its_time(lab: Lab) -> None:
    lab.engine().wait([], 0.01)


def test_a_log_can_be_read_on_after_a_line(lab: Lab) -> None:
    engine = lab.engine()
    attempt = start(engine, batch("bad"))
    finish(engine, attempt)
    [line] = engine.read_log(attempt)
    assert line.text == "boom"
    assert list(engine.read_log(attempt, after=line.position)) == []
