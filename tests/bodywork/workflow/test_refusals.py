"""What the engine refuses, at any call and for good: each run ends all the same, and says why."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bodywork.errors import BodyworkError, EngineError, EngineUnavailable, NotFound
from bodywork.model.names import RunName, StageName
from bodywork.model.run import Observation, Phase, ServiceVersion
from bodywork.workflow import lifecycle
from bodywork.workflow.status import run_status
from statemachine.checkpoint import Checkpoint
from tests.bodywork.workflow.harness import Office, Repository, batch, service, workflow
from tests.fakes.engine import FAILED, FakeEngine

OLD = ServiceVersion("v0", RunName("run-zero"), StageName("serve"), "c9")
FOREIGN = EngineError("there is a Deployment shop--serve", hint="remove it")
PROJECT = workflow(
    (batch("prepare"),),
    (service("serve"), batch("beside")),
    (batch("check"),),
    on_failure=batch("tell"),
)
METHODS = (
    "publish_source", "release", "ensure_job", "observe_job", "is_closed", "stop_job",
    "claim_service", "ensure_version", "observe_version", "accept_version", "restore_version",
    "settle", "wait", "read_log",
)  # fmt: skip
HARMLESS = ("release", "is_closed", "settle", "read_log")
"""What no run depends on."""
STATES = (
    "created", "cloned", "step-1-running", "step-1-done", "step-2-running", "step-2-done",
    "step-3-running", "step-3-done",
)  # fmt: skip


class Refusing:
    """An engine that refuses one method, from its n-th call on, so many times."""

    def __init__(
        self, inner: FakeEngine, method: str, *, first: int = 1, times: float = float("inf"),
        error: BodyworkError = FOREIGN,
    ) -> None:  # fmt: skip
        self.inner = inner
        self.refused = 0
        self._method = method
        self._calls = 0
        self._first = first
        self._times = times
        self._error = error

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        return self._call(found) if name == self._method else found

    def _call(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._calls += 1
            if self._calls >= self._first and self.refused < self._times:
                self.refused += 1
                raise self._error
            return method(*arguments, **named)

        return call


class Shop(Office):
    """An office whose engine refuses something."""

    @classmethod
    def open(cls, *, fails: bool = False) -> "Shop":
        shop = cls(Repository(c0=PROJECT))
        shop.world.live["shop--serve"] = OLD
        if fails:
            shop.world.outcomes["check"] = [FAILED]
        return shop

    def refusing(self, method: str, **how: Any) -> Any:
        def wrap(engine: Any) -> Any:
            return Refusing(engine, method, **how)

        return self.controller(wrap_engine=wrap)


def assert_sound(shop: Shop, last: Checkpoint) -> None:
    """Check what holds of each end, whatever was refused."""
    progress = shop.progress(last.id)
    assert last.state in lifecycle.TERMINAL
    assert (last.state == lifecycle.SUCCEEDED) == (
        progress.verdict is None and not progress.cancelled_by
    )
    assert not [each for each in progress.stages.values() if each.latest and each.latest.active]
    if last.state == lifecycle.ROLLED_BACK:
        assert shop.world.live["shop--serve"] == OLD
    if last.state != lifecycle.SUCCEEDED and shop.world.live.get("shop--serve") != OLD:
        assert progress.stages[StageName("serve")].restoration == "failed"
    run_status(last)


@pytest.mark.parametrize("error", [FOREIGN, NotFound("the namespace is gone")])
@pytest.mark.parametrize("times", [1, float("inf")])
@pytest.mark.parametrize("first", [1, 2, 3, 4])
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_a_run_ends_by_itself_whatever_is_refused(
    method: str, fails: bool, first: int, times: float, error: BodyworkError
) -> None:
    shop = Shop.open(fails=fails)
    run = shop.begin()
    last = shop.refusing(method, first=first, times=times, error=error).execute(run)
    assert_sound(shop, last)
    if method in HARMLESS and not fails:
        assert last.state == lifecycle.SUCCEEDED
    verdict = shop.progress(run).verdict
    if verdict and not fails:
        assert error.message in verdict.reason
        assert verdict.hint == error.hint


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_run_ends_whatever_is_refused_from_then_on(method: str, state: str) -> None:
    shop = Shop.open()
    run = shop.begin_and_die(state)
    assert_sound(shop, shop.refusing(method).execute(run))


@pytest.mark.parametrize("state", [*STATES, "rolling-back"])
@pytest.mark.parametrize("method", METHODS)
def test_a_run_can_be_cancelled_whatever_is_refused(method: str, state: str) -> None:
    shop = Shop.open(fails=state == "rolling-back")
    run = shop.begin_and_die(state)
    last = shop.refusing(method).cancel(run, "ada")
    assert last.state == lifecycle.CANCELLED
    assert_sound(shop, last)


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("method", [each for each in METHODS if each != "read_log"])
def test_an_engine_that_does_not_answer_leaves_the_run_resumable(method: str, first: int) -> None:
    shop = Shop.open(fails=method in ("restore_version", "stop_job"))
    run = shop.begin()
    outage = EngineUnavailable("no answer")
    controller = shop.refusing(method, first=first, error=outage)
    try:
        controller.execute(run)
    except EngineUnavailable:
        assert shop.store.load(run).checkpoint.state not in lifecycle.TERMINAL
    assert_sound(shop, shop.controller().execute(run))


def test_a_service_that_was_never_begun_is_not_restored() -> None:
    shop = Shop.open()
    del shop.world.live["shop--serve"]
    last = shop.refusing("claim_service").execute(shop.begin())
    serve = shop.progress(last.id).stages[StageName("serve")]
    assert last.state == lifecycle.FAILED
    assert serve.restoration == "left"
    assert serve.latest
    assert (serve.latest.state, serve.latest.reason) == ("failed", FOREIGN.message)
    assert [each.stage for each in shop.world.started] == ["prepare", "beside", "tell"]


def test_a_roll_back_that_found_nothing_of_ours_is_not_called_one() -> None:
    shop = Shop.open()
    shop.world.outcomes["serve"] = [replace(FAILED, uid="theirs")]
    left = Observation(Phase.READY, reason=FOREIGN.message)

    class Theirs(FakeEngine):
        def restore_version(self, attempt: Any, claim: Any) -> Observation:
            return left

    controller = shop.controller(wrap_engine=lambda engine: Theirs(shop.world, engine.namespace))
    last = controller.execute(shop.begin())
    assert last.state == lifecycle.FAILED
    assert shop.progress(last.id).stages[StageName("serve")].restoration == "left"


def test_a_stage_that_cannot_be_ended_is_not_said_to_have_ended() -> None:
    shop = Shop.open()
    run = shop.begin_and_die("step-3-running")
    shop.world.seen[shop.progress(run).stage_run(StageName("check"), 1)] = Observation(
        Phase.RUNNING, uid="u"
    )
    last = shop.refusing("stop_job").cancel(run, "ada")
    latest = shop.progress(last.id).stages[StageName("check")].latest
    assert latest
    assert (latest.state, latest.hint) == ("lost", FOREIGN.hint)
    assert latest.reason == f"it could not be ended: {FOREIGN.message}"


def test_an_attempt_that_cannot_be_looked_at_has_failed_only_if_it_was_ended() -> None:
    shop = Shop.open()
    run = shop.begin_and_die("step-3-running")

    class Blind(Refusing):
        """Neither looks at a Job, nor ends one."""

        def __getattr__(self, name: str) -> Any:
            found = getattr(self.inner, name)
            return self._call(found) if name in ("observe_job", "stop_job") else found

    controller = shop.controller(wrap_engine=lambda engine: Blind(engine, ""))  # type: ignore[arg-type]
    last = controller.execute(run)
    latest = shop.progress(last.id).stages[StageName("check")].latest
    assert last.state in lifecycle.TERMINAL
    assert latest
    assert latest.state == "lost"
    assert latest.reason == f"{FOREIGN.message}; it could not be ended: {FOREIGN.message}"
