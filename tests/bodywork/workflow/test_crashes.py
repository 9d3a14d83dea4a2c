"""The controller dies at every point of every kind of run; a new one ends it the same way.

Points are all calls by which a controller touches anything that outlives it: the store and the
engine, each before and after the call took effect.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bodywork.model.names import RunName, StageName
from bodywork.model.run import ServiceVersion
from bodywork.workflow import lifecycle
from bodywork.workflow.execute import Controller
from bodywork.workflow.progress import Progress
from tests.bodywork.workflow.harness import (
    PIPELINE,
    REQUEST,
    Death,
    Office,
    Repository,
    batch,
    service,
    workflow,
)
from tests.fakes.engine import FAILED, LOST, SUCCEEDED

OLD = ServiceVersion("v0", RunName("run-zero"), StageName("serve"), "c9")
TOUCHES = (
    "create", "save", "publish_source", "release", "ensure_job", "claim_service",
    "abandon_claim", "ensure_version", "accept_version", "restore_version",
    "stop_job", "settle", "wait",
)  # fmt: skip


class Fuse:
    """Counts the touches of a controller, and kills it at one of them."""

    def __init__(self, blows_at: int = -1, *, after: bool = False) -> None:
        self.count = 0
        self.blows_at = blows_at
        self.after = after

    def call(self, function: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        self.count += 1
        blows = self.count == self.blows_at
        if blows and not self.after:
            raise Death
        result = function(*arguments, **more)
        if blows:
            raise Death
        return result


class Fused:
    """Anything, with a fuse in each of the calls that touch the outside."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in TOUCHES:
            return found
        return lambda *arguments, **more: self._fuse.call(found, *arguments, **more)


def happy() -> Office:
    return Office(Repository(c0=PIPELINE))


def retried() -> Office:
    place = Office(Repository(c0=workflow((batch("a", retries=1), batch("b")))))
    place.world.outcomes["a"] = [FAILED, SUCCEEDED]
    return place


def failed() -> Office:
    place = Office(Repository(c0=workflow((batch("a"),), on_failure=batch("tell"))))
    place.world.outcomes["a"] = [FAILED]
    return place


def rolled_back() -> Office:
    project = workflow((service("serve"),), (service("extra"), batch("check")))
    place = Office(Repository(c0=project))
    place.world.live["shop--serve"] = OLD
    place.world.outcomes["check"] = [FAILED]
    return place


KINDS = [happy, retried, failed, rolled_back]


def fused(place: Office, fuse: Fuse) -> Controller:
    """Return a controller that has this fuse in all that it touches."""
    return place.controller(
        wrap_store=lambda store: Fused(store, fuse), wrap_engine=lambda engine: Fused(engine, fuse)
    )


def carry_out(place: Office, fuse: Fuse) -> None:
    """Begin a run and carry it on with a controller that has this fuse."""
    controller = fused(place, fuse)
    with contextlib.suppress(Death):
        controller.execute(controller.begin(REQUEST))


def the_end(place: Office) -> tuple[str, Progress, list[tuple[str, int]], dict[str, str]]:
    """What must be the same, whoever died on the way."""
    [run] = place.store.list()
    progress = place.progress(run)
    attempts = sorted((str(each.stage), each.attempt) for each in place.world.started)
    live = {
        name: "new" if version.run == run else version.id
        for name, version in place.world.live.items()
    }
    return place.store.load(run).checkpoint.state, progress, attempts, live


def points(kind: Callable[[], Office]) -> Iterator[tuple[int, bool]]:
    learning = Fuse()
    carry_out(kind(), learning)
    for number in range(1, learning.count + 1):
        yield number, False
        yield number, True


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_ends_the_same_wherever_its_controller_died(kind: Callable[[], Office]) -> None:
    unharmed = kind()
    carry_out(unharmed, Fuse())
    state, _, attempts, live = the_end(unharmed)
    died = 0
    for number, after in points(kind):
        place = kind()
        carry_out(place, Fuse(number, after=after))
        if not place.store.list():
            assert (number, after) == (1, False), "only before the first save is nothing on record"
            continue
        died += 1
        place.controller().execute(RunName(place.store.list()[0]))
        assert the_end(place)[0] == state
        assert the_end(place)[2] == attempts, f"started twice or never, killed at {number}"
        assert the_end(place)[3] == live
        assert place.world.sources == set(), "the source outlived the run"
    assert died > 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_survives_two_deaths(kind: Callable[[], Office]) -> None:
    unharmed = kind()
    carry_out(unharmed, Fuse())
    state, _, attempts, live = the_end(unharmed)
    for first, _ in points(kind):
        place = kind()
        carry_out(place, Fuse(first, after=True))
        for second in (1, 2, 3, 5):
            with contextlib.suppress(Death):
                fused(place, Fuse(second)).execute(RunName(place.store.list()[0]))
        place.controller().execute(RunName(place.store.list()[0]))
        assert the_end(place)[0] == state
        assert the_end(place)[2:] == (attempts, live)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_can_be_cancelled_wherever_its_controller_died(kind: Callable[[], Office]) -> None:
    """What a dead controller had begun is on record, so that nothing of it outlives the cancel."""
    before, cancelled = dict(kind().world.live), 0
    for number, after in points(kind):
        place = kind()
        carry_out(place, Fuse(number, after=after))
        for run in place.store.list():
            last = place.controller().cancel(RunName(run), "ada")
            running = [each for each, seen in place.world.seen.items() if not seen.phase.ended]
            assert [each for each in running if each not in place.world.services] == []
            assert place.world.sources == set()
            if last.state == lifecycle.CANCELLED:
                cancelled += 1
                assert running == [], f"killed at {number}"
                assert place.world.live == before
    assert cancelled > 10


def test_resuming_a_finished_run_changes_nothing() -> None:
    place = happy()
    carry_out(place, Fuse())
    [run] = place.store.list()
    before, fuse = place.store.load(run), Fuse()
    fused(place, fuse).execute(RunName(run))
    assert place.store.load(run) == before
    assert fuse.count == 0


def test_an_attempt_lost_while_nobody_looked_costs_no_retry() -> None:
    place = Office(Repository(c0=workflow((batch("a"),))))
    run = place.begin_and_die("step-1-running")
    attempt = place.progress(run).stage_run(StageName("a"), 1)
    place.world.started.append(attempt)
    place.world.seen[attempt] = LOST
    assert place.controller().execute(run).state == lifecycle.SUCCEEDED
    assert [each.attempt for each in place.world.started] == [1, 2]
