"""Two runs and one service: the second waits for the first one's end, and says so."""

import itertools
from collections.abc import Sequence

import pytest

from bodywork.cli.conclusion import describe_leftovers
from bodywork.model.names import RunName, StageName
from bodywork.model.repository import Deployer
from bodywork.model.run import Claim, HeldBy, ServiceVersion, StageRun, Unresolved
from bodywork.model.workflow import Workflow
from bodywork.ports import IsOver
from bodywork.workflow import claims, lifecycle
from bodywork.workflow.status import document, run_status
from statemachine.checkpoint import Checkpoint
from statemachine.errors import Fenced
from tests.bodywork.workflow.harness import (
    NAMESPACE,
    REQUEST,
    Death,
    Office,
    Repository,
    batch,
    service,
    workflow,
)
from tests.fakes.engine import FAILED, SUCCEEDED, FakeEngine

SERVE = StageName("serve")
NAME = "shop--serve"
OLD = ServiceVersion("v0", RunName("run-zero"), SERVE, "c9")
PROJECT = workflow((service("serve"),), (batch("check"),))


def place_of(project: Workflow = PROJECT) -> Office:
    place = Office(Repository(c0=project))
    place.world.live[NAME] = OLD
    return place


def begin_second(place: Office) -> RunName:
    return place.controller().begin(REQUEST, "second")


def waits(place: Office, run: RunName) -> bool:
    """Say whether it is on record that the run waits for another one."""
    return any(stage.waits_for for stage in place.progress(run).stages.values())


def carry_until_it_waits(place: Office, run: RunName) -> None:
    """Carry a run on until its wait for a claim is on record, where its controller dies."""

    def observer(checkpoint: Checkpoint) -> None:
        if waits(place, run):
            raise Death

    with pytest.raises(Death):
        place.controller(observer=observer).execute(run)


def test_a_run_waits_for_the_unfinished_run_and_says_so() -> None:
    place = place_of()
    first = place.begin_and_die("step-2-running")
    second = begin_second(place)
    carry_until_it_waits(place, second)
    status = run_status(place.store.load(second).checkpoint)
    [serve] = [stage for stage in status.stages if stage.name == "serve"]
    assert serve.waits_for == first
    assert serve.attempts[0].reason == f"waits for run {first}, which holds {NAME}"
    assert first in serve.attempts[0].hint
    [written] = [each for each in document(status)["stages"] if each["name"] == "serve"]
    assert written["waits_for"] == first
    assert [each.run for each in place.world.started if each.stage == "serve"] == [first]


@pytest.mark.parametrize("step", [0.07, 0.23, 0.37, 0.61])
def test_no_instant_of_the_wait_lets_it_begin_without_the_claim(step: float) -> None:
    """The next look may fall due between any two readings of the clock."""
    place = place_of()
    first = place.begin_and_die("step-2-running")
    second = begin_second(place)
    place.time.step = step

    class Patient(FakeEngine):
        """Dies after many looks."""

        looks = 0

        def wait(self, attempts: Sequence[StageRun], timeout: float | None) -> None:
            self.looks += 1
            if self.looks > 100:
                raise Death

    with pytest.raises(Death):
        place.controller(wrap_engine=lambda _: Patient(place.world, NAMESPACE)).execute(second)
    latest = place.progress(second).stages[SERVE].latest
    assert latest
    assert latest.state == "intended"
    assert [each.run for each in place.world.started if each.stage == "serve"] == [first]


@pytest.mark.parametrize("end", ["succeeds", "fails", "is cancelled", "is deleted"])
def test_it_goes_on_as_soon_as_that_run_has_ended(end: str) -> None:
    place = place_of()
    place.world.outcomes["check"] = [FAILED] if end == "fails" else [SUCCEEDED]
    first = place.begin_and_die("step-2-running")
    second = begin_second(place)
    carry_until_it_waits(place, second)
    if end == "is deleted":
        place.store.delete(first)
    elif end == "is cancelled":
        place.controller().cancel(first, "ada")
    else:
        place.controller().execute(first)
    expected = OLD if end in ("fails", "is cancelled") else place.world.live[NAME]
    place.world.outcomes["check"] = [SUCCEEDED]
    assert place.controller().execute(second).state == lifecycle.SUCCEEDED
    stage = place.progress(second).stages[SERVE]
    assert stage.claim
    assert stage.claim.previous == expected
    assert (stage.waits_for, stage.latest and stage.latest.reason) == ("", "")
    assert place.world.live[NAME].run == second


def test_a_roll_back_never_goes_past_what_another_run_has_accepted() -> None:
    place = place_of()
    place.world.outcomes["check"] = [SUCCEEDED]
    first = place.begin_and_die("step-2-running")
    second = begin_second(place)
    carry_until_it_waits(place, second)
    place.controller().execute(first)
    place.world.outcomes["check"] = [FAILED]
    assert place.controller().execute(second).state == lifecycle.ROLLED_BACK
    assert place.world.live[NAME].run == first


def test_a_run_that_waits_can_be_cancelled_and_changes_nothing() -> None:
    place = place_of()
    first = place.begin_and_die("step-2-running")
    second = begin_second(place)
    carry_until_it_waits(place, second)
    last = place.controller().cancel(second, "ada")
    assert last.state == lifecycle.CANCELLED
    assert place.progress(second).stages[SERVE].restoration == "left"
    assert place.world.claims[NAME][0] == first
    assert place.controller().execute(first).state == lifecycle.SUCCEEDED


def test_the_controller_of_a_cancelled_run_takes_no_claim_afterwards() -> None:
    place = place_of()
    first = place.begin_and_die("step-2-running")
    second = begin_second(place)
    asleep: list[int] = []

    def observer(checkpoint: Checkpoint) -> None:
        if waits(place, second) and not asleep:
            asleep.append(1)  # while it waits, its run is cancelled, and the other one ends
            place.controller().cancel(second, "ada")
            place.controller().execute(first)

    late = place.controller(observer=observer)
    with pytest.raises(Fenced):
        late.execute(second)
    assert asleep
    assert place.world.claims[NAME][0] == first
    assert [each.run for each in place.world.started if each.stage == "serve"] == [first]


def test_a_wait_has_a_limit_and_ends_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "CLAIM_WAIT_SECONDS", 120.0)
    place = place_of()
    first = place.begin_and_die("step-2-running")
    second = begin_second(place)

    class Slow(FakeEngine):
        def wait(self, attempts: Sequence[StageRun], timeout: float | None) -> None:
            place.time.seconds += timeout or 0.0
            super().wait(attempts, timeout)

    controller = place.controller(wrap_engine=lambda engine: Slow(place.world, engine.namespace))
    last = controller.execute(second)
    assert last.state == lifecycle.FAILED
    verdict = place.progress(second).verdict
    assert verdict
    assert verdict.reason == f"run {first} has held {NAME} for 2 minutes"
    assert f"bodywork cancel {first}" in verdict.hint
    assert f"--resume --run {first}" in verdict.hint
    assert place.world.live[NAME].run == first


@pytest.mark.parametrize("state", ["step-1-running", "step-1-done", "step-2-running"])
def test_a_resumed_run_finds_its_own_claim_and_what_was_there_then(state: str) -> None:
    place = place_of()
    place.world.outcomes["check"] = [FAILED]
    run = place.begin_and_die(state)
    assert place.controller().execute(run).state == lifecycle.ROLLED_BACK
    assert place.world.live[NAME] == OLD


def test_services_of_one_step_are_claimed_in_one_order() -> None:
    names = ["serve", "extra", "more"]
    for order in itertools.permutations(names):
        place = place_of(workflow(tuple(service(name) for name in order), (batch("check"),)))
        first = place.begin_and_die("step-2-running")
        second = begin_second(place)
        carry_until_it_waits(place, second)
        waits = {
            str(name): stage.waits_for for name, stage in place.progress(second).stages.items()
        }
        assert {name: run for name, run in waits.items() if run} == {"extra": first}
        assert not [each for each in place.world.started if each.run == second]


def test_what_cannot_be_brought_back_is_kept_and_the_run_says_so() -> None:
    place = place_of()
    place.world.outcomes["check"] = [FAILED]

    class Edited(FakeEngine):
        def claim_service(
            self, attempt: StageRun, image: str, deployer: Deployer, is_over: IsOver
        ) -> Claim | HeldBy:
            super().claim_service(attempt, image, deployer, is_over)
            return Claim("u", Unresolved("its ReplicaSet was pruned"))

    controller = place.controller(wrap_engine=lambda engine: Edited(place.world, engine.namespace))
    last = controller.execute(controller.begin(REQUEST))
    assert last.state == lifecycle.FAILED
    stage = place.progress(last.id).stages[SERVE]
    assert (stage.restoration, stage.previous) == ("failed", None)
    assert stage.unresolved == "its ReplicaSet was pruned"
    assert place.world.live[NAME].run == last.id
    [message] = describe_leftovers(last)
    assert "could not be brought back to what was there before" in message.text
