"""Why a scheduled controller has not started; pure: objects and events in, a typed answer out.

A schedule makes a Job, the Job a pod, the pod a container. Each of these steps can be refused or
delayed, and each is reported elsewhere: in events of the CronJob, in events of the Job, in the
status of the pod and its events. What has started writes a log, and needs no explanation from here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bodywork.cluster import labels
from bodywork.cluster.cron_manifests import CONTAINER
from bodywork.cluster.start_causes import Names, Obstacle, explain
from bodywork.cluster.verdicts import (
    condition,
    container_statuses,
    is_over,
    moment,
    owned_by,
)

Found = Mapping[str, Any]

_NEVER_RAN = ("StartError", "ContainerCannotRun")
"""Reasons of a container that is said to have ended, and whose program never ran."""
_OUTDATED = ("FailedScheduling",)
"""Reasons of events that a pod's own status replaces."""
_REFUSED = "FailedCreate"
_FOLLOWED = re.compile(r"(?:BackOff|DeadlineExceeded): |\w+: (?:Error: \w*)?\Z")
"""Texts of events that only tell what followed from the cause."""
_NO_CAUSE = ("ContainerCreating", "PodInitializing")


@dataclass(frozen=True, slots=True)
class Start:
    """How far the controller of a Job has come.

    Attributes:
        started: whether it has ever run, in this pod or in one before it.
        over: whether the Job has ended.
        obstacle: what the controller waits for; of a Job that is over, why it never started. None
            where it runs, or has run and ended.
    """

    started: bool
    over: bool
    obstacle: Obstacle | None = None


def judge_start(job: Found, pods: Sequence[Found], events: Sequence[Found]) -> Start:
    """Return how far the controller of a schedule's Job has come.

    Args:
        job: the Job.
        pods: pods of the namespace; those of other Jobs are left out.
        events: warnings of the namespace; those about other objects are left out.
    """
    own = owned_by(pods, str(job["metadata"]["uid"]))
    over, started = is_over(job), has_ever_started(job, own)
    if over:
        return Start(started, over, None if started else _why_never(job, own, events))
    newest = own[-1] if own else None
    if newest is not None and has_run(newest):
        refused = _refusals(job, events, since=_end_of(newest)) if _end_of(newest) else ()
        return Start(True, over, explain(refused[-1], _names_of(job)) if refused else None)
    return Start(started, over, _what_it_waits_for(job, newest, events))


def has_ever_started(job: Found, own: Sequence[Found]) -> bool:
    """Say whether the controller of a Job, which has these pods, has ever run.

    It notes on its Job that it has. Where that is lost (no rights, an older version), the pods
    that are still there tell; and a Job whose pods are gone is only known not to have started where
    its time ran out.
    """
    if labels.STARTED in (job["metadata"].get("annotations") or {}):
        return True
    if any(has_run(pod) for pod in own) or condition(job, "Complete"):
        return True
    failed = condition(job, "Failed")
    return bool(failed and not own and failed.get("reason") != "DeadlineExceeded")


def judge_schedule(
    cron_job: Found, jobs: Sequence[Found], events: Sequence[Found]
) -> Obstacle | None:
    """Say why a schedule's newest time has made no Job; None where nothing is known to be amiss.

    Args:
        cron_job: the CronJob.
        jobs: its Jobs; a refusal that is older than the newest of them is past.
        events: warnings of the namespace.
    """
    made = [str(job["metadata"]["creationTimestamp"]) for job in jobs]
    made.append(str((cron_job.get("status") or {}).get("lastScheduleTime") or ""))
    newest = max(_seconds(text) for text in made)
    for event in reversed(_about(events, str(cron_job["metadata"]["uid"]))):
        if event.get("reason") == _REFUSED and _time_of(event) > newest:
            return explain(_text_of(event), _names_of(cron_job, ""))
    return None


def _what_it_waits_for(job: Found, pod: Found | None, events: Sequence[Found]) -> Obstacle:
    if job["spec"].get("suspend"):
        return explain("Suspended", _names_of(job))
    if pod is None:
        refused = _refusals(job, events)
        return explain(refused[-1] if refused else "NoPod", _names_of(job))
    told = [
        _text_of(event)
        for event in _about(events, str(pod["metadata"]["uid"]))
        if event.get("reason") not in _OUTDATED and _explains(event)
    ]
    text = _status_text(pod) or (told[-1] if told else "Starting")
    return explain(text, _names_of(job, _image_of(pod)))


def _refusals(job: Found, events: Sequence[Found], since: str = "") -> list[str]:
    """Return why pods of the Job were refused after that time, the newest last."""
    return [
        _text_of(event)
        for event in _about(events, str(job["metadata"]["uid"]))
        if event.get("reason") == _REFUSED and _time_of(event) > _seconds(since)
    ]


def _end_of(pod: Found) -> str:
    """Return when our container ended; "" while it has not."""
    for status in container_statuses(pod, CONTAINER):
        if ended := status.get("state", {}).get("terminated"):
            return str(ended.get("finishedAt") or pod["metadata"].get("creationTimestamp", ""))
    return ""


def _why_never(job: Found, own: Sequence[Found], events: Sequence[Found]) -> Obstacle:
    """Say why a Job has ended though its controller never ran."""
    failed = condition(job, "Failed") or {}
    names = _names_of(job, _image_of(own[-1]) if own else "")
    last = _status_text(own[-1]) if own else ""
    last = last or _last_told(job, own, events)
    if failed.get("reason") == "DeadlineExceeded":
        return explain(last or "NoPod", names).after(job["spec"].get("activeDeadlineSeconds"))
    return explain(last or _words(failed.get("message") or failed.get("reason") or ""), names)


def _last_told(job: Found, own: Sequence[Found], events: Sequence[Found]) -> str:
    """Return what was told last of the Job and its pods, of which the latter may be gone."""
    name, since = str(job["metadata"]["name"]), str(job["metadata"].get("creationTimestamp", ""))
    uids = {str(job["metadata"]["uid"]), *(str(pod["metadata"]["uid"]) for pod in own)}
    a_pod = re.compile(rf"{re.escape(name)}-[a-z0-9]{{5}}\Z")
    told = [
        event
        for event in _sorted(events)
        if event["involvedObject"].get("uid") in uids
        or (
            a_pod.match(str(event["involvedObject"].get("name")))
            and _time_of(event) >= _seconds(since)
        )
    ]
    return next((_text_of(each) for each in reversed(told) if _explains(each)), "")


def _explains(event: Found) -> bool:
    """Say whether an event tells a cause, and not what followed from it."""
    return not _FOLLOWED.match(f"{event.get('reason')}: {event.get('message', '')}")


def has_run(pod: Found) -> bool:
    """Say whether the controller's program runs in the pod, or has run there."""
    for status in container_statuses(pod, CONTAINER):
        for state in (status.get("state") or {}, status.get("lastState") or {}):
            if "running" in state or ("terminated" in state and not _that_never_ran(state)):
                return True
    return False


def _status_text(pod: Found) -> str:
    """Return what the pod's status tells of its containers, as `REASON: message`; "" for nothing.

    Our own container comes first; it may wait for one that others have put before it.
    """
    status = pod.get("status") or {}
    others = [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ]
    for container in (*container_statuses(pod, CONTAINER), *others):
        state = container.get("state") or {}
        for told in (state.get("waiting") or {}, _that_never_ran(state)):
            if told.get("reason") and told["reason"] not in _NO_CAUSE:
                return f"{told['reason']}: {_words(told.get('message', ''))}"
    for each in status.get("conditions") or ():
        if each["type"] == "PodScheduled" and each["status"] == "False":
            return f"FailedScheduling: {_words(each.get('message', ''))}"
    return ""


def _that_never_ran(state: Found) -> Found:
    ended = state.get("terminated") or {}
    return ended if ended.get("reason") in _NEVER_RAN else {}


def _about(events: Sequence[Found], uid: str) -> list[Found]:
    """Return the events about one object, the newest last."""
    return _sorted([each for each in events if each["involvedObject"].get("uid") == uid])


def _sorted(events: Sequence[Found]) -> list[Found]:
    return sorted(events, key=_time_of)


def _time_of(event: Found) -> float:
    """Return when it was observed last, in seconds since 1970."""
    series = (event.get("series") or {}).get("lastObservedTime")
    return _seconds(str(series or event.get("lastTimestamp") or event.get("eventTime") or ""))


def _seconds(text: str) -> float:
    found = moment(text)
    return found.timestamp() if found else 0.0


def _text_of(event: Found) -> str:
    return f"{event.get('reason', '')}: {_words(event.get('message', ''))}"


def _words(text: object) -> str:
    """Return a message on one line."""
    return " ".join(str(text).split())


def _image_of(pod: Found) -> str:
    images = [each["image"] for each in pod["spec"]["containers"] if each["name"] == CONTAINER]
    return str(images[0]) if images else ""


def _names_of(found: Found, image: str = "") -> Names:
    """Return what hints name, of a CronJob or of a Job that it made."""
    metadata = found["metadata"]
    borne = {**(metadata.get("annotations") or {}), **(metadata.get("labels") or {})}
    schedule = borne.get(labels.CRONJOB, metadata["name"])
    return Names(str(metadata.get("namespace", "")), str(schedule), str(metadata["name"]), image)
