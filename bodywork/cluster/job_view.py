"""The Job of a schedule with its pods and warnings, kept up to date while somebody follows it."""

import time
from typing import Any

from bodywork.cluster import paths
from bodywork.cluster.client import Client
from bodywork.cluster.cron_manifests import JOB_NAME
from bodywork.cluster.cron_starts import Start, has_run, judge_start
from bodywork.cluster.errors import Forbidden
from bodywork.cluster.start_causes import Obstacle
from bodywork.cluster.ticks import WARNINGS
from bodywork.cluster.verdicts import condition, owned_by
from bodywork.cluster.watching import Bell, Watched
from bodywork.model.names import Namespace

Found = dict[str, Any]

LOOK_SECONDS = 10
"""How long to wait for a change before looking again all the same."""


class JobView:
    """What is known of one Job; its watches begin with the first look, and end with `close`.

    Args:
        client: the cluster.
        namespace, job, uid: which Job; one that is made anew under its name is another.
    """

    def __init__(self, client: Client, namespace: Namespace, job: str, uid: str) -> None:
        self._uid = uid
        self._bell = Bell()
        self._began = time.monotonic()
        self._jobs = Watched(
            client, paths.jobs(namespace), self._bell, field_selector=f"metadata.name={job}"
        )
        self._pods = Watched(
            client, paths.pods(namespace), self._bell, label_selector=f"{JOB_NAME}={job}"
        )
        self._events = Watched(client, paths.events(namespace), self._bell, field_selector=WARNINGS)

    def close(self) -> None:
        """Stop watching."""
        for watched in (self._jobs, self._pods, self._events):
            watched.close()

    def start(self) -> Start:
        """Return how far the Job has come; one that is deleted is over."""
        for job in self._jobs.objects():
            if job["metadata"]["uid"] == self._uid:
                return judge_start(job, self._pods.objects(), self._warnings())
        deleted = Obstacle("the job was deleted", "", passes=False)
        return Start(started=False, over=True, obstacle=deleted)

    def started_pods(self) -> list[str]:
        """Return the names of the Job's pods whose controller has run, the oldest first."""
        own = owned_by(self._pods.objects(), self._uid)
        return [str(pod["metadata"]["name"]) for pod in own if has_run(pod)]

    def is_slow(self) -> bool:
        """Say whether it has been looked at for so long that a start is worth a word."""
        return time.monotonic() - self._began > LOOK_SECONDS

    def mark(self) -> int:
        """Return what `wait` needs to miss nothing: to be read before looking."""
        return self._bell.count

    def has_succeeded(self) -> bool:
        """Say whether the Job is complete."""
        return any(
            job["metadata"]["uid"] == self._uid and condition(job, "Complete")
            for job in self._jobs.objects()
        )

    def wait(self, mark: int, seconds: float = LOOK_SECONDS) -> None:
        """Block until something has changed since the mark, or a while has passed."""
        self._bell.wait(mark, min(seconds, LOOK_SECONDS))

    def _warnings(self) -> list[Found]:
        try:
            return self._events.objects()
        except Forbidden:
            return []
