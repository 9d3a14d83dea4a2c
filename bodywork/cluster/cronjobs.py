"""Schedules of workflows in a cluster: made, changed, listed, removed, and what became of them.

Nothing foreign is ever changed or shown as ours. A schedule's runs are on record beside those of
people (`bodywork status`); here are only the Jobs that carry them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.cron_manifests import (
    CronJob,
    CronJobStatus,
    Tick,
    build_cron_job,
    change_cron_job,
    check_name,
    makes_other_pods,
    parse_cron_job,
)
from bodywork.cluster.cron_starts import judge_schedule
from bodywork.cluster.errors import AlreadyExists, Conflict
from bodywork.cluster.manual_jobs import build_manual_job, manual_name
from bodywork.cluster.start_causes import Obstacle
from bodywork.cluster.ticks import Look, Ticks
from bodywork.cluster.writes import discard
from bodywork.errors import EngineError, NotFound
from bodywork.model.names import Namespace

Found = dict[str, Any]

_TRIES = 5
"""How often a change is made anew because somebody else has changed the CronJob meanwhile."""


class CronJobs:
    """The schedules of one namespace. Every method may raise what `Client` raises.

    Attributes:
        ticks: their Jobs.
    """

    def __init__(self, client: Client, namespace: Namespace) -> None:
        self._client = client
        self._namespace = namespace
        self.ticks = Ticks(client, namespace)

    def create(self, cronjob: CronJob) -> None:
        """Begin a schedule.

        Raises:
            EngineError: there is one of that name.
            UsageError: it cannot be called that.
        """
        check_name(cronjob.name)
        body = build_cron_job(cronjob, self._namespace)
        try:
            self._client.create(paths.cron_jobs(self._namespace), body, sure=False)
        except AlreadyExists:
            raise EngineError(
                f"there is a cronjob {cronjob.name} in namespace {self._namespace}",
                hint="change it: bodywork cronjob update, or give the new one another name",
            ) from None

    def update(
        self, name: str, change: Callable[[CronJob], CronJob]
    ) -> tuple[CronJob, Sequence[str]]:
        """Change a schedule; return it, and the Jobs that were deleted.

        Jobs that are at work are not touched. Where the new one makes other pods, Jobs whose
        controller never ran are deleted: they would go on waiting with the old ones.

        Raises:
            NotFound: there is none of that name.
            EngineError: it is not ours, or is changed by others all the time.
        """
        for _ in range(_TRIES):
            found = self._find(name)
            before = _understood(found).cronjob
            changed = change(before)
            body = change_cron_job(found, changed)
            try:
                self._client.replace(paths.cron_job(self._namespace, name), body)
            except Conflict:
                continue
            anew = makes_other_pods(before, changed)
            return changed, self.ticks.end_unstarted(name) if anew else ()
        raise EngineError(f"somebody else is changing cronjob {name} all the time")

    def run(self, name: str, seconds: int) -> tuple[str, Sequence[str]]:
        """Make a Job of the schedule now; return its name, and the Jobs that were deleted.

        Jobs whose controller never ran are deleted: the new one takes their place.

        Args:
            name: the schedule's.
            seconds: the time, in seconds since 1970, which names the Job.

        Raises:
            NotFound: there is no schedule of that name.
            EngineError: it is not ours, or the cluster refuses the Job.
        """
        cron_job = self._find(name)
        ended = self.ticks.end_unstarted(name)
        for later in range(_TRIES):
            job = build_manual_job(cron_job, manual_name(name, seconds + later))
            try:
                self._client.create(paths.jobs(self._namespace), job, sure=False)
            except AlreadyExists:
                continue
            return str(job["metadata"]["name"]), ended
        raise EngineError(f"cronjob {name} is being run by somebody else all the time")

    def delete(self, name: str) -> Sequence[Tick]:
        """Remove a schedule and its Jobs; return those that had not ended.

        Raises:
            NotFound: there is none of that name.
            EngineError: it is not ours.
        """
        found = self._find(name)
        active = [tick for tick in self.ticks.look(name).ticks() if tick.state == "active"]
        discard(self._client, paths.cron_job(self._namespace, name), str(found["metadata"]["uid"]))
        return active

    def all(self, unreadable: Callable[[str], None] = lambda _: None) -> list[CronJobStatus]:
        """Return the schedules, sorted by name; `unreadable` is told of each that cannot be."""
        cron_jobs = self._list()
        look = self.ticks.look() if cron_jobs else Look(())
        warnings = self._warnings(look) if cron_jobs else ()
        readable = []
        for cron_job in cron_jobs:
            try:
                readable.append(_status(cron_job, look, warnings))
            except EngineError as error:
                unreadable(error.message)
        return sorted(readable, key=lambda status: status.cronjob.name)

    def get(self, name: str) -> CronJobStatus:
        """Return one schedule. Raises `NotFound`."""
        cron_job, look = self._find(name), self.ticks.look(name)
        return _status(cron_job, look, self._warnings(look))

    def manifest(self, name: str) -> Found:
        """Return the CronJob itself. Raises `NotFound`, or `EngineError` where it is not ours."""
        found = self._find(name)
        _understood(found)
        return found

    def refusal(self, name: str) -> Obstacle | None:
        """Say why the newest time of a schedule has made no Job, if that is so.

        Raises:
            NotFound: there is no schedule of that name.
        """
        cron_job, look = self._find(name), self.ticks.look(name)
        return judge_schedule(cron_job, look.jobs, self._warnings(look))

    def history(self, name: str) -> list[Tick]:
        """Return the Jobs of a schedule that Kubernetes still keeps, newest first.

        Raises:
            NotFound: there is no schedule of that name.
        """
        ticks = self.ticks.look(name).ticks()
        if not ticks:
            self._find(name)
        return ticks

    def names(self) -> list[str]:
        """Return the names of the schedules, sorted; one request."""
        return sorted(str(cron_job["metadata"]["name"]) for cron_job in self._list())

    def names_of_ticks(self) -> list[str]:
        """Return the names of the Jobs of all schedules."""
        return sorted(str(job["metadata"]["name"]) for job in self.ticks.look().jobs)

    def _warnings(self, look: Look) -> Sequence[Found]:
        return self.ticks.warnings() if look.events is None else look.events

    def _find(self, name: str) -> Found:
        try:
            found = self._client.get(paths.cron_job(self._namespace, name))
        except NotFound:
            raise missing("cronjob", name, self._namespace, self.names()) from None
        labels.require_ours(found)
        return found

    def _list(self) -> list[Found]:
        where = paths.cron_jobs(self._namespace)
        return self._client.list_all(where, label_selector=_selector())[0]


def _status(cron_job: Found, look: Look, warnings: Sequence[Found]) -> CronJobStatus:
    """Return a schedule with what it, or the newest of its Jobs, waits for."""
    status = _understood(cron_job)
    name = status.cronjob.name
    jobs = [job for job in look.jobs if job["metadata"]["labels"].get(labels.CRONJOB) == name]
    active = [tick for tick in map(look.tick, jobs) if tick.state == "active"]
    told = replace(status, active=tuple(tick.name for tick in reversed(active)))
    waiting = [tick for tick in active if tick.waits_for]
    if waiting:
        return replace(told, waits_for=waiting[0].waits_for, hint=waiting[0].hint)
    newest = look.tick(jobs[0]) if jobs else None
    if newest and newest.waits_for:
        reason = f"its job {newest.name} never started: {newest.waits_for}"
        return replace(told, waits_for=reason, hint=newest.hint)
    if obstacle := judge_schedule(cron_job, jobs, warnings):
        reason = f"its next job is refused: {obstacle.reason}"
        return replace(told, waits_for=reason, hint=obstacle.hint)
    return told


def missing(kind: str, name: str, namespace: str, known: Sequence[str]) -> NotFound:
    """Return the error for a name that is not there, with the nearest one or those there are."""
    near = get_close_matches(name, known, 1)
    if near:
        hint = f"did you mean {near[0]}?"
    elif known:
        hint = f"there are: {', '.join(known[-10:])}"
    else:
        hint = f"there is none in namespace {namespace}; is it the right one?"
    return NotFound(f"there is no {kind} {name} in namespace {namespace}", hint=hint)


def _selector() -> str:
    return f"{labels.MANAGED_BY}={labels.BODYWORK}"


def _understood(found: Found) -> CronJobStatus:
    try:
        return parse_cron_job(found)
    except (KeyError, ValueError, IndexError, TypeError):
        name = found["metadata"]["name"]
        raise EngineError(
            f"cronjob {name} was changed into something that Bodywork did not make",
            hint="delete it with kubectl and create it anew",
        ) from None
