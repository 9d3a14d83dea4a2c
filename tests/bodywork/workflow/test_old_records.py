"""Records of every form that was ever written are shown, resumed and continued."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bodywork.model.names import RunName, StageName
from bodywork.model.run import Claim, ServiceVersion
from bodywork.workflow import lifecycle
from bodywork.workflow.record import parse_progress, render_progress, steps_in
from bodywork.workflow.resume import continue_request
from bodywork.workflow.status import document, run_status
from statemachine.checkpoint import Checkpoint
from statemachine.codec import decode
from statemachine.hooks import Hook, Hooks
from tests.bodywork.workflow.harness import Office, Repository
from tests.fakes.engine import RUNNING, SUCCEEDED

RECORDS = Path(__file__).parents[2] / "golden" / "records"
NAMES = ["form-1-unfinished", "form-1-failed"]


def load(name: str) -> Checkpoint:
    return decode((RECORDS / f"{name}.json").read_bytes()).checkpoint


@pytest.mark.parametrize("name", NAMES)
def test_it_is_shown_as_it_was_shown_then(name: str) -> None:
    expected = json.loads((RECORDS / f"{name}-status.json").read_text("utf-8"))
    assert json.loads(json.dumps(document(run_status(load(name))))) == expected


@pytest.mark.parametrize("name", NAMES)
def test_it_says_the_same_in_the_present_form(name: str) -> None:
    old = load(name)
    progress = parse_progress(old.data)
    new = json.loads(json.dumps(render_progress(progress)))
    assert (old.data.get("form", 1), new["form"]) == (1, 2)
    assert parse_progress(new) == progress
    assert steps_in(new) == steps_in(old.data) == progress.steps
    assert document(run_status(replace(old, data=new))) == document(run_status(old))
    assert len(json.dumps(new)) < 0.8 * len(json.dumps(old.data))


def office_of(old: Checkpoint) -> Office:
    """Return a place in which the run of that record is the only one."""
    workflow = parse_progress(old.data).project
    office = Office(Repository(c0=workflow, **{"c" * 40: workflow}))
    office.store.create(old)
    return office


def test_an_unfinished_run_is_resumed() -> None:
    old, heard = load("form-1-unfinished"), list[str]()
    office = office_of(old)
    office.hooks = Hooks([Hook("shop.hooks:tell", ("x",), lambda event: heard.append(event.key))])
    progress = parse_progress(old.data)
    for stage, seen in (("prepare", SUCCEEDED), ("a", RUNNING)):
        number = len(progress.stages[StageName(stage)].attempts)
        run = progress.stage_run(StageName(stage), number)
        office.world.seen[run] = replace(seen, uid=f"uid-{run.run}-{stage}-{number}")
    office.world.sources.add(RunName(old.id))
    last = office.controller().execute(RunName(old.id))
    assert last.state == lifecycle.SUCCEEDED
    assert heard == [due.key for due in old.outbox]  # what the dead controller owed
    started = [(run.stage, run.attempt) for run in office.world.started]
    assert started == [("b", 1), ("serve", 1)]  # and nothing again
    assert last.data["form"] == 2
    assert last.path[: len(old.path)] == old.path


def test_an_unfinished_run_is_cancelled() -> None:
    old = load("form-1-unfinished")
    office = office_of(old)
    assert office.controller().cancel(RunName(old.id), "ada").state == lifecycle.CANCELLED
    assert office.progress(old.id).cancelled_by == "ada"


def test_an_ended_run_is_continued_and_what_is_unchanged_is_reused() -> None:
    old = load("form-1-failed")
    office = office_of(old)
    request = continue_request(parse_progress(old.data), reference="c0")
    last = office.run(replace(request, commit=""))
    plan = office.progress(last.id).stages
    assert (plan[StageName("prepare")].action, plan[StageName("train")].action) == ("reuse", "run")
    assert plan[StageName("train")].why == "its attempt 6 failed"
    assert plan[StageName("prepare")].reused_from == "shop-20260101-000000-0001"


def test_a_record_from_before_there_were_claims_is_rolled_back_as_it_says() -> None:
    data = json.loads(json.dumps(load("form-1-failed").data))
    before = {"id": "v0", "run": "run-zero", "stage": "serve", "commit": "c9"}
    for name in ("serve", "extra"):
        del data["stages"][name]["claim"]
    data["stages"]["serve"]["previous"] = before
    stages = parse_progress(data).stages
    uid = "123e4567-e89b-12d3-a456-426614174000"
    old = ServiceVersion("v0", RunName("run-zero"), StageName("serve"), "c9")
    assert stages[StageName("serve")].claim == Claim(uid, old)
    assert stages[StageName("extra")].claim == Claim(uid, None)
    assert stages[StageName("late")].claim is None
