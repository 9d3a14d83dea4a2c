"""Values as text: tables on wide and narrow screens, times, problems."""

from datetime import UTC, datetime, timedelta

import pytest

from bodywork.cli.render import (
    render_ago,
    render_duration,
    render_problem,
    render_table,
)
from bodywork.cli.shortening import shorten
from bodywork.errors import Problem

ROWS = [("1", "prepare", "its files, image and configuration are unchanged"), ("2", "train", "")]
HEADERS = ("STEP", "STAGE", "REASON")


def test_a_table_is_aligned_and_has_no_trailing_spaces() -> None:
    assert render_table(HEADERS, ROWS).splitlines() == [
        "STEP   STAGE     REASON",
        "1      prepare   its files, image and configuration are unchanged",
        "2      train",
    ]


def test_on_a_narrow_screen_the_last_column_is_wrapped() -> None:
    assert render_table(HEADERS, ROWS, width=50).splitlines() == [
        "STEP   STAGE     REASON",
        "1      prepare   its files, image and",
        "                 configuration are unchanged",
        "2      train",
    ]


def test_where_that_leaves_no_room_each_row_is_a_block() -> None:
    assert render_table(HEADERS, ROWS, width=30).splitlines() == [
        "STEP     1",
        "STAGE    prepare",
        "REASON   its files, image and",
        "         configuration are",
        "         unchanged",
        "",
        "STEP     2",
        "STAGE    train",
        "REASON",
    ]


def test_cells_cannot_command_a_terminal() -> None:
    assert "\x1b" not in render_table(("A",), [("\x1b[31mred",)])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0.0s"),
        (0.34, "0.3s"),
        (9.94, "9.9s"),
        (9.96, "9s"),
        (59.9, "59s"),
        (60, "1m 00s"),
        (3599, "59m 59s"),
        (3600, "1h 00m"),
        (86399, "23h 59m"),
        (86400 * 3 + 3600 * 4, "3d 04h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert render_duration(timedelta(seconds=seconds)) == text


def test_what_happened_this_second_was_just_now() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert render_ago(now - timedelta(seconds=0.5), now) == "just now"
    assert render_ago(now - timedelta(minutes=2), now) == "2m 00s ago"


def test_long_text_is_cut_visibly() -> None:
    assert (shorten("abcdef", 6), shorten("abcdef", 4)) == ("abcdef", "abc…")


def test_a_problem_names_its_place_and_brings_its_hint_below() -> None:
    problem = Problem("train/config.ini", 3, "batch", "RETRIES", "must be a number", "0 to 9")
    assert render_problem(problem) == (
        "train/config.ini:3: error: [batch] RETRIES: must be a number\n  hint: 0 to 9"
    )
    whole = Problem("old", 0, "", "", "is not used", warning=True)
    assert render_problem(whole) == "old: warning: is not used"
