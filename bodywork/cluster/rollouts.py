"""Whether a Deployment's version is ready, or why it never will be; pure.

Ready is `kubectl rollout status`'s four tests, and no restart: without a liveness probe, a crash
loop looks available between two crashes
(https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bodywork.cluster.trouble_rows import Wait
from bodywork.cluster.troubles import Trouble, explain
from bodywork.cluster.verdicts import (
    describe_end,
    ending,
    has_ended,
    is_being_deleted,
    moment,
    refusal,
    restarted,
    tail_of,
    trouble_of,
    waiting,
    was_lost,
    was_taken,
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
    counting = [pod for pod in pods if not _was_ended_by_others(pod)]
    for pod in counting:
        ended = restarted(pod) or ending(pod)
        if ended is not None and not was_lost(ended):
            return _crashed(pod, ended)
    trouble = _trouble(deployment, counting or pods, refusals)
    if trouble and trouble.hopeless:
        return waiting(Observation(Phase.FAILED), trouble)
    if answering(deployment):
        return Observation(Phase.READY, started_at=_first_start(pods))
    if _is_late(deployment):
        return waiting(Observation(Phase.FAILED), trouble or _why_late(deployment))
    started = _first_start(pods)
    phase = Phase.PENDING if started is None else Phase.RUNNING
    return waiting(Observation(phase, started_at=started), trouble)


def answering(deployment: Found) -> bool:
    """Say whether the Deployment's template, and nothing else, is rolled out and available."""
    return bool(_wanted(deployment)) and rolled_out(deployment)


def rolled_out(deployment: Found) -> bool:
    """Say the same of as many replicas as are wanted now, which may be none."""
    status, wanted = deployment.get("status", {}), _wanted(deployment)
    updated = status.get("updatedReplicas", 0)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and updated >= wanted
        and status.get("replicas", 0) <= updated
        and status.get("availableReplicas", 0) >= updated
    )


def standstill(deployment: Found) -> Trouble | None:
    """Say what somebody did to the Deployment so that Kubernetes keeps no deadline for it."""
    name = str(deployment["metadata"].get("name", "NAME"))
    if deployment["spec"].get("paused"):
        return explain("paused", name, "")
    return None if _wanted(deployment) else explain("unscaled", name, "")


def end_standstill(deployment: Found, seen: Observation) -> Observation:
    """Return the observation of a version that has had its time, though Kubernetes did not say."""
    found = standstill(deployment) or _why_late(deployment)
    limit = deployment["spec"].get("progressDeadlineSeconds")
    reason = f"{found.reason}, for MAX_STARTUP_TIME_SECONDS={limit}"
    return waiting(replace(seen, phase=Phase.FAILED), replace(found, reason=reason))


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


def _wanted(deployment: Found) -> int:
    return int(deployment["spec"].get("replicas", 1))


def _was_ended_by_others(pod: Found) -> bool:
    """Whether the pod is on its way out, and its containers' ends say nothing of the version.

    A service's containers are started again for ever, so that a pod ends as a whole only by the
    cluster's doing.
    """
    return has_ended(pod) or is_being_deleted(pod) or was_taken(pod)


def _trouble(deployment: Found, pods: Sequence[Found], refusals: Iterable[str]) -> Trouble | None:
    troubles = [
        *(trouble_of(pod) for pod in pods),
        standstill(deployment),
        refusal(refusals),
    ]
    found = [each for each in troubles if each is not None]
    return next((each for each in found if each.hopeless), next(iter(found), None))


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
        Wait.IN_TIME,
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
