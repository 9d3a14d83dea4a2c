"""The Jobs of schedules: what became of each, and what those that have not started wait for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.cron_manifests import Tick, parse_tick
from bodywork.cluster.cron_starts import Start, judge_start
from bodywork.cluster.errors import Conflict, Forbidden
from bodywork.cluster.verdicts import condition, is_over
from bodywork.errors import NotFound
from bodywork.model.names import Namespace

Found = dict[str, Any]

WARNINGS = "type=Warning"
"""The field selector of the events that tell why something does not start."""
_OURS = f"{labels.MANAGED_BY}={labels.BODYWORK},{labels.CRONJOB}"
_TRIES = 5
"""How often a Job that changes while it is looked at is looked at again."""


@dataclass(frozen=True, slots=True)
class Look:
    """What there is of the Jobs of schedules, at one moment.

    Attributes:
        jobs: newest first.
        pods, events: None where they were not needed, or may not be seen.
    """

    jobs: Sequence[Found]
    pods: Sequence[Found] | None = None
    events: Sequence[Found] | None = None

    def start_of(self, job: Found) -> Start | None:
        """Return how far the Job has come; None where that cannot be known."""
        if condition(job, "Complete"):
            return Start(started=True, over=True)
        if self.pods is None:
            return None
        return judge_start(job, self.pods, self.events or ())

    def tick(self, job: Found) -> Tick:
        """Return what became of the Job."""
        tick, start = parse_tick(job), self.start_of(job)
        if start is None:
            return tick
        obstacle = start.obstacle
        return replace(
            tick,
            started=start.started,
            waits_for=obstacle.reason if obstacle else "",
            hint=obstacle.hint if obstacle else "",
        )

    def ticks(self) -> list[Tick]:
        """Return what became of all of them, newest first."""
        return [self.tick(job) for job in self.jobs]

    def unstarted(self) -> list[Found]:
        """Return the Jobs that have not ended and whose controller never ran."""
        starts = ((job, self.start_of(job)) for job in self.jobs)
        return [job for job, start in starts if start and not (start.started or start.over)]


class Ticks:
    """The Jobs of the schedules of one namespace. Methods may raise what `Client` raises."""

    def __init__(self, client: Client, namespace: Namespace) -> None:
        self._client = client
        self._namespace = namespace

    def look(self, schedule: str = "") -> Look:
        """Look at the Jobs of one schedule, or of all."""
        jobs, selector = self._list(schedule)
        if all(condition(job, "Complete") for job in jobs):
            return Look(jobs)
        return self._with_causes(jobs, selector)

    def _look_at_unended(self, schedule: str = "") -> Look:
        """Look at those Jobs that have not ended; where there are none, one request tells so."""
        jobs, selector = self._list(schedule)
        unended = [job for job in jobs if not is_over(job)]
        return self._with_causes(unended, selector) if unended else Look(())

    def _list(self, schedule: str) -> tuple[list[Found], str]:
        """Return the Jobs of one schedule, or of all, newest first, and their label selector."""
        selector = f"{_OURS}={schedule}" if schedule else _OURS
        jobs, _ = self._client.list_all(paths.jobs(self._namespace), label_selector=selector)
        jobs.sort(key=lambda job: str(job["metadata"]["creationTimestamp"]), reverse=True)
        return jobs, selector

    def find(self, name: str) -> Tick | None:
        """Return what became of the Job of that name; None where no schedule of ours made one."""
        try:
            job = self._client.get(paths.job(self._namespace, name))
        except NotFound:
            return None
        schedule = (job["metadata"].get("labels") or {}).get(labels.CRONJOB)
        if not (schedule and labels.is_ours(job)):
            return None
        return self._with_causes([job], f"{_OURS}={schedule}").tick(job)

    def waiting(self) -> list[Tick]:
        """Return the Jobs that have not ended and whose controller never ran, oldest first."""
        look = self._look_at_unended()
        return [look.tick(job) for job in reversed(look.unstarted())]

    def end_unstarted(self, schedule: str, only: str = "") -> list[str]:
        """Delete the Jobs of a schedule whose controller never ran; return their names.

        Args:
            schedule: the CronJob's name.
            only: a Job's name, to delete that one alone.
        """
        ended: list[str] = []
        for _ in range(_TRIES):
            found = self._look_at_unended(schedule).unstarted()
            jobs = [job for job in found if only in ("", job["metadata"]["name"])]
            ended += [str(job["metadata"]["name"]) for job in jobs if self._delete(job)]
            if all(job["metadata"]["name"] in ended for job in jobs):
                break
        return ended

    def warnings(self) -> list[Found]:
        """Return the warnings of the namespace; none where they may not be seen."""
        try:
            return self._client.list_all(paths.events(self._namespace), field_selector=WARNINGS)[0]
        except Forbidden:
            return []

    def _with_causes(self, jobs: Sequence[Found], selector: str) -> Look:
        try:
            pods, _ = self._client.list_all(paths.pods(self._namespace), label_selector=selector)
        except Forbidden:
            return Look(jobs)
        return Look(jobs, pods, self.warnings())

    def _delete(self, job: Found) -> bool:
        """Delete the Job as it was looked at; return False where it has changed since."""
        metadata = job["metadata"]
        path = paths.job(self._namespace, metadata["name"])
        try:
            self._client.delete(
                path, uid=str(metadata["uid"]), version=str(metadata["resourceVersion"])
            )
        except Conflict:
            return False
        except NotFound:
            pass  # what was wanted
        return True
