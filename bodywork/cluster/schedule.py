"""When a cronjob ticks: exactly the schedules that Kubernetes accepts, and their next times.

Libraries for cron know dialects that Kubernetes' own reader (robfig/cron's standard parser) does
not: `7` for Sunday, `L`, `W`, `#`, a field of seconds. What they would wave through, the cluster
refuses, or takes to mean another time; so its small grammar is spelled here instead. `@every` is
left out: it counts from an instant that nobody sees.

https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from bodywork.errors import UsageError

YEARS = 5
"""How far to look for a next time: leap days come at least once in eight years, mostly in four."""
_HINT = (
    'five fields: minute hour day-of-month month day-of-week, such as "0,15,30,45 * * * *" or '
    '"30 3 * * mon-fri"; or @hourly, @daily, @weekly, @monthly, @yearly'
)
_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class _Field:
    """What may stand at one place of the five."""

    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that was understood.

    Attributes:
        text: as Kubernetes gets it.
        minutes, hours, days, months, weekdays: the numbers that fit (Sunday is 0).
        any_day: whether a day of the month or of the week is left open (`*`): then both must
            fit; where both are given, either is enough.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool

    def times(self, after: datetime, zone: tzinfo = UTC) -> Iterator[datetime]:
        """Yield the times after that (aware) one, in UTC, as far as `YEARS` ahead.

        As in the cluster, what the zone's clock skips does not happen, and what it shows twice
        happens twice.
        """
        now = after.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        end = now + timedelta(days=366 * YEARS)
        while now < end:
            local = now.astimezone(zone)
            if not self._fits_day(local):
                now = _next_day(local)
            elif local.hour not in self.hours:
                now += timedelta(minutes=60 - local.minute)
            else:
                if local.minute in self.minutes:
                    yield now
                now += timedelta(minutes=1)

    def _fits_day(self, local: datetime) -> bool:
        if local.month not in self.months:
            return False
        day = local.day in self.days
        weekday = local.isoweekday() % 7 in self.weekdays
        return (day and weekday) if self.any_day else (day or weekday)


def _next_day(local: datetime) -> datetime:
    """Return the first minute of the day after, in UTC, whatever the clock does in between."""
    passed = timedelta(hours=local.hour, minutes=local.minute)
    probe = local.astimezone(UTC) - passed + timedelta(hours=22)
    while (found := probe.astimezone(local.tzinfo)).date() == local.date():
        probe += timedelta(minutes=60 - found.minute)
    return max(probe, local.astimezone(UTC) + timedelta(minutes=1))


def parse_schedule(text: str) -> Schedule:
    """Understand a schedule.

    Raises:
        UsageError: Kubernetes would not take it, or it never comes.
    """
    shown = " ".join(text.split())
    if shown.startswith("@every"):
        raise UsageError(
            f"the schedule {shown!r} counts from an instant that nobody sees",
            hint='say when: "*/15 * * * *" is every 15 minutes',
        )
    if shown.startswith("@") and shown not in _SHORT:
        raise UsageError(f"there is no schedule {shown!r}", hint=_HINT)
    parts = _SHORT.get(shown, shown).split()
    if len(parts) != len(_FIELDS):
        raise UsageError(f"the schedule {shown!r} has {len(parts)} fields", hint=_HINT)
    sets = [_parse_field(part, field) for part, field in zip(parts, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = sets
    any_day = _is_open(parts[2]) or _is_open(parts[4])
    schedule = Schedule(shown, minutes, hours, days, months, weekdays, any_day)
    if next(schedule.times(datetime.now(UTC)), None) is None:
        raise UsageError(
            f"the schedule {shown!r} never comes", hint="is there such a day in that month?"
        )
    return schedule


def _is_open(field: str) -> bool:
    """Say whether a field has a `*` with no step in it, as Kubernetes' reader tells it."""
    return any(part.removesuffix("/1") in ("*", "?") for part in field.split(","))


def _parse_field(text: str, field: _Field) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        found |= _parse_part(part, field)
    return frozenset(found)


def _parse_part(part: str, field: _Field) -> set[int]:
    """Return the numbers of `*`, `7`, `7-9`, `7/2`, `7-9/2`, `mon-fri`."""
    span, slash, step_text = part.partition("/")
    first_text, dash, last_text = span.partition("-")
    if first_text in ("*", "?"):
        if dash:
            raise _wrong(part, field)
        first, last = field.first, field.last
    else:
        first = _parse_number(first_text, field, part)
        last = _parse_number(last_text, field, part) if dash else first
        if slash and not dash:
            last = field.last
    step = _parse_step(step_text, field, part) if slash else 1
    if last < first:
        raise UsageError(
            f"{field.name} {part!r} ends before it begins",
            hint=f"write {first}-{field.last},{field.first}-{last}" if not slash else "",
        )
    return set(range(first, last + 1, step))


def _parse_number(text: str, field: _Field, part: str) -> int:
    if text.lower() in field.words:
        return field.words.index(text.lower()) + field.first
    if not (text.isascii() and text.isdigit()):
        raise _wrong(part, field)
    number = int(text[:9])
    if not field.first <= number <= field.last:
        raise UsageError(
            f"{field.name} {number} is not within {field.first}-{field.last}",
            hint="Sunday is 0" if field.words and number == 7 and field.last == 6 else _HINT,
        )
    return number


def _parse_step(text: str, field: _Field, part: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:9]) == 0:
        raise _wrong(part, field)
    return int(text[:9])


def _wrong(part: str, field: _Field) -> UsageError:
    words = f", or {field.words[0]}-{field.words[-1]}" if field.words else ""
    return UsageError(
        f"{field.name} {part!r} cannot be understood",
        hint=f"*, {field.first}-{field.last}{words}; lists a,b, ranges a-b, steps */n",
    )
