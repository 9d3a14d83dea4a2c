"""Schedules as people see them: tables, times and JSON; and what a schedule must be like. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from bodywork.cli.paper import screen_width
from bodywork.cli.render import render_json, render_mapping, render_table
from bodywork.cluster.cron_manifests import CronJob, CronJobStatus, Tick
from bodywork.cluster.schedule import parse_schedule
from bodywork.cluster.time_zones import find_zone
from bodywork.errors import UsageError
from bodywork.git.reference import check_reference
from bodywork.git.repository import parse_repository
from bodywork.model.redaction import redact_address
from bodywork.model.repository import check_path

SCHEMA = 1
NEXT = 3


def checked(cronjob: CronJob) -> CronJob:
    """Return the schedule if the cluster can keep it.

    Raises:
        UsageError: and why not.
    """
    text = parse_schedule(cronjob.schedule).text
    find_zone(cronjob.time_zone)
    repository = parse_repository(cronjob.repository)
    if repository.kind == "file":
        raise UsageError(
            f"a folder such as {cronjob.repository} is not there for a pod in the cluster",
            hint="give a repository that the cluster can reach: https://… or git@…",
        )
    if repository.kind == "https" and (repository.user or repository.password):
        raise UsageError(
            f"the address of {repository.text} has credentials in it, and a cronjob is no place "
            "for them: whoever may look at it could read them",
            hint="give git@… and keep the key as the secret ssh-github-private-key",
        )
    check_reference(cronjob.reference)
    path = check_path(cronjob.path)
    return CronJob(**{**asdict(cronjob), "schedule": text, "path": path})


def next_times(cronjob: CronJob, now: datetime) -> list[datetime]:
    """Return the next times in the schedule's zone; none where it is suspended or not known."""
    if cronjob.suspended:
        return []
    try:
        zone = find_zone(cronjob.time_zone)
        times = parse_schedule(cronjob.schedule).times(now, zone or UTC)
    except UsageError:  # made by somebody else's hand, and yet the cluster took it
        return []
    return [each.astimezone(zone) for each in islice(times, NEXT)] if zone else []


def render_times(times: Sequence[datetime]) -> str:
    """Return the line with the next times; "" where there are none."""
    return ", ".join(str(each) for each in times)


def render_history(ticks: Sequence[Tick], form: str) -> str:
    """Return the guide's table, or JSON; where something waits, with what it waits for."""
    if form == "json":
        rows = [_plain(asdict(each)) for each in ticks]
        return render_json({"schema": SCHEMA, "jobs": rows})
    if not ticks:
        return "no jobs"
    headers = ("JOB_NAME", "START_TIME", "COMPLETION_TIME", "ACTIVE", "SUCCEEDED", "FAILED")
    waits = [_waits(tick) for tick in ticks]
    return _render_with_waits(headers, [_row(tick) for tick in ticks], waits)


def _waits(tick: Tick) -> str:
    over = tick.state != "active"
    return f"never started: {tick.waits_for}" if over and tick.waits_for else tick.waits_for


def _render_with_waits(
    headers: Sequence[str], rows: Sequence[Sequence[str]], waits: Sequence[str]
) -> str:
    """Return the table, with a last column WAITS_FOR where anything waits."""
    if any(waits):
        headers = (*headers, "WAITS_FOR")
        rows = [[*row, text] for row, text in zip(rows, waits, strict=True)]
    return render_table(headers, rows, screen_width())


def _row(tick: Tick) -> list[str]:
    counts = [str(each) for each in (tick.active, tick.succeeded, tick.failed)]
    return [tick.name, _time(tick.started_at), _time(tick.completed_at), *counts]


def render_cronjobs(found: Sequence[CronJobStatus], form: str, now: datetime) -> str:
    """Return a table of schedules, or JSON."""
    if form == "json":
        rows = [_document(each, now) for each in found]
        return render_json({"schema": SCHEMA, "cronjobs": rows})
    if not found:
        return "no cronjobs"
    headers = ("NAME", "SCHEDULE", "TIME_ZONE", "LAST_TIME", "NEXT_TIME", "GIT_REPO_URL", "BRANCH")
    cells = [list(_cells(status, now)) for status in found]
    return _render_with_waits(headers, cells, [status.waits_for for status in found])


def render_cronjob(found: CronJobStatus, form: str, now: datetime) -> str:
    """Return all that there is to say of one schedule, or JSON."""
    if form == "json":
        return render_json({"schema": SCHEMA, **_document(found, now)})
    cronjob = found.cronjob
    return render_mapping(
        {
            "name": cronjob.name,
            "schedule": cronjob.schedule,
            "time zone": cronjob.time_zone,
            "next": "suspended" if cronjob.suspended else render_times(next_times(cronjob, now)),
            "last": _time(found.last),
            "not ended" if found.waits_for else "at work": ", ".join(found.active),
            "waits for": found.waits_for,
            "hint": found.hint,
            "repository": redact_address(cronjob.repository),
            "path": cronjob.path,
            "branch": cronjob.reference,
            "retries": str(cronjob.retries),
            "on unfinished": cronjob.on_unfinished,
            "adopts": "services of another repository" if cronjob.adopt else "",
            "image": cronjob.image,
        }
    )


def _cells(found: CronJobStatus, now: datetime) -> Iterator[str]:
    cronjob = found.cronjob
    times = next_times(cronjob, now)
    yield cronjob.name
    yield cronjob.schedule
    yield cronjob.time_zone
    yield _time(found.last)
    yield "suspended" if cronjob.suspended else _time(times[0] if times else None)
    yield redact_address(cronjob.repository)
    yield cronjob.reference


def _document(found: CronJobStatus, now: datetime) -> dict[str, Any]:
    document = asdict(found.cronjob) | {"repository": redact_address(found.cronjob.repository)}
    more = {"last": found.last, "next": next_times(found.cronjob, now), "active": found.active}
    waits = {"waits_for": found.waits_for, "hint": found.hint}
    return {**document, **_plain(more), **waits}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _json(value) for name, value in values.items()}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return [_json(each) for each in value] if isinstance(value, (list, tuple)) else value


def _time(moment: datetime | None) -> str:
    return str(moment) if moment else ""
