"""Whether a version of a service is ready, by what a Deployment and its pods say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cluster.rollouts import answering, end_standstill, judge_rollout
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


GONE: list[Found] = [
    {"metadata": {"name": "p", "deletionTimestamp": STARTED}},
    {"status": {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}},
    {"status": {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}},
    {"status": {"phase": "Failed", "reason": "NodeShutdown"}},
    {"status": {"phase": "Failed", "reason": "OutOfcpu"}},
    {"status": {"phase": "Succeeded"}},
]
"""What shows that a pod is on its way out by somebody else's doing: each alone is enough."""
ENDS = [
    pod(exited(143)),
    pod(exited(137)),
    pod(exited(0)),
    pod(exited(1)),
    pod(RUNNING, restarts=1, last=exited(143)),
]
NOISE: Found = {
    "metadata": {"ownerReferences": [{"kind": "ReplicaSet", "uid": "u"}], "finalizers": ["f"]},
    "status": {"qosClass": "Burstable", "podIP": "10.0.0.1"},
}


def merged(found: Found, more: Found) -> Found:
    """A deep copy with fields added."""
    both = {**found, **more}
    for key in found.keys() & more.keys():
        if isinstance(found[key], dict) and isinstance(more[key], dict):
            both[key] = merged(found[key], more[key])
    return both


HEALTHY = st.builds(merged, st.just(pod(RUNNING)), st.sampled_from([NOISE, {}]))
LEAVING = st.builds(
    merged,
    st.builds(merged, st.sampled_from(ENDS), st.sampled_from(GONE)),
    st.sampled_from([NOISE, {}]),
)
CRASHED = st.sampled_from(
    [pod(exited(1)), pod(exited(143)), pod(RUNNING, restarts=1, last=exited(1))]
)


@given(
    pods=st.lists(st.one_of(HEALTHY, LEAVING), max_size=5).flatmap(st.permutations),
    available=st.integers(0, 2),
    late=st.booleans(),
)
def test_pods_that_others_take_away_are_no_crash_in_any_order(
    pods: list[Found], available: int, late: bool
) -> None:
    seen = deployment(late, availableReplicas=available)
    found = judge_rollout(seen, pods, [])
    if available == 2:
        assert found.phase is Phase.READY
    elif late:
        assert (found.phase, found.final, found.exit_code) == (Phase.FAILED, False, None)
    else:
        assert found.phase in (Phase.PENDING, Phase.RUNNING)


@given(
    pods=st.lists(st.one_of(HEALTHY, LEAVING), max_size=4),
    crashed=CRASHED,
    at=st.integers(0, 4),
)
def test_a_crash_is_found_among_any_other_pods(pods: list[Found], crashed: Found, at: int) -> None:
    found = judge_rollout(deployment(), [*pods[:at], crashed, *pods[at:]], [])
    assert (found.phase, found.final) == (Phase.FAILED, False)
    assert found.exit_code in (1, 143)


@pytest.mark.parametrize("reason", ["Unknown", "ContainerStatusUnknown"])
def test_a_container_that_its_node_has_lost_is_no_crash(reason: str) -> None:
    lost = {"terminated": {"exitCode": 255, "reason": reason}}
    found = judge_rollout(
        deployment(availableReplicas=1), [pod(RUNNING, restarts=1, last=lost)], []
    )
    assert found.phase is Phase.RUNNING


@given(
    replicas=st.sampled_from([None, 0, 1, 2, 3]),
    updated=st.integers(0, 3),
    available=st.integers(0, 3),
    paused=st.booleans(),
)
def test_ready_needs_every_replica_that_is_wanted_and_one_at_least(
    replicas: int | None, updated: int, available: int, paused: bool
) -> None:
    seen = deployment(replicas=updated, updatedReplicas=updated, availableReplicas=available)
    seen["spec"] |= {"paused": paused, "replicas": replicas}
    if replicas is None:
        del seen["spec"]["replicas"]
    found = judge_rollout(seen, [], [])
    wanted = 1 if replicas is None else replicas
    ready = wanted > 0 and updated >= wanted and available >= updated
    assert (found.phase is Phase.READY) == ready
    assert bool(found.reason) == (not ready and (paused or not wanted))


@pytest.mark.parametrize(
    ("change", "reason", "hint"),
    [
        (
            {"paused": True},
            "somebody has paused the Deployment shop--serve: nothing is rolled out",
            "kubectl -n NAMESPACE rollout resume deployment/shop--serve",
        ),
        (
            {"replicas": 0},
            "the Deployment shop--serve is scaled to 0 replicas: no version can be seen to answer",
            "kubectl -n NAMESPACE scale deployment/shop--serve --replicas=1",
        ),
    ],
)
def test_a_standstill_is_told_and_ended_after_the_versions_time(
    change: Found, reason: str, hint: str
) -> None:
    seen = deployment(updatedReplicas=0, replicas=0, availableReplicas=0)
    seen["metadata"]["name"] = "shop--serve"
    seen["spec"] |= change
    found = judge_rollout(seen, [], [])
    assert (found.phase, found.reason, found.hint) == (Phase.PENDING, reason, hint)
    ended = end_standstill(seen, found)
    assert (ended.phase, ended.final, ended.hint) == (Phase.FAILED, False, hint)
    assert ended.reason == f"{reason}, for MAX_STARTUP_TIME_SECONDS=30"


def test_what_is_hopeless_is_told_before_what_may_pass() -> None:
    passing = pod({"waiting": {"reason": "ErrImagePull", "message": "429 Too Many Requests"}})
    hopeless = pod({"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}})
    found = judge_rollout(deployment(availableReplicas=0), [passing, hopeless], [])
    assert (found.phase, found.final) == (Phase.FAILED, True)
    assert "manifest unknown" in found.reason
