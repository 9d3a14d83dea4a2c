"""A limit counts what was looked at, and not the time in which nobody could look."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.workflow.context import LONGEST_GAP_SECONDS, Context


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


def context_of(clock: Hands) -> Context:
    unused = cast(Any, None)
    return Context(unused, unused, clock, unused, unused, unused, unused)


@given(st.lists(st.floats(0, LONGEST_GAP_SECONDS), max_size=20), st.floats(1, 100))
def test_time_between_looks_is_spent(gaps: list[float], budget: float) -> None:
    clock = Hands()
    context = context_of(clock)
    assert context.left("roll-back", budget) == budget
    for gap in gaps:
        clock.seconds += gap
        left = context.left("roll-back", budget)
    if gaps:
        assert left == pytest.approx(budget - sum(gaps), abs=1e-6)


@given(st.floats(LONGEST_GAP_SECONDS, 1e6))
def test_of_a_long_pause_only_a_part_is_spent(pause: float) -> None:
    clock = Hands()
    context = context_of(clock)
    context.left("roll-back", 60)
    clock.seconds = pause
    assert context.left("roll-back", 60) == 60 - LONGEST_GAP_SECONDS
    assert context.left("another", 60) == 60
