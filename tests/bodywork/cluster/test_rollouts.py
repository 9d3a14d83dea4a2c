"""Whether a version of a service is ready, by what a Deployment and its pods say."""

from typing import Any

import pytest

from bodywork.cluster.rollouts import answering, judge_rollout
from bodywork.model.run import Phase

Found = dict[str, Any]

STARTED = "2026-11-23T17:00:01Z"


def deployment(late: bool = False, generation: int = 2, /, **status: int) -> Found:
    """A Deployment of two replicas that is rolled out, unless its status says otherwise."""
    conditions = []
    if late:
        conditions = [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        ]
    whole = {
        "observedGeneration": 2,
        "replicas": 2,
        "updatedReplicas": 2,
        "availableReplicas": 2,
        "conditions": conditions,
        **status,
    }
    template = {"spec": {"containers": [{"ports": [{"containerPort": 5000}]}]}}
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": 2, "progressDeadlineSeconds": 30, "template": template},
        "status": whole,
    }


def pod(state: Found, *, restarts: int = 0, last: Found | None = None) -> Found:
    status = {"name": "stage", "state": state, "restartCount": restarts, "lastState": last or {}}
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "stage"}]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


RUNNING = {"running": {"startedAt": STARTED}}


def exited(code: int) -> Found:
    return {"terminated": {"exitCode": code, "reason": "Error", "message": "the last words"}}


def test_a_version_is_ready_when_all_its_replicas_and_only_they_are_available() -> None:
    found = judge_rollout(deployment(), [pod(RUNNING), pod(RUNNING)], [])
    assert found.phase is Phase.READY
    assert found.started_at is not None


@pytest.mark.parametrize(
    "status",
    [
        {"observedGeneration": 1},  # what it says is about the template before
        {"updatedReplicas": 1},
        {"replicas": 3},  # one of the version before still answers
        {"availableReplicas": 1},
    ],
)
def test_a_roll_out_is_not_over_before(status: dict[str, int]) -> None:
    found = deployment(**status)
    assert not answering(found)
    assert judge_rollout(found, [pod(RUNNING)], []).phase is Phase.RUNNING


def test_a_young_deployment_without_a_status_is_pending() -> None:
    found = {**deployment(), "status": {}}
    assert judge_rollout(found, [], []).phase is Phase.PENDING


@pytest.mark.parametrize(
    "seen",
    [
        pod(exited(3)),
        pod(RUNNING, restarts=1, last=exited(3)),  # looks well between two crashes
    ],
)
def test_a_version_that_has_crashed_is_no_good_also_while_it_seems_available(seen: Found) -> None:
    found = judge_rollout(deployment(), [pod(RUNNING), seen], [])
    assert (found.phase, found.reason, found.exit_code) == (Phase.FAILED, "exit code 3", 3)
    assert found.tail == ("the last words",)


def test_a_service_whose_script_ends_well_has_failed() -> None:
    found = judge_rollout(deployment(), [pod(exited(0))], [])
    assert found.reason == "the script ended (exit code 0); a service's must not"


def test_what_cannot_come_right_is_a_verdict_at_once() -> None:
    message = 'secret "store" not found'
    state = {"waiting": {"reason": "CreateContainerConfigError", "message": message}}
    found = judge_rollout(deployment(availableReplicas=0), [pod(state)], [])
    assert (found.phase, found.final) == (Phase.FAILED, True)
    assert message in found.reason


def test_what_may_come_right_is_told_and_waited_for_until_it_is_late() -> None:
    refused = ['pods "p" is forbidden: exceeded quota: few']
    early = judge_rollout(deployment(availableReplicas=0), [], refused)
    late = judge_rollout(deployment(True, availableReplicas=0), [], refused)
    assert (early.phase, late.phase) == (Phase.PENDING, Phase.FAILED)
    assert early.reason == late.reason == "the namespace's quota is exhausted: few"


def test_a_version_that_never_answers_says_where_it_should_have() -> None:
    found = judge_rollout(deployment(True, availableReplicas=0), [pod(RUNNING)], [])
    assert found.reason.startswith("did not answer on port 5000 within MAX_STARTUP_TIME_SECONDS=30")


def test_that_the_version_before_was_late_says_nothing_of_this_one() -> None:
    found = deployment(True, 3, availableReplicas=0)
    assert judge_rollout(found, [pod(RUNNING)], []).phase is Phase.RUNNING
