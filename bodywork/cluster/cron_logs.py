"""The controller's log of a scheduled run: the logs of its pods, one after the other.

A pod that died was replaced by another one, which went on with the same run. Following is level
triggered: whatever a watch or a stream misses, the next look finds. After a stream was cut, reading
goes on after the last line that was shown (`stamps`). Where a controller has not started,
there is no log: what it waits for is told in its place.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.cron_manifests import CONTAINER, JOB_NAME
from bodywork.cluster.cron_starts import has_run, judge_start
from bodywork.cluster.cronjobs import CronJobs, missing
from bodywork.cluster.errors import Forbidden
from bodywork.cluster.job_view import LOOK_SECONDS, JobView
from bodywork.cluster.stamps import NO_TIME, read_on
from bodywork.cluster.verdicts import has_ended, owned_by
from bodywork.errors import EngineError, NotFound
from bodywork.model.names import Namespace
from bodywork.model.run import LogLine

Found = dict[str, Any]

MOST_NAMESPACES = 50


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a pod's log. `pod` is the name of the pod that wrote it."""

    pod: str
    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a controller waits for, or why it never started.

    Attributes:
        reason, hint: for people.
        over: whether the Job has ended, so that it waits no more.
    """

    reason: str
    hint: str
    over: bool = False


class TickLogs:
    """Reads the logs of the Jobs of schedules, in one namespace."""

    def __init__(self, client: Client, namespace: Namespace) -> None:
        self._client = client
        self._namespace = namespace
        self._schedules = CronJobs(client, namespace)

    def find(self, name: str) -> str:
        """Return the Job of a name: its own, or that of a schedule, whose newest one is meant.

        It is "" where the schedule has made none.

        Raises:
            NotFound: there is neither such a Job nor such a schedule.
            EngineError: it is not one of a schedule of ours.
        """
        try:
            labels.require_ours(self._client.get(paths.job(self._namespace, name)))
        except NotFound:
            jobs = self._schedules.ticks.look(name).jobs
            if jobs:
                return str(jobs[0]["metadata"]["name"])
            try:
                self._schedules.get(name)
            except NotFound:
                known = self._schedules.names_of_ticks()
                raise missing("job", name, self._namespace, known) from None
            return ""
        return name

    def read(self, job: str, *, follow: bool = False) -> Iterator[Line | Waiting]:
        """Yield the lines of all pods of the Job, in order; with `follow`, until it has ended.

        What the controller waits for is told at the end, or while it is followed whenever that
        changes.

        Raises:
            NotFound: there is no such Job.
            EngineError: it has no pod any more.
        """
        if follow:
            return self._follow(job)
        return self._read(job)

    def _read(self, job: str) -> Iterator[Line | Waiting]:
        found = self._client.get(paths.job(self._namespace, job))
        pods, _ = self._client.list_all(
            paths.pods(self._namespace), label_selector=f"{JOB_NAME}={job}"
        )
        own = owned_by(pods, str(found["metadata"]["uid"]))
        for pod in filter(has_run, own):
            yield from self._read_pod(str(pod["metadata"]["name"]), follow=False)
        start = judge_start(found, pods, self._schedules.ticks.warnings())
        if start.obstacle:
            yield Waiting(start.obstacle.reason, start.obstacle.hint, start.over)
        elif start.over and not own:
            raise _gone(job)

    def _follow(self, job: str) -> Iterator[Line | Waiting]:
        uid = str(self._client.get(paths.job(self._namespace, job))["metadata"]["uid"])
        with closing(JobView(self._client, self._namespace, job, uid)) as view:
            shown: set[str] = set()
            told = ""
            while True:
                mark = view.mark()
                for pod in view.started_pods():
                    if pod not in shown:
                        yield from self._read_pod(pod, follow=True)
                        shown.add(pod)
                start = view.start()
                obstacle = start.obstacle
                worth_a_word = start.over or view.is_slow() or (obstacle and obstacle.hint)
                if obstacle and obstacle.reason != told and worth_a_word:
                    told = obstacle.reason
                    yield Waiting(obstacle.reason, obstacle.hint, start.over)
                if start.over and shown >= {*view.started_pods()}:
                    break
                view.wait(mark)
        if not shown and start.started:
            raise _gone(job)

    def _read_pod(self, pod: str, *, follow: bool) -> Iterator[Line]:
        after = 0
        while True:
            state, version = self._look(pod)
            if state != "waiting":
                for line in self._read_on(pod, after, follow=follow and state == "running"):
                    after = line.position
                    yield Line(pod, line.text)
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
        if has_ended(found):
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

    def _read_on(self, pod: str, after: int, *, follow: bool) -> Iterator[LogLine]:
        path = paths.pod_log(self._namespace, pod)
        try:
            for line in read_on(self._client, path, CONTAINER, after, follow=follow):
                after = line.position
                yield line
        except NotFound:
            return  # deleted a moment ago
        except EngineError as error:
            if "waiting to start" not in error.message:
                yield LogLine(after, NO_TIME, f"(the log cannot be read: {error.message})")


def _gone(job: str) -> EngineError:
    return EngineError(
        f"the pods of job {job} are gone, and their logs with them",
        hint=f"`bodywork status {job}` tells how the run went, and `bodywork logs {job}` what its "
        "stages said",
    )


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
