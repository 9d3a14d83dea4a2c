"""Whether a Deployment's version is ready, or why it never will be; pure.

Ready is `kubectl rollout status`'s four tests, and no restart: without a liveness probe, a crash
loop looks available between two crashes
(https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bodywork.cluster.verdicts import (
    Trouble,
    describe_end,
    ending,
    moment,
    refusal,
    restarted,
    tail_of,
    trouble_of,
    waiting,
)
from bodywork.model.run import Observation, Phase

Found = Mapping[str, Any]


def judge_rollout(deployment: Found, pods: Sequence[Found], refusals: Iterable[str]) -> Observation:
    """Return what is seen of the version that the Deployment is rolling out.

    Args:
        deployment: with that version's template.
        pods: that version's pods.
        refusals: why its pods are refused.
    """
    for pod in pods:
        ended = restarted(pod) or ending(pod)
        if ended is not None:
            return _crashed(pod, ended)
    trouble = _trouble(pods, refusals)
    if trouble and trouble.hopeless:
        return waiting(Observation(Phase.FAILED), trouble)
    if answering(deployment):
        return Observation(Phase.READY, started_at=_first_start(pods))
    if _is_late(deployment):
        return waiting(Observation(Phase.FAILED), trouble or _why_late(deployment))
    started = _first_start(pods)
    phase = Phase.PENDING if started is None else Phase.RUNNING
    seen = Observation(phase, started_at=started)
    return waiting(seen, trouble) if trouble else seen


def answering(deployment: Found) -> bool:
    """Say whether the Deployment's template, and nothing else, is rolled out and available."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    updated = status.get("updatedReplicas", 0)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and updated >= wanted
        and status.get("replicas", 0) <= updated
        and status.get("availableReplicas", 0) >= updated
    )


def _crashed(pod: Found, ended: Found) -> Observation:
    code = ended.get("exitCode")
    why = describe_end(pod, ended)
    if code == 0:
        why = "the script ended (exit code 0); a service's must not"
    return Observation(
        Phase.FAILED,
        reason=why,
        exit_code=code,
        started_at=moment(ended.get("startedAt")),
        ended_at=moment(ended.get("finishedAt")),
        tail=tail_of(ended),
    )


def _trouble(pods: Sequence[Found], refusals: Iterable[str]) -> Trouble | None:
    for pod in pods:
        if trouble := trouble_of(pod):
            return trouble
    return refusal(refusals)


def _is_late(deployment: Found) -> bool:
    """Whether the server says that the time for starting is over (for this very template)."""
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return False
    return any(
        each["type"] == "Progressing" and each.get("reason") == "ProgressDeadlineExceeded"
        for each in status.get("conditions") or ()
    )


def _why_late(deployment: Found) -> Trouble:
    limit = deployment["spec"].get("progressDeadlineSeconds")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    port = container["ports"][0]["containerPort"]
    return Trouble(
        f"did not answer on port {port} within MAX_STARTUP_TIME_SECONDS={limit}",
        hopeless=False,
        hint="does it listen on 0.0.0.0? What listens on 127.0.0.1 alone cannot be reached",
    )


def _first_start(pods: Sequence[Found]) -> Any:
    starts = [
        running["startedAt"]
        for pod in pods
        for status in pod.get("status", {}).get("containerStatuses") or ()
        if (running := status.get("state", {}).get("running"))
    ]
    return moment(min(starts)) if starts else None
