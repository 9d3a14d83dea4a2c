"""Two repositories with one project name: a run deploys no service of the other, unless told to."""

from dataclasses import replace

import pytest

from bodywork.model.names import RunName, StageName
from bodywork.ports import IsOver
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Request
from bodywork.workflow.record import parse_progress
from bodywork.workflow.resume import (
    continue_request,
    last_run,
    may_retry,
    needs_new_record,
    select_run,
)
from statemachine.checkpoint import Checkpoint
from tests.bodywork.workflow.harness import (
    NAMESPACE,
    Death,
    Office,
    Repository,
    batch,
    service,
    workflow,
)
from tests.fakes.engine import FAILED, SUCCEEDED, FakeEngine

NAME, SERVE = "shop--serve", StageName("serve")
ADA = Request(NAMESPACE, "https://***@Host/ada/shop.git", "c0")
BOB = replace(ADA, repository="git@host:bob/shop")
PROJECT = workflow((batch("train"),), (service("extra"),), (service("serve"),), (batch("check"),))


def office() -> Office:
    return Office(Repository(c0=PROJECT))


def started(place: Office, run: str) -> list[str]:
    return [each.stage for each in place.world.started if each.run == run]


def reason_of(last: Checkpoint) -> tuple[str, str]:
    verdict = parse_progress(last.data).verdict
    assert verdict
    return verdict.reason, verdict.hint


def test_it_is_refused_before_its_first_stage_begins() -> None:
    place = office()
    place.run(ADA)
    live = dict(place.world.live)
    last = place.run(BOB)
    assert last.state == lifecycle.FAILED
    reason, hint = reason_of(last)
    for word in ("shop--extra", "host/ada/shop", "host/bob/shop"):
        assert word in reason
    assert "PROJECT_NAME" in hint
    assert "--adopt" in hint
    assert started(place, last.id) == []
    assert place.world.live == live
    assert not may_retry(last)
    assert place.run(replace(ADA, repository="ssh://git@host:22/ada/shop/")).state == "succeeded"


class Unaware(FakeEngine):
    """Deploys for the other repository between a run's plan and its claims."""

    def owner_of_service(self, project: str, stage: str, is_over: IsOver) -> str:
        return ""


def test_the_claim_decides_and_what_was_changed_comes_back() -> None:
    place = office()
    place.repository.commits["c1"] = workflow((service("serve"),))
    place.run(replace(ADA, reference="c1"))
    controller = place.controller(wrap_engine=lambda engine: Unaware(place.world, NAMESPACE))
    last = controller.execute(controller.begin(BOB))
    assert last.state == lifecycle.ROLLED_BACK
    stages = parse_progress(last.data).stages
    assert (stages[SERVE].restoration, stages[StageName("extra")].restoration) == (
        "left",
        "removed",
    )
    assert "host/ada/shop" in reason_of(last)[0]
    assert started(place, last.id) == ["train", "extra"]
    assert place.world.live[NAME].repository == "host/ada/shop"
    assert not may_retry(last)
    assert place.controller().execute(RunName(last.id)) == last  # it has ended, and stays so


@pytest.mark.parametrize("state", ["created", "cloned", "step-2-running", "step-3-running"])
def test_a_resumed_run_may_still_adopt(state: str) -> None:
    place = office()
    place.run(ADA)
    controller = place.controller(dies_in=state) if state != "created" else place.controller()
    run = controller.begin(replace(BOB, adopt=True))
    if state != "created":
        with pytest.raises(Death):
            controller.execute(run)
    assert place.controller().execute(run).state == lifecycle.SUCCEEDED
    assert place.world.live[NAME].repository == "host/bob/shop"
    assert place.run(ADA).state == lifecycle.FAILED
    assert place.run(BOB).state == lifecycle.SUCCEEDED


def test_a_roll_back_gives_the_service_back() -> None:
    place = office()
    place.run(ADA)
    place.world.outcomes["check"] = [FAILED]
    assert place.run(replace(BOB, adopt=True)).state == lifecycle.ROLLED_BACK
    assert place.world.live[NAME].repository == "host/ada/shop"
    place.world.outcomes["check"] = [SUCCEEDED]
    assert place.run(BOB).state == lifecycle.FAILED
    assert place.run(ADA).state == lifecycle.SUCCEEDED


def test_a_run_that_was_refused_is_continued_by_one_that_adopts() -> None:
    place = office()
    place.run(ADA)
    refused = place.run(BOB)
    before = parse_progress(refused.data)
    assert needs_new_record(refused, reference="", commit="", stage="", adopt=True)
    request = continue_request(before, adopt=True)
    assert request.adopt
    assert continue_request(replace(before, request=request)).adopt
    assert place.run(request).state == lifecycle.SUCCEEDED


def test_an_unfinished_run_that_is_to_adopt_now_is_continued_by_a_new_one() -> None:
    place = office()
    unfinished = place.store.load(place.begin_and_die("step-1-running")).checkpoint
    for adopt in (False, True):
        new = needs_new_record(unfinished, reference="", commit="", stage="", adopt=adopt)
        assert new == adopt


def test_a_run_is_found_by_each_spelling_and_hidden_by_none_of_another_repository() -> None:
    place = office()
    place.world.outcomes["train"] = [FAILED]
    failed = place.run(ADA)
    place.world.outcomes["train"] = [SUCCEEDED]
    place.run(BOB)
    found = list(place.controller().checkpoints())
    for spelling in ("https://host/ada/shop", "git@HOST:ada/shop.git", ADA.repository):
        assert select_run(found, repository=spelling, reference="c0") == failed
        assert last_run(found, spelling, "c0") == failed
    assert select_run(found) == failed


def test_runs_of_two_repositories_are_pruned_apart() -> None:
    place = office()
    kept = [place.run(request).id for request in (ADA, replace(BOB, adopt=True))]
    assert place.controller().prune(keep=1) == []
    again = place.run(replace(BOB, repository="https://host/bob/shop")).id
    assert place.controller().prune(keep=1) == [kept[1]]
    assert sorted(place.store.list()) == sorted([kept[0], again])
