"""Names, columns and stages on screens that are too small for them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cli.columns import fit_columns
from bodywork.cli.folding import fold
from bodywork.cli.shortening import shorten_middle, shorten_names
from bodywork.workflow.status import StageState, StageStatus, run_status
from tests.bodywork.workflow.harness import PIPELINE, Office, Repository

PARTS = st.sampled_from(["train", "a-rather-long-name", "x" * 20, "1", "2", "-", "model", "0"])
LABELS = st.lists(PARTS, min_size=1, max_size=6).map("".join)


@given(st.lists(LABELS, min_size=1, max_size=40), st.integers(12, 60))
def test_names_fit_and_stay_apart(names: list[str], width: int) -> None:
    shown = shorten_names(names, width)
    assert all(len(text) <= width for text in shown)
    assert len(set(shown)) == len(set(names))
    assert all(text == name for text, name in zip(shown, names, strict=True) if len(name) <= width)


def test_a_name_shows_its_beginning_and_its_end_or_what_tells_it_apart() -> None:
    assert shorten_middle("a-stage-with-a-long-name", 11) == "a-sta…-name"
    alike = [f"{'head-' * 6}{number}{'-tail' * 6}" for number in (1, 2)]
    assert shorten_names(alike, 20) == ["head-…1-tail-tail-t…", "head-…2-tail-tail-t…"]
    by_length = shorten_names(["x" * 50, "x" * 60], 20)
    assert by_length == ["xxxxx…xxxxxxxxxxxx~1", "xxxxx…xxxxxxxxxxxx~2"]


CELLS = st.text("abc -", max_size=30).map(str.strip)


@given(
    st.lists(st.tuples(CELLS, LABELS, CELLS, CELLS), min_size=1, max_size=8), st.integers(20, 90)
)
def test_a_table_that_is_returned_fits(rows: list[tuple[str, ...]], width: int) -> None:
    for wrap in (True, False):
        columns = fit_columns(rows, width, names=[1], spare=[2], wrap=wrap)
        if columns is None:
            continue
        assert all(len(line) <= width for line in columns.render())
        assert len(columns.lines) >= len(rows)
        assert wrap or len(columns.lines) == len(rows)


def test_what_is_spare_goes_before_a_name_is_cut() -> None:
    rows = [("RUN", "STATE", "STEP", "TOOK"), ("x" * 40, "succeeded", "3/3", "1m 00s")]
    wide = fit_columns(rows, 80, names=[0], spare=[3, 2])
    assert wide is not None
    assert wide.left_out == ()
    narrow = fit_columns(rows, 60, names=[0], spare=[3, 2])
    assert narrow is not None
    assert narrow.left_out == (3,)
    assert narrow.lines[1][0] == "x" * 40
    smallest = fit_columns(rows, 40, names=[0], spare=[3, 2])
    assert smallest is not None
    assert smallest.left_out == (3, 2)
    assert len(smallest.lines[1][0]) == 29


STAGE = run_status(Office(Repository(c0=PIPELINE)).run()).stages[0]


def stages(states: str) -> list[StageStatus]:
    """One stage per letter: waiting, running, failed, done, stopped or unused."""
    words: dict[str, StageState] = {
        "w": "waiting",
        "r": "started",
        "f": "failed",
        "d": "succeeded",
        "s": "stopped",
        "u": "unused",
    }
    return [
        replace(STAGE, name=str(number), state=words[letter])
        for number, letter in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("states", "lines", "shown", "others"),
    [
        ("drww", 4, "0123", ""),
        ("drwwu", 4, "0123", ""),
        ("drwww", 4, "01", "3 more wait"),
        ("ddddrww", 4, "234", "2 more done, 2 more wait"),
        ("dddddd", 4, "345", "3 more done"),
        ("rrrrrr", 4, "012", "3 more run"),
        ("rrrrfr", 3, "04", "4 more run"),
        ("ffffrw", 3, "01", "2 more failed, 1 more run, 1 more wait"),
        ("dsrwwww", 4, "012", "4 more wait"),
        ("wwwww", 4, "", "5 more wait"),
    ],
)
def test_what_goes_on_or_failed_is_shown_and_the_others_are_counted(
    states: str, lines: int, shown: str, others: str
) -> None:
    folded = fold(stages(states), lines)
    assert "".join(stage.name for stage in folded.shown) == shown
    assert folded.others == others


@given(st.text("wrfdsu", max_size=60), st.integers(2, 30))
def test_no_stage_is_lost_and_no_line_too_many(states: str, lines: int) -> None:
    folded = fold(stages(states), lines)
    counted = sum(int(word) for word in folded.others.split() if word.isdigit())
    assert len(folded.shown) + counted == len(states) - states.count("u")
    assert len(folded.shown) + bool(folded.others) <= lines
