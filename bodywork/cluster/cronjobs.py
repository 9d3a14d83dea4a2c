"""Schedules of workflows in a cluster: made, changed, listed, removed, and what became of them.

Nothing foreign is ever changed or shown as ours. A schedule's runs are on record beside those of
people (`bodywork status`); here are only the Jobs that carry them.
"""

from collections.abc import Callable, Sequence
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
    parse_cron_job,
    parse_tick,
)
from bodywork.cluster.errors import AlreadyExists, Conflict
from bodywork.errors import EngineError, NotFound
from bodywork.model.names import Namespace

Found = dict[str, Any]

_TRIES = 5
"""How often a change is made anew because somebody else has changed the CronJob meanwhile."""


class CronJobs:
    """The schedules of one namespace. Every method may raise what `Client` raises."""

    def __init__(self, client: Client, namespace: Namespace) -> None:
        self._client = client
        self._namespace = namespace

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

    def update(self, name: str, change: Callable[[CronJob], CronJob]) -> CronJob:
        """Change a schedule; Jobs that it has made are not touched.

        Raises:
            NotFound: there is none of that name.
            EngineError: it is not ours, or is changed by others all the time.
        """
        for _ in range(_TRIES):
            found = self._find(name)
            changed = change(_understood(found).cronjob)
            body = change_cron_job(found, changed)
            try:
                self._client.replace(paths.cron_job(self._namespace, name), body)
            except Conflict:
                continue
            return changed
        raise EngineError(f"somebody else is changing cronjob {name} all the time")

    def delete(self, name: str) -> Sequence[str]:
        """Remove a schedule and its Jobs; return the names of those that were at work.

        Raises:
            NotFound: there is none of that name.
            EngineError: it is not ours.
        """
        found = self._find(name)
        active = [each.name for each in self._ticks(name) if each.state == "active"]
        self._client.delete(
            paths.cron_job(self._namespace, name), uid=str(found["metadata"]["uid"])
        )
        return active

    def all(self, unreadable: Callable[[str], None] = lambda _: None) -> list[CronJobStatus]:
        """Return the schedules, sorted by name; `unreadable` is told of each that cannot be."""
        readable = []
        for each in self._list():
            try:
                readable.append(_understood(each))
            except EngineError as error:
                unreadable(error.message)
        return sorted(readable, key=lambda each: each.cronjob.name)

    def get(self, name: str) -> CronJobStatus:
        """Return one schedule. Raises `NotFound`."""
        return _understood(self._find(name))

    def history(self, name: str) -> list[Tick]:
        """Return the Jobs of a schedule that Kubernetes still keeps, newest first.

        Raises:
            NotFound: there is no schedule of that name.
        """
        ticks = self._ticks(name)
        if not ticks:
            self._find(name)
        return ticks

    def names_of_ticks(self) -> list[str]:
        """Return the names of the Jobs of all schedules."""
        found, _ = self._client.list_all(
            paths.jobs(self._namespace), label_selector=f"{_selector()},{labels.CRONJOB}"
        )
        return sorted(str(each["metadata"]["name"]) for each in found)

    def _ticks(self, name: str) -> list[Tick]:
        found, _ = self._client.list_all(
            paths.jobs(self._namespace), label_selector=f"{_selector()},{labels.CRONJOB}={name}"
        )
        found.sort(key=lambda each: str(each["metadata"]["creationTimestamp"]), reverse=True)
        return [parse_tick(each) for each in found]

    def _find(self, name: str) -> Found:
        try:
            found = self._client.get(paths.cron_job(self._namespace, name))
        except NotFound:
            known = [str(each["metadata"]["name"]) for each in self._list()]
            raise missing("cronjob", name, self._namespace, known) from None
        labels.require_ours(found)
        return found

    def _list(self) -> list[Found]:
        where = paths.cron_jobs(self._namespace)
        return self._client.list_all(where, label_selector=_selector())[0]


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
