"""What a run's status says, read from its checkpoint alone."""

import json

from bodywork.workflow.status import ControllerStatus, document, run_status
from tests.bodywork.workflow.harness import PIPELINE, Office, Repository, batch, service, workflow
from tests.fakes.engine import FAILED


def office() -> Office:
    return Office(Repository(c0=PIPELINE))


def test_a_run_that_succeeded_says_so_stage_by_stage() -> None:
    place = office()
    status = run_status(place.run())
    assert status.ended
    assert (status.step, status.steps) == (3, 3)
    assert [(stage.step, stage.name, stage.state) for stage in status.stages] == [
        (1, "prepare", "succeeded"),
        (2, "a", "succeeded"),
        (2, "b", "succeeded"),
        (3, "serve", "succeeded"),
    ]


def test_a_failed_run_says_why_without_any_other_source() -> None:
    place = office()
    place.world.outcomes["a"] = [FAILED]
    shown = document(run_status(place.run()))
    assert shown["verdict"] == {
        "fault": "stage",
        "reason": "exit code 1",
        "hint": None,
        "stage": "a",
        "attempt": 1,
        "exit_code": 1,
        "tail": ["boom"],
        "details": [],
        "final": False,
    }
    assert [stage["state"] for stage in shown["stages"]] == [
        "succeeded", "failed", "succeeded", "waiting",
    ]  # fmt: skip


def test_a_removed_first_deployment_is_shown_as_such() -> None:
    place = office()
    place.world.outcomes["serve"] = [FAILED]
    stage = run_status(place.run()).stages[-1]
    assert (stage.state, stage.restoration) == ("failed", "removed")


def test_a_restored_service_that_had_become_ready_is_shown_as_removed() -> None:
    place = Office(Repository(c0=workflow((service("serve"),), (batch("check"),))))
    place.world.outcomes["check"] = [FAILED]
    assert run_status(place.run()).stages[0].state == "removed"


def test_the_document_is_json_and_names_its_schema() -> None:
    place = office()
    status = run_status(place.run(), ControllerStatus("ada on laptop", True))
    shown = json.loads(json.dumps(document(status)))
    assert shown["schema"] == 1
    assert shown["controller"] == {"holder": "ada on laptop", "alive": True}
    assert shown["path"][-1]["state"] == "succeeded"


def test_a_run_before_its_clone_has_a_status_too() -> None:
    place = office()
    status = run_status(place.store.load(place.begin()).checkpoint)
    assert (status.state, status.step, status.steps, status.stages) == ("created", 0, 0, ())
