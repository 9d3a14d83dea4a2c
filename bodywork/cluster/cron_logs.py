"""The controller's log of a scheduled run: the logs of its pods, one after the other.

A pod that died was replaced by another one, which went on with the same run. Following is level
triggered: whatever a watch or a stream misses, the next look finds. Lines are told apart by their
time stamps, so nothing is shown twice after a stream was cut.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.cron_manifests import CONTAINER, JOB_NAME, parse_tick
from bodywork.cluster.cronjobs import CronJobs, missing
from bodywork.cluster.errors import Forbidden
from bodywork.errors import EngineError, NotFound
from bodywork.model.names import Namespace

Found = dict[str, Any]

LOOK_SECONDS = 10
"""How long to wait for a change of the Job's pods before looking again all the same."""
MOST_NAMESPACES = 50
_STAMP = r"(\S{19})(?:\.(\d{1,9}))?\S* ?"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a pod's log. `pod` is the name of the pod that wrote it."""

    pod: str
    text: str


class TickLogs:
    """Reads the logs of the Jobs of schedules, in one namespace."""

    def __init__(self, client: Client, namespace: Namespace) -> None:
        self._client = client
        self._namespace = namespace

    def read(self, job: str, *, follow: bool = False) -> Iterator[Line]:
        """Yield the lines of all pods of the Job, in order; with `follow`, until it has ended.

        Raises:
            NotFound: there is no such Job.
            EngineError: it is not one of a schedule of ours, or has no pod any more.
        """
        uid = self._require(job)
        done: set[str] = set()
        while True:
            ended = self._has_ended(job, uid)
            pods, version = self._pods(job, uid)
            for pod in pods:
                if pod not in done:
                    yield from self._read_pod(pod, follow=follow)
                    done.add(pod)
            if ended or not follow:
                break
            self._await_change(job, version)
        if not done and ended:
            raise EngineError(
                f"the pods of job {job} are gone, and their logs with them",
                hint=f"`bodywork status {job}` tells how the run went, and `bodywork logs {job}` "
                "what its stages said",
            )

    def _require(self, job: str) -> str:
        try:
            found = self._client.get(paths.job(self._namespace, job))
        except NotFound:
            known = CronJobs(self._client, self._namespace).names_of_ticks()
            raise missing("job", job, self._namespace, known) from None
        labels.require_ours(found)
        return str(found["metadata"]["uid"])

    def _has_ended(self, job: str, uid: str) -> bool:
        try:
            found = self._client.get(paths.job(self._namespace, job))
        except NotFound:
            return True
        return found["metadata"]["uid"] != uid or parse_tick(found).state != "active"

    def _pods(self, job: str, uid: str) -> tuple[list[str], str]:
        """Return the names of the Job's own pods, the oldest first, and the list's version."""
        found, version = self._client.list_all(
            paths.pods(self._namespace), label_selector=f"{JOB_NAME}={job}"
        )
        ours = [
            each["metadata"]
            for each in found
            if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences") or ())
        ]
        ours.sort(key=lambda each: (str(each["creationTimestamp"]), str(each["name"])))
        return [str(each["name"]) for each in ours], version

    def _await_change(self, job: str, version: str) -> None:
        where = paths.pods(self._namespace)
        selector = f"{JOB_NAME}={job}"
        for event in self._client.watch(
            where, version, label_selector=selector, timeout_seconds=LOOK_SECONDS
        ):
            if event["type"] != "BOOKMARK":
                return

    def _read_pod(self, pod: str, *, follow: bool) -> Iterator[Line]:
        last = ("", "")
        while True:
            state, version = self._look(pod)
            if state != "waiting":
                for key, text in self._stamped(pod, follow=follow and state == "running"):
                    if key > last or not key[0]:
                        yield Line(pod, text)
                    last = max(last, key)
            if not follow or state == "ended":
                return
            self._await_pod(pod, version)

    def _look(self, pod: str) -> tuple[str, str]:
        """Return `waiting`, `running` or `ended`, and the version of the pod."""
        try:
            found = self._client.get(paths.pod(self._namespace, pod))
        except NotFound:
            return "ended", ""
        version = str(found["metadata"]["resourceVersion"])
        status = found.get("status") or {}
        if status.get("phase") in ("Succeeded", "Failed"):
            return "ended", version
        for each in status.get("containerStatuses") or ():
            if each["name"] == CONTAINER:
                (state,) = each.get("state") or {"waiting": {}}
                return {"running": "running", "terminated": "ended"}.get(state, "waiting"), version
        return "waiting", version

    def _await_pod(self, pod: str, version: str) -> None:
        """Return as soon as the pod has changed since that version, or after a while."""
        for event in self._client.watch(
            paths.pods(self._namespace),
            version,
            field_selector=f"metadata.name={pod}",
            timeout_seconds=LOOK_SECONDS,
        ):
            if event["type"] != "BOOKMARK":
                return

    def _stamped(self, pod: str, *, follow: bool) -> Iterator[tuple[tuple[str, str], str]]:
        """Yield the lines with keys that grow with their times."""
        query = {"container": CONTAINER, "timestamps": "true"}
        if follow:
            query["follow"] = "true"
        try:
            for raw in self._client.stream(paths.pod_log(self._namespace, pod), query):
                yield _parse_line(raw.decode("utf-8", "replace"))
        except NotFound:
            return  # deleted a moment ago
        except EngineError as error:
            if "waiting to start" not in error.message:
                yield ("", ""), f"(the log cannot be read: {error.message})"


def _parse_line(line: str) -> tuple[tuple[str, str], str]:
    match = re.match(_STAMP, line)
    if match is None or not line[:4].isdigit():
        return ("", ""), line
    return (match[1], (match[2] or "").ljust(9, "0")), line[match.end() :].rstrip("\r")


def namespace_of(client: Client, namespace: str, job: str) -> str:
    """Return the namespace of a Job where, as in the guide, the Job's name was given for it too.

    Raises:
        NotFound: there is neither such a namespace nor such a Job, as far as can be seen.
    """
    try:
        found, _ = client.list_all(paths.namespaces())
    except Forbidden:
        return namespace
    names = [str(each["metadata"]["name"]) for each in found]
    if namespace in names:
        return namespace
    if home := _find_job(client, names, job):
        return home
    near = get_close_matches(namespace, names, 1)
    raise NotFound(
        f"there is no namespace {namespace}, and no job {job} in those that can be seen",
        hint=f"did you mean namespace {near[0]}?" if near else "give the cronjob's own namespace",
    )


def _find_job(client: Client, names: Sequence[str], job: str) -> str:
    """Return the namespace that holds the Job, or ""; likely ones are asked first."""
    likely = sorted(names, key=lambda each: (not job.startswith(each), -len(each), each))
    for name in likely[:MOST_NAMESPACES]:
        try:
            labels.require_ours(client.get(paths.job(name, job)))
        except (NotFound, EngineError):
            continue
        return name
    return ""
