"""What the cluster's objects say about an attempt; pure: dicts in, observations out.

The container's exit code in the status of our pod is known two seconds before the Job's condition,
and is enough to go on. Counters of a Job are never believed
(https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bodywork.cluster import labels
from bodywork.cluster.manifests import CONTAINER
from bodywork.model.redaction import redact
from bodywork.model.run import Observation, Phase

Found = Mapping[str, Any]

TAIL_LINES = 20
TAIL_COLUMNS = 200

_HOPELESS = {
    "InvalidImageName": "the image's name is not valid",
    "ErrImageNeverPull": "the image is not on the node, and is never pulled",
    "CreateContainerConfigError": "its container cannot be configured",
    "CreateContainerError": "its container cannot be made",
    "RunContainerError": "its container cannot be started",
    "ImagePullBackOff": "the image cannot be pulled",
}
_SLOW = {
    "ErrImagePull": "the image cannot be pulled",
    "CrashLoopBackOff": "it ends again and again",
}
_BACK_OFF = re.compile(r'Back-off pulling image "[^"]*": ErrImagePull: ')
_NO_SECRET = re.compile(r'secret "([^"]+)" not found')
_NO_KEY = re.compile(r"couldn't find key (\S+) in Secret ([^/\s]+)/(\S+)")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something does not start.

    Attributes:
        reason: one line for people.
        hopeless: whether waiting cannot mend it.
        hint: what the user can do.
    """

    reason: str
    hopeless: bool
    hint: str = ""


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


def waiting(seen: Observation, trouble: Trouble) -> Observation:
    """Return the observation with what keeps the attempt from starting."""
    return replace(seen, reason=trouble.reason, hint=trouble.hint, final=trouble.hopeless)


def is_over(job: Found) -> bool:
    """Say whether the Job itself has ended: nothing about it will change any more."""
    return condition(job, "Complete") is not None or condition(job, "Failed") is not None


def condition(found: Found, kind: str) -> Found | None:
    """Return the object's condition of that type, if it is true."""
    for each in found.get("status", {}).get("conditions") or ():
        if each["type"] == kind and each["status"] == "True":
            return dict(each)
    return None


def trouble_of(pod: Found) -> Trouble | None:
    """Say what keeps a pod from starting, if anything does."""
    for status in container_statuses(pod):
        waiting = status.get("state", {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), one_line(waiting.get("message", ""))
        message = _BACK_OFF.sub("", message)  # the same reason as before the pause
        if reason in _HOPELESS:
            text, hint = _because(_HOPELESS[reason], message, reason), _hint_for(message)
            return Trouble(text, hopeless=True, hint=hint)
        if reason in _SLOW:
            return Trouble(_because(_SLOW[reason], message, reason), hopeless=False)
    for each in pod.get("status", {}).get("conditions") or ():
        if each["type"] == "PodScheduled" and each["status"] == "False":
            message = one_line(each.get("message", ""))
            return Trouble(_because("no node has room for it", message, ""), hopeless=False)
    return None


def refusal(messages: Iterable[str]) -> Trouble | None:
    """Say why the cluster refuses to make a pod, by the newest of these events' messages."""
    text = one_line(next(iter(reversed(list(messages))), ""))
    if not text:
        return None
    if "exceeded quota" in text:
        return Trouble(
            f"the namespace's quota is exhausted: {_after(text, 'exceeded quota')}", False
        )
    if "violates PodSecurity" in text:
        return Trouble(f"Pod Security refuses it: {_after(text, 'violates PodSecurity')}", True)
    if "serviceaccount" in text and "not found" in text:
        return Trouble(
            "the namespace is not set up for Bodywork: a service account is missing",
            hopeless=True,
            hint="bodywork setup-namespace NAMESPACE",
        )
    return Trouble(f"the cluster refuses its pod: {text}", hopeless=False)


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
        return f"evicted: {one_line(pod['status'].get('message', ''))}"
    if terminated.get("reason") in ("ContainerCannotRun", "StartError"):
        return f"its container cannot be started: {one_line(terminated.get('message', ''))}"
    return f"exit code {code}"


def tail_of(terminated: Found) -> tuple[str, ...]:
    """Return the last lines of the log that the container's status kept."""
    lines = str(terminated.get("message") or "").splitlines()[-TAIL_LINES:]
    return tuple(redact(line)[:TAIL_COLUMNS] for line in lines)


def owned_by(pods: Iterable[Found], uid: str) -> list[Found]:
    """Return the pods whose controller has this uid, oldest first."""
    mine = [
        pod
        for pod in pods
        if any(each["uid"] == uid for each in pod["metadata"].get("ownerReferences") or ())
    ]
    return sorted(mine, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))


def moment(text: str | None) -> datetime | None:
    """Return a time of the API server's as a value."""
    return datetime.fromisoformat(text) if text else None


def one_line(text: str) -> str:
    """Return a message without line breaks, at most a paragraph of it."""
    return redact(" ".join(str(text).split()))[:400]


def _judge_pods(job: Found, pods: Sequence[Found]) -> Observation:
    counting = [pod for pod in pods if not _was_disrupted(pod)]
    if not counting:
        return Observation(Phase.PENDING)
    pod = counting[-1]
    terminated = ending(pod)
    if terminated is not None:
        return _ended(pod, terminated)
    if pod.get("status", {}).get("phase") == "Failed":
        return Observation(Phase.FAILED, reason=_why_the_pod_failed(pod))
    for status in container_statuses(pod):
        if running := status.get("state", {}).get("running"):
            return Observation(Phase.RUNNING, started_at=moment(running.get("startedAt")))
    trouble = trouble_of(pod)
    pending = Observation(Phase.PENDING)
    return pending if trouble is None else waiting(pending, trouble)


def _ended(pod: Found, terminated: Found) -> Observation:
    code = terminated.get("exitCode")
    well = code == 0 and not pod.get("status", {}).get("reason")
    return Observation(
        Phase.SUCCEEDED if well else Phase.FAILED,
        reason="" if well else describe_end(pod, terminated),
        exit_code=code,
        started_at=moment(terminated.get("startedAt")),
        ended_at=moment(terminated.get("finishedAt")),
        tail=() if well else tail_of(terminated),
    )


def _was_disrupted(pod: Found) -> bool:
    """Whether the cluster took the pod away: it is replaced, and costs the stage nothing."""
    return condition(pod, "DisruptionTarget") is not None


def _why_the_pod_failed(pod: Found) -> str:
    if pod["status"].get("reason") == "DeadlineExceeded":
        return _deadline(pod)
    return one_line(pod["status"].get("message") or pod["status"].get("reason") or "its pod failed")


def _deadline(pod: Found) -> str:
    return f"exceeded MAX_COMPLETION_TIME_SECONDS={pod['spec'].get('activeDeadlineSeconds')}"


def _why_the_job_failed(job: Found, failed: Found, trouble: str) -> str:
    noted = (job["metadata"].get("annotations") or {}).get(labels.VERDICT)
    if noted:
        return str(noted)
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


def _because(what: str, message: str, reason: str) -> str:
    return f"{what}: {message or reason}" if message or reason else what


def _hint_for(message: str) -> str:
    """Return the command that mends what keeps a container from being configured."""
    if missing := _NO_SECRET.search(message):
        return f"bodywork secret create --name={missing[1]} --data KEY=VALUE"
    if missing := _NO_KEY.search(message):
        return f"bodywork secret update -n {missing[2]} --name={missing[3]} --data {missing[1]}=…"
    return ""


def _after(text: str, word: str) -> str:
    return text.partition(word)[2].strip(" :") or text
