"""What the cluster's objects say about an attempt; pure: dicts in, observations out.

The container's exit code in the status of our pod is known two seconds before the Job's condition,
and is enough to go on. Counters of a Job are never believed
(https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bodywork.cluster import labels
from bodywork.cluster.manifests import CONTAINER
from bodywork.cluster.trouble_rows import Wait
from bodywork.cluster.troubles import Trouble, explain, one_line
from bodywork.execution.installation_errors import is_final_message
from bodywork.execution.outcome import describe_exit_code
from bodywork.model.redaction import redact
from bodywork.model.run import Observation, Phase

Found = Mapping[str, Any]

TAIL_LINES = 20
TAIL_COLUMNS = 200
_CUT_BYTES = 2048 - 3
"""A message of fewer bytes is whole: of a log, the kubelet keeps the last 2048, of which the first
may be a part of a character.

https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
"""
LONG_LINE = "(its last line is too long to be shown here; the log has it)"

_KILLED = (137, 143)
"""Exit codes of what was ended by SIGKILL or SIGTERM."""
_UNSEEN = ("ContainerStatusUnknown", "Unknown")
"""Why a container has ended, where the kubelet has not seen it end."""


def judge_job(job: Found, pods: Sequence[Found], refusals: Iterable[str]) -> Observation:
    """Return what is seen of a batch attempt.

    Args:
        job: the Job.
        pods: its pods, those of other Jobs left out.
        refusals: messages of the events in which pods of it were refused.
    """
    uid = job["metadata"]["uid"]
    seen = replace(_judge_pods(job, pods), uid=uid)
    if seen.phase in (Phase.SUCCEEDED, Phase.FAILED):
        return seen
    if (failed := condition(job, "Failed")) is not None:
        return replace(
            seen,
            phase=Phase.FAILED,
            reason=_why_the_job_failed(job, failed, seen.reason),
            ended_at=moment(failed.get("lastTransitionTime")),
        )
    if condition(job, "Complete") is not None:
        ended = moment(job["status"].get("completionTime"))
        return replace(seen, phase=Phase.SUCCEEDED, exit_code=0, reason="", ended_at=ended)
    if not pods and (refused := refusal(refusals)):
        return waiting(seen, refused)
    return seen


def stuck_pods(pods: Iterable[Found]) -> Trouble:
    """Return what to say of pods that do not end, though all who could end them were asked."""
    left = [pod for pod in pods if not has_ended(pod)]
    names = [f"pod {pod['metadata']['name']} on node {_node_of(pod) or '?'}" for pod in left]
    return explain("stuck", ", ".join(names) or "its Job", "") or Trouble("", Wait.IN_TIME)


def waiting(seen: Observation, trouble: Trouble | None) -> Observation:
    """Return the observation with what is in the attempt's way, if anything is."""
    if trouble is None:
        return seen
    return replace(seen, reason=trouble.reason, hint=trouble.hint, final=trouble.hopeless)


def is_over(job: Found) -> bool:
    """Say whether the Job itself has ended: nothing about it will change any more."""
    return condition(job, "Complete") is not None or condition(job, "Failed") is not None


def has_ended(pod: Found) -> bool:
    """Say whether nothing of a pod runs any more, or ever will."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def condition(found: Found, kind: str) -> Found | None:
    """Return the object's condition of that type, if it is true."""
    for each in found.get("status", {}).get("conditions") or ():
        if each["type"] == kind and each["status"] == "True":
            return dict(each)
    return None


def trouble_of(pod: Found) -> Trouble | None:
    """Say what keeps a pod from starting, or makes what it says doubtful, if anything does."""
    if (taken := condition(pod, "DisruptionTarget")) is not None:
        return explain("taken", str(taken.get("reason", "")), str(taken.get("message", "")))
    if is_being_deleted(pod):
        return explain("deleted", "", "")
    own = pod.get("status", {})
    if own.get("reason") == "NodeLost" or own.get("phase") == "Unknown":
        return explain("silent", _node_of(pod), str(own.get("message", "")))
    return _waiting(pod) or _waiting_beside(pod) or _unscheduled(pod)


def refusal(messages: Iterable[str]) -> Trouble | None:
    """Say why the cluster refuses to make a pod, by the newest of these events' messages."""
    text = one_line(next(iter(reversed(list(messages))), ""))
    return explain("refused", "", text) if text else None


def is_being_deleted(found: Found) -> bool:
    """Say whether an object has been deleted and is not gone yet; a pod may run on, or hang on a
    dead node."""
    return bool(found["metadata"].get("deletionTimestamp"))


def was_taken(pod: Found) -> bool:
    """Say whether the cluster takes the pod away: it is replaced, and costs the stage nothing."""
    return condition(pod, "DisruptionTarget") is not None


def is_backing_off(pod: Found) -> bool:
    """Say whether the image could not be pulled twice, and the kubelet pauses."""
    states = [each.get("state", {}).get("waiting") or {} for each in container_statuses(pod)]
    return any(state.get("reason") == "ImagePullBackOff" for state in states)


def was_lost(terminated: Found) -> bool:
    """Say whether a container's end was noted by a kubelet that had not seen it."""
    return terminated.get("reason") in _UNSEEN


def still_beside(pod: Found) -> str:
    """Return which containers keep the pod alive after the end of the stage's, "" for none.

    Native sidecars are not meant: the kubelet ends them itself.
    """
    if ending(pod) is None:
        return ""
    found = pod.get("status", {}).get("containerStatuses") or ()
    return ", ".join(
        str(each["name"])
        for each in found
        if each["name"] != CONTAINER and "terminated" not in each.get("state", {})
    )


def lifetime(pod: Found) -> int:
    """Return after how many seconds of the pod's life its stage has ended: by one kubelet's clock,
    which measures a pod's deadline as well."""
    began = moment(pod.get("status", {}).get("startTime"))
    ended = moment((ending(pod) or {}).get("finishedAt"))
    return max(0, int((ended - began).total_seconds())) if began and ended else 0


def ending(pod: Found) -> Found | None:
    """Return how the stage's container ended, if it has."""
    for status in container_statuses(pod):
        if terminated := status.get("state", {}).get("terminated"):
            return dict(terminated)
    return None


def has_started(pod: Found) -> bool:
    """Say whether the stage's container runs or has run: whether there is a log."""
    states = [status.get("state", {}) for status in container_statuses(pod)]
    return any("running" in state or "terminated" in state for state in states)


def restarted(pod: Found) -> Found | None:
    """Return how the stage's container ended the last time, if it was started again."""
    for status in container_statuses(pod):
        terminated = status.get("lastState", {}).get("terminated")
        if terminated or status.get("restartCount", 0):
            return dict(terminated or {})
    return None


def container_statuses(pod: Found, container: str = CONTAINER) -> list[dict[str, Any]]:
    """Return the status of our own container (a stage's); what others inject is not judged."""
    found = pod.get("status", {}).get("containerStatuses") or ()
    return [dict(each) for each in found if each["name"] == container]


def describe_end(pod: Found, terminated: Found) -> str:
    """Return why a container ended badly, for people."""
    code = terminated.get("exitCode")
    if terminated.get("reason") == "OOMKilled":
        limit = _memory_limit(pod)
        return f"out of memory (OOMKilled, exit code {code}){limit}"
    if pod.get("status", {}).get("reason") == "DeadlineExceeded":
        return _deadline(pod)
    if pod.get("status", {}).get("reason") == "Evicted":
        return _why_the_pod_failed(pod)
    if was_lost(terminated):
        return _told("lost", f"exit code {code}")
    if is_being_deleted(pod) and code in _KILLED:
        return f"its pod was deleted while it ran (exit code {code})"
    if terminated.get("reason") in ("ContainerCannotRun", "StartError"):
        return f"its container cannot be started: {one_line(terminated.get('message', ''))}"
    return describe_exit_code(int(code or 0))


def tail_of(terminated: Found) -> tuple[str, ...]:
    """Return the last whole lines of the log that the container's status kept.

    The kubelet keeps bytes, not lines, so the first line may be the end of one; what is hidden is
    known by its beginning (an address, by its scheme).
    """
    message = str(terminated.get("message") or "")
    is_cut = len(message.encode("utf-8", "surrogatepass")) >= _CUT_BYTES
    lines = message.splitlines()[is_cut:][-TAIL_LINES:] or [LONG_LINE] * is_cut
    return tuple(redact(line)[:TAIL_COLUMNS] for line in lines)


def owned_by(pods: Iterable[Found], uid: str) -> list[Found]:
    """Return the pods whose controller has this uid, oldest first."""
    mine = [pod for pod in pods if is_owned_by(pod, uid)]
    return sorted(mine, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))


def has_owner(pod: Found) -> bool:
    """Say whether a pod is of a Job or a ReplicaSet, and not one that a person made like it."""
    return bool(pod["metadata"].get("ownerReferences"))


def is_owned_by(found: Found, uid: str) -> bool:
    """Say whether the object of this uid is among an object's owners."""
    return any(each["uid"] == uid for each in found["metadata"].get("ownerReferences") or ())


def moment(text: str | None) -> datetime | None:
    """Return a time of the API server's as a value."""
    return datetime.fromisoformat(text) if text else None


def _judge_pods(job: Found, pods: Sequence[Found]) -> Observation:
    counting = [pod for pod in pods if not was_taken(pod)]
    pending = Observation(Phase.PENDING)
    if not counting:
        return waiting(pending, trouble_of(pods[-1]) if pods else None)
    pod = counting[-1]
    terminated = ending(pod)
    if terminated is not None:
        return _ended(job, pod, terminated)
    if pod.get("status", {}).get("phase") == "Failed":
        return Observation(Phase.FAILED, reason=_why_the_pod_failed(pod))
    for status in container_statuses(pod):
        if running := status.get("state", {}).get("running"):
            seen = Observation(Phase.RUNNING, started_at=moment(running.get("startedAt")))
            return waiting(seen, trouble_of(pod))
    return waiting(pending, trouble_of(pod))


def _ended(job: Found, pod: Found, terminated: Found) -> Observation:
    code = terminated.get("exitCode")
    outlived = labels.annotation(job, labels.OUTLIVED)
    if outlived:  # the pod's deadline is ours, and says nothing about the stage
        pod = {**pod, "status": {**pod["status"], "reason": ""}}
    well = code == 0 and not pod.get("status", {}).get("reason")
    beside = outlived or still_beside(pod)
    kept = f"container {beside} goes on after its end; Bodywork ends the pod" if beside else ""
    return Observation(
        Phase.SUCCEEDED if well else Phase.FAILED,
        reason=kept if well else describe_end(pod, terminated),
        exit_code=code,
        final=not well and is_final_message(str(terminated.get("message") or "")),
        started_at=moment(terminated.get("startedAt")),
        ended_at=moment(terminated.get("finishedAt")),
        tail=() if well else tail_of(terminated),
    )


def _waiting(pod: Found) -> Trouble | None:
    for status in container_statuses(pod):
        state = status.get("state", {}).get("waiting") or {}
        reason, message = str(state.get("reason", "")), str(state.get("message", ""))
        if trouble := explain("waiting", reason, message):
            return trouble
    return None


def _waiting_beside(pod: Found) -> Trouble | None:
    """Say which container that somebody else has put into the pod keeps the stage's waiting."""
    if has_started(pod):
        return None
    status = pod.get("status", {})
    found = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for each in found:
        state = each.get("state", {}).get("waiting") or {}
        reason, message = str(state.get("reason", "")), str(state.get("message", ""))
        if each["name"] != CONTAINER and explain("waiting", reason, message):
            return explain("beside", f"{each['name']} {reason}", message)
    return None


def _unscheduled(pod: Found) -> Trouble | None:
    for each in pod.get("status", {}).get("conditions") or ():
        if each["type"] == "PodScheduled" and each["status"] == "False":
            return explain("unscheduled", str(each.get("reason", "")), str(each.get("message", "")))
    return None


def _node_of(pod: Found) -> str:
    return str(pod.get("spec", {}).get("nodeName", ""))


def _told(kind: str, reason: str, message: str = "") -> str:
    trouble = explain(kind, reason, message)
    return trouble.reason if trouble else reason


def _why_the_pod_failed(pod: Found) -> str:
    own = pod["status"]
    if own.get("reason") == "DeadlineExceeded":
        return _deadline(pod)
    return _told("failed", str(own.get("reason") or ""), str(own.get("message") or "")) or (
        "its pod failed"
    )


def _deadline(pod: Found) -> str:
    return f"exceeded MAX_COMPLETION_TIME_SECONDS={pod['spec'].get('activeDeadlineSeconds')}"


def _why_the_job_failed(job: Found, failed: Found, trouble: str) -> str:
    if noted := labels.annotation(job, labels.VERDICT):
        return noted
    if failed.get("reason") == "DeadlineExceeded":
        return f"it did not start in time: {trouble}" if trouble else "it did not start in time"
    if failed.get("reason") == "BackoffLimitExceeded":
        return trouble or "its pod was deleted"
    return one_line(failed.get("message") or failed.get("reason") or "its Job failed")


def _memory_limit(pod: Found) -> str:
    for container in pod["spec"]["containers"]:
        limit = (container.get("resources", {}).get("limits") or {}).get("memory")
        if container["name"] == CONTAINER and limit:
            return f"; its limit is {limit}"
    return "; the node had no memory left: set MEMORY_REQUEST_MB to what the stage needs"
