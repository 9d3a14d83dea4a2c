"""A stage for which the engine has no room: it waits, says so, and ends within its own time."""

from collections.abc import Sequence
from typing import Any

import pytest

from bodywork.errors import NoRoom
from bodywork.model.names import StageName
from bodywork.model.run import StageRun
from bodywork.workflow import lifecycle
from tests.bodywork.workflow.harness import Office, Repository, batch, service, workflow
from tests.bodywork.workflow.test_refusals import Refusing
from tests.fakes.engine import FakeEngine

FULL = NoRoom("the namespace's quota is exhausted: count/jobs.batch=1", hint="free something")
STEP = (batch("train", retries=1), service("serve"))


class Full(Refusing):
    """An engine without room, in whose world time passes when somebody waits."""

    def __init__(self, inner: FakeEngine, office: Office, method: str, times: float) -> None:
        super().__init__(inner, method, times=times, error=FULL)
        self._office = office

    def wait(self, attempts: Sequence[StageRun], timeout: float | None) -> None:
        self.inner.wait(attempts, timeout)
        self._office.time.seconds += timeout or 0.0


def run(method: str, times: float) -> tuple[Office, Any]:
    office = Office(Repository(c0=workflow(STEP)))
    engine: list[Full] = []

    def wrap(inner: Any) -> Any:
        engine.append(Full(inner, office, method, times))
        return engine[-1]

    run = office.begin()
    return office, office.controller(wrap_engine=wrap).execute(run)


@pytest.mark.parametrize(
    ("method", "name"),
    [("ensure_job", "train"), ("ensure_version", "serve"), ("claim_service", "serve")],
)
@pytest.mark.parametrize("times", [1, 2, 5])
def test_it_goes_on_by_itself_when_there_is_room_again(
    caplog: pytest.LogCaptureFixture, method: str, name: str, times: int
) -> None:
    caplog.set_level("INFO")
    office, last = run(method, times)
    assert last.state == lifecycle.SUCCEEDED
    [attempt] = office.progress(last.id).stages[StageName(name)].attempts
    assert (attempt.state, attempt.reason) == ("succeeded", "")
    assert caplog.text.count(f"stage={name} is waiting: {FULL.message}") == 1
    assert caplog.text.count(f"=shop--{name} in namespace=shop") == 1


@pytest.mark.parametrize(
    ("method", "name", "attempts", "seconds"),
    [
        ("ensure_job", "train", 2, 2 * 930),
        ("ensure_version", "serve", 1, 30),
        ("claim_service", "serve", 1, 30),
    ],
)
def test_it_fails_within_its_own_time_where_there_is_none(
    method: str, name: str, attempts: int, seconds: int
) -> None:
    office, last = run(method, float("inf"))
    assert last.state in (lifecycle.FAILED, lifecycle.ROLLED_BACK)
    progress = office.progress(last.id)
    assert progress.verdict is not None
    assert progress.verdict.reason == f"it did not start in time: {FULL.message}"
    assert progress.verdict.hint == "free something"
    assert len(progress.stages[StageName(name)].attempts) == attempts
    assert seconds <= office.time.seconds < seconds * 1.2 + 10


@pytest.mark.parametrize("state", ["step-1-running"])
def test_a_run_that_waits_can_be_cancelled(state: str) -> None:
    office = Office(Repository(c0=workflow((batch("train"),))))
    run = office.begin_and_die(state)
    last = office.controller(
        wrap_engine=lambda inner: Full(inner, office, "ensure_job", float("inf"))  # type: ignore[arg-type]
    ).cancel(run, "ada")
    assert last.state == lifecycle.CANCELLED
