"""Schedules mean what they mean to Kubernetes."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cluster.schedule import parse_schedule
from bodywork.errors import UsageError

START = datetime(2026, 3, 27, 14, 7, 30, tzinfo=UTC)  # a Friday


def next_times(text: str, count: int = 3, after: datetime = START, zone: str = "UTC") -> list[str]:
    found = islice(parse_schedule(text).times(after, ZoneInfo(zone)), count)
    return [f"{each.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,15,30,45 * * * *", ["03-27 14:15", "03-27 14:30", "03-27 14:45"]),
        ("*/20 * * * *", ["03-27 14:20", "03-27 14:40", "03-27 15:00"]),
        ("7 * * * *", ["03-27 15:07", "03-27 16:07", "03-27 17:07"]),
        ("50/5 14 * * *", ["03-27 14:50", "03-27 14:55", "03-28 14:50"]),
        ("1-9/4 0 * * *", ["03-28 00:01", "03-28 00:05", "03-28 00:09"]),
        ("30 3 * * mon-FRI", ["03-30 03:30", "03-31 03:30", "04-01 03:30"]),
        ("0 0 ? * SUN", ["03-29 00:00", "04-05 00:00", "04-12 00:00"]),
        ("0 12 31 * *", ["03-31 12:00", "05-31 12:00", "07-31 12:00"]),
        ("0 0 29 feb *", ["02-29 00:00"]),
        ("@hourly", ["03-27 15:00", "03-27 16:00", "03-27 17:00"]),
        ("@weekly", ["03-29 00:00", "04-05 00:00", "04-12 00:00"]),
        ("@yearly", ["01-01 00:00", "01-01 00:00", "01-01 00:00"]),
        ("  0   0  *  *  * ", ["03-28 00:00", "03-29 00:00", "03-30 00:00"]),
    ],
)
def test_the_next_times_of_a_schedule(text: str, expected: list[str]) -> None:
    assert next_times(text, len(expected)) == expected


def test_a_day_of_the_month_and_one_of_the_week_are_alternatives() -> None:
    assert next_times("0 0 1 * mon") == ["03-30 00:00", "04-01 00:00", "04-06 00:00"]


def test_an_open_day_leaves_the_other_one_to_decide() -> None:
    assert next_times("0 0 */1 * mon", 2) == ["03-30 00:00", "04-06 00:00"]


def test_a_step_of_days_is_no_open_day() -> None:
    # Kubernetes' reader takes */2 for a list of days, so that Mondays come in addition.
    assert next_times("0 0 */2 * mon") == ["03-29 00:00", "03-30 00:00", "03-31 00:00"]


def test_what_the_clock_skips_does_not_happen() -> None:
    after = datetime(2026, 3, 28, 12, tzinfo=UTC)  # Berlin's clock jumps from 2 to 3 on the 29th
    assert next_times("30 2 * * *", 2, after, "Europe/Berlin") == ["03-30 02:30", "03-31 02:30"]


def test_what_the_clock_shows_twice_happens_twice() -> None:
    after = datetime(2026, 10, 24, 12, tzinfo=UTC)
    found = islice(parse_schedule("30 2 * * *").times(after, ZoneInfo("Europe/Berlin")), 3)
    assert [f"{each:%d %H:%M}" for each in found] == ["25 00:30", "25 01:30", "26 01:30"]


def test_a_day_that_begins_at_one_is_a_day() -> None:
    after = datetime(2026, 9, 4, tzinfo=UTC)  # Santiago's clock jumps over midnight on the 6th
    found = next_times("0 * 6 9 *", 2, after, "America/Santiago")
    assert found == ["09-06 01:00", "09-06 02:00"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("0 * * * * *", "has 6 fields"),
        ("60 * * * *", "minute 60 is not within 0-59"),
        ("* 24 * * *", "hour 24 is not within 0-23"),
        ("* * 0 * *", "day of month 0 is not within 1-31"),
        ("* * * 13 *", "month 13 is not within 1-12"),
        ("* * * * 7", "day of week 7 is not within 0-6"),
        ("* * * * fri-mon", "day of week 'fri-mon' ends before it begins"),
        ("*/0 * * * *", "minute '\\*/0' cannot be understood"),
        ("1- * * * *", "minute '1-' cannot be understood"),
        ("*-5 * * * *", "minute '\\*-5' cannot be understood"),
        ("1,,2 * * * *", "minute '' cannot be understood"),
        ("-1 * * * *", "minute '-1' cannot be understood"),
        ("²  * * * *", "minute '²' cannot be understood"),
        ("* * L * *", "day of month 'L' cannot be understood"),
        ("0 0 30 2 *", "never comes"),
        ("@noon", "there is no schedule '@noon'"),
        ("@every 1h", "counts from an instant that nobody sees"),
        ("TZ=UTC * * * * *", "has 6 fields"),
    ],
)
def test_what_kubernetes_would_not_take_is_explained(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_schedule(text)
    assert caught.value.hint or "0-6" in message


FIELD = st.sampled_from(["*", "*/2", "1", "1-3", "2,3", "1/2"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"])


@given(st.lists(FIELD, min_size=5, max_size=5), st.datetimes(datetime(2026, 1, 1)), ZONES)
def test_jumping_finds_what_looking_at_every_minute_finds(
    fields: list[str], after: datetime, zone: str
) -> None:
    after = after.replace(year=2026, tzinfo=UTC, day=min(after.day, 28))
    schedule = parse_schedule(" ".join(fields))
    found = next(schedule.times(after, ZoneInfo(zone)), None)
    every = parse_schedule("* * * * *").times(after, ZoneInfo(zone))
    for moment in islice(every, 2 * 24 * 60):
        local = moment.astimezone(ZoneInfo(zone))
        if local.hour in schedule.hours and local.minute in schedule.minutes:
            day, week = local.day in schedule.days, local.isoweekday() % 7 in schedule.weekdays
            fits = (day and week) if schedule.any_day else (day or week)
            if fits and local.month in schedule.months:
                assert found == moment
                return
    assert found is None or found - after > timedelta(days=1, hours=22)
