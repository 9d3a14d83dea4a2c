"""What the objects of a cluster say about a batch attempt, as Kubernetes really writes them."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cluster import labels
from bodywork.cluster.verdicts import judge_job, lifetime, owned_by, refusal, still_beside
from bodywork.model.run import Observation, Phase

Found = dict[str, Any]

STARTED, ENDED = "2026-11-23T17:00:01Z", "2026-11-23T17:00:09Z"


def job(*conditions: Found, **annotations: str) -> Found:
    return {
        "metadata": {"name": "shop--train-1", "uid": "job-1", "annotations": annotations},
        "status": {"conditions": list(conditions)},
    }


def is_true(kind: str, reason: str = "", message: str = "") -> Found:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": ENDED,
    }


def pod(state: Found | None = None, *, phase: str = "Pending", **status: Any) -> Found:
    """A pod of the Job; `state` is that of the stage's container."""
    containers = [] if state is None else [{"name": "stage", "state": state, "restartCount": 0}]
    return {
        "metadata": {
            "name": "p",
            "creationTimestamp": STARTED,
            "ownerReferences": [{"uid": "job-1"}],
        },
        "spec": {
            "activeDeadlineSeconds": 30,
            "containers": [{"name": "stage", "resources": {}}],
        },
        "status": {"phase": phase, "containerStatuses": containers, **status},
    }


def waiting(reason: str, message: str = "") -> Found:
    return {"waiting": {"reason": reason, "message": message}}


def terminated(code: int, reason: str = "Error", message: str = "") -> Found:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "message": message,
            "startedAt": STARTED,
            "finishedAt": ENDED,
        }
    }


def judge(found: Found, *pods: Found, refused: str = "") -> Observation:
    return judge_job(found, pods, [refused] if refused else [])


@pytest.mark.parametrize(
    ("seen", "phase", "reason", "final"),
    [
        (pod(), Phase.PENDING, "", False),
        (pod(waiting("ContainerCreating")), Phase.PENDING, "", False),
        (pod({"running": {"startedAt": STARTED}}, phase="Running"), Phase.RUNNING, "", False),
        (pod(terminated(0, "Completed"), phase="Running"), Phase.SUCCEEDED, "", False),
        (pod(terminated(7), phase="Failed"), Phase.FAILED, "exit code 7", False),
        (
            pod(terminated(137, "OOMKilled"), phase="Failed"),
            Phase.FAILED,
            (
                "out of memory (OOMKilled, exit code 137); the node had no memory left: set "
                "MEMORY_REQUEST_MB to what the stage needs"
            ),
            False,
        ),
        (
            pod(terminated(143), phase="Failed", reason="DeadlineExceeded"),
            Phase.FAILED,
            "exceeded MAX_COMPLETION_TIME_SECONDS=30",
            False,
        ),
        (  # it ended well, and yet after its time was up
            pod(terminated(0, "Completed"), phase="Failed", reason="DeadlineExceeded"),
            Phase.FAILED,
            "exceeded MAX_COMPLETION_TIME_SECONDS=30",
            False,
        ),
        (
            pod(phase="Failed", reason="DeadlineExceeded"),
            Phase.FAILED,
            "exceeded MAX_COMPLETION_TIME_SECONDS=30",
            False,
        ),
        (
            pod(terminated(128, "StartError", 'exec: "bodywork": not found'), phase="Failed"),
            Phase.FAILED,
            'its container cannot be started: exec: "bodywork": not found',
            False,
        ),
        (
            pod(waiting("ErrImagePull", "no such host")),
            Phase.PENDING,
            "the image cannot be pulled: no such host",
            False,
        ),
        (  # nobody says why: kubelets before 1.31 give the cause once, at the failure itself
            pod(waiting("ImagePullBackOff", "Back-off pulling image")),
            Phase.PENDING,
            "the image cannot be pulled: Back-off pulling image",
            False,
        ),
        (
            pod(waiting("InvalidImageName", "couldn't parse image name")),
            Phase.PENDING,
            "the image's name is not valid: couldn't parse image name",
            True,
        ),
        (
            pod(waiting("CreateContainerConfigError", 'secret "store" not found')),
            Phase.PENDING,
            'its container cannot be configured: secret "store" not found',
            True,
        ),
        (
            pod(
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes are available:\n1 Insufficient cpu.",
                    }
                ]
            ),
            Phase.PENDING,
            "no node has room for it: 0/1 nodes are available: 1 Insufficient cpu.",
            False,
        ),
    ],
)
def test_the_pod_says_how_the_attempt_goes(
    seen: Found, phase: Phase, reason: str, final: bool
) -> None:
    found = judge(job(), seen)
    assert (found.phase, found.reason, found.final, found.uid) == (phase, reason, final, "job-1")


def test_a_memory_limit_is_named_where_there_is_one() -> None:
    seen = pod(terminated(137, "OOMKilled"), phase="Failed")
    seen["spec"]["containers"][0]["resources"] = {"limits": {"memory": "64Mi"}}
    assert judge(job(), seen).reason.endswith("; its limit is 64Mi")


@pytest.mark.parametrize(
    ("failed", "annotations", "reason"),
    [
        (is_true("Failed", "DeadlineExceeded"), {}, "it did not start in time"),
        (is_true("Failed", "BackoffLimitExceeded"), {}, "its pod was deleted"),
        (is_true("Failed", "PodFailurePolicy", "by rule 1"), {}, "by rule 1"),
        (is_true("Failed", "DeadlineExceeded"), {labels.VERDICT: "cancelled"}, "cancelled"),
    ],
)
def test_a_job_without_a_pod_says_itself_why_it_failed(
    failed: Found, annotations: dict[str, str], reason: str
) -> None:
    found = judge(job(failed, **annotations))
    assert (found.phase, found.reason) == (Phase.FAILED, reason)
    assert found.ended_at is not None


def test_a_complete_job_has_succeeded_also_when_its_pod_is_gone() -> None:
    found = job(is_true("Complete"))
    found["status"]["completionTime"] = ENDED
    assert judge(found).phase is Phase.SUCCEEDED


def test_conditions_that_are_not_true_say_nothing() -> None:
    assert judge(job({"type": "Failed", "status": "False"})).phase is Phase.PENDING
    assert judge(job(is_true("FailureTarget"), is_true("SuccessCriteriaMet"))).phase is (
        Phase.PENDING
    )


def test_a_pod_that_the_cluster_took_away_does_not_count() -> None:
    gone = pod(terminated(137), phase="Failed", conditions=[is_true("DisruptionTarget")])
    assert judge(job(), gone).phase is Phase.PENDING
    again = pod({"running": {"startedAt": ENDED}}, phase="Running")
    assert judge(job(), gone, again).phase is Phase.RUNNING


def test_containers_that_others_put_beside_the_stage_are_not_judged() -> None:
    seen = pod({"running": {"startedAt": STARTED}}, phase="Running")
    sidecar = {"name": "istio-proxy", "state": terminated(1), "restartCount": 3}
    seen["status"]["containerStatuses"].insert(0, sidecar)
    assert judge(job(), seen).phase is Phase.RUNNING


def test_only_the_last_lines_of_a_failure_are_kept() -> None:
    message = "\n".join(f"line {number}" for number in range(100)) + "\n" + "x" * 1000
    found = judge(job(), pod(terminated(1, message=message), phase="Failed"))
    assert len(found.tail) == 20
    assert found.tail[-2] == "line 99"
    assert found.tail[-1] == "x" * 200


@pytest.mark.parametrize(
    ("message", "reason", "hopeless"),
    [
        (
            'Error creating: pods "p" is forbidden: exceeded quota: few, requested: pods=1',
            "the namespace's quota is exhausted: few, requested: pods=1",
            False,
        ),
        (
            (
                'Error creating: pods "p" is forbidden: violates PodSecurity "restricted:latest": '
                "privileged"
            ),
            'Pod Security refuses it: "restricted:latest": privileged',
            True,
        ),
        (
            (
                'Error creating: pods "p" is forbidden: error looking up service account shop/x: '
                'serviceaccount "x" not found'
            ),
            "the namespace is not set up for Bodywork: a service account is missing",
            True,
        ),
        (
            'Error creating: admission webhook "policy" denied the request: no',
            (
                "the cluster refuses its pod: Error creating: admission webhook "
                '"policy" denied the request: no'
            ),
            False,
        ),
    ],
)
def test_why_a_pod_is_refused_is_told(message: str, reason: str, hopeless: bool) -> None:
    found = judge(job(), refused=message)
    assert (found.phase, found.reason, found.final) == (Phase.PENDING, reason, hopeless)


def test_an_old_refusal_is_forgotten_when_there_is_a_pod() -> None:
    assert judge(job(), pod(), refused="exceeded quota: few").reason == ""


def test_only_pods_of_this_very_job_are_its_own() -> None:
    mine, other = pod(), pod()
    other["metadata"]["ownerReferences"] = [{"uid": "of-another-job-of-that-name"}]
    orphan = pod()
    del orphan["metadata"]["ownerReferences"]
    assert owned_by([other, mine, orphan], "job-1") == [mine]


def _partial(value: Any) -> st.SearchStrategy[Any]:
    """Any of what is left of an object when fields are missing, as in a cluster's young objects."""
    if isinstance(value, Mapping):
        whole = {key: _partial(each) for key, each in value.items()}
        return st.fixed_dictionaries({}, optional=whole)
    return st.just(value)


STATES = [waiting("ErrImagePull", "m"), terminated(1), {"running": {"startedAt": STARTED}}, {}]


@given(
    state=st.sampled_from(STATES).flatmap(_partial),
    status=_partial({"phase": "Failed", "reason": "Evicted", "message": "m", "startTime": STARTED}),
)
def test_a_status_that_is_not_complete_yet_is_no_error(state: Found, status: Found) -> None:
    seen = pod(state)
    seen["status"] = {**status, "containerStatuses": seen["status"]["containerStatuses"]}
    found = judge(job(), seen)
    assert found.phase in Phase
    assert "\n" not in found.reason


@given(st.text())
def test_any_message_of_a_refusal_is_one_line(text: str) -> None:
    found = refusal([text])
    assert found is None or ("\n" not in found.reason and len(found.reason) < 500)


MESH = {"name": "istio-proxy", "state": {"running": {"startedAt": STARTED}}}


def beside(seen: Found, *others: Found) -> Found:
    seen["status"]["containerStatuses"] += others
    return seen


@pytest.mark.parametrize(
    ("code", "phase", "reason"),
    [
        (0, Phase.SUCCEEDED, "container istio-proxy goes on after its end; Bodywork ends the pod"),
        (3, Phase.FAILED, "exit code 3"),
    ],
)
def test_a_sidecar_that_goes_on_does_not_hide_the_stages_end(
    code: int, phase: Phase, reason: str
) -> None:
    seen = beside(pod(terminated(code), phase="Running"), MESH)
    found = judge(job(), seen)
    assert (found.phase, found.reason, found.exit_code) == (phase, reason, code)
    assert still_beside(seen) == "istio-proxy"


@pytest.mark.parametrize("code", [0, 3])
def test_the_end_of_a_pod_that_was_outlived_is_not_the_stages_time_limit(code: int) -> None:
    seen = pod(terminated(code), phase="Failed", reason="DeadlineExceeded")
    found = judge(job(**{labels.OUTLIVED: "istio-proxy"}), beside(seen, {**MESH, **terminated(0)}))
    assert found.phase is (Phase.SUCCEEDED if code == 0 else Phase.FAILED)
    assert "MAX_COMPLETION" not in found.reason


@pytest.mark.parametrize(
    "seen",
    [
        pod(terminated(0), phase="Succeeded"),
        pod({"running": {"startedAt": STARTED}}, phase="Running"),
        beside(pod(terminated(0), phase="Running"), {"name": "x", "state": terminated(1)}),
        pod(  # a native sidecar: the kubelet ends it
            terminated(0), phase="Running", initContainerStatuses=[MESH]
        ),
    ],
)
def test_nothing_goes_on_beside_a_stage_that(seen: Found) -> None:
    assert still_beside(seen) == ""


def test_a_stages_lifetime_is_told_by_its_nodes_clock() -> None:
    assert lifetime(pod(terminated(0), phase="Running", startTime=STARTED)) == 8
    assert lifetime(pod(terminated(0), phase="Running")) == 0


@pytest.mark.parametrize(
    ("seen", "phase", "reason"),
    [
        (
            pod(terminated(255, "Unknown"), phase="Failed"),
            Phase.FAILED,
            "its node lost the container (exit code 255): was it restarted?",
        ),
        (
            pod(phase="Failed", reason="OutOfcpu", message="Pod was rejected: no cpu"),
            Phase.FAILED,
            "its node refused it (OutOfcpu): Pod was rejected: no cpu",
        ),
        (
            pod(
                {"running": {"startedAt": STARTED}},
                phase="Running",
                reason="NodeLost",
                message="Node n which was running pod p is unresponsive",
            ),
            Phase.RUNNING,
            "its node does not answer: Node n which was running pod p is unresponsive",
        ),
        (
            beside(
                pod(waiting("PodInitializing")),
                {"name": "istio-init", "state": waiting("ErrImagePull", "no such host")},
            ),
            Phase.PENDING,
            "container istio-init, which others put into its pod, does not start: no such host",
        ),
    ],
)
def test_what_the_node_or_others_do_is_told_as_that(seen: Found, phase: Phase, reason: str) -> None:
    found = judge(job(), seen)
    assert (found.phase, found.reason, found.final) == (phase, reason, False)


@pytest.mark.parametrize("code", [137, 143])
def test_a_batch_pod_that_somebody_deletes_is_told_as_that(code: int) -> None:
    seen = pod(terminated(code), phase="Failed")
    seen["metadata"]["deletionTimestamp"] = ENDED
    assert judge(job(), seen).reason == f"its pod was deleted while it ran (exit code {code})"
    failed = pod(terminated(7), phase="Failed")
    failed["metadata"]["deletionTimestamp"] = ENDED
    assert judge(job(), failed).reason == "exit code 7"


def test_a_pod_that_the_cluster_takes_away_is_told_and_waited_for() -> None:
    drained = is_true("DisruptionTarget", "EvictionByEvictionAPI", "Eviction API: evicting")
    found = judge(job(), pod(terminated(143), phase="Failed", conditions=[drained]))
    assert (found.phase, found.final) == (Phase.PENDING, False)
    assert found.reason.startswith("the cluster takes its pod away (EvictionByEvictionAPI)")
