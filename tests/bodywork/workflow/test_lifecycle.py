"""The table of a run's states."""

import pytest

from bodywork.workflow import lifecycle
from bodywork.workflow.lifecycle import build_definition


@pytest.mark.parametrize("steps", [0, 1, 2, 500])
def test_every_number_of_steps_makes_a_valid_machine(steps: int) -> None:
    names = {state.name for state in build_definition(steps).states}
    assert all(lifecycle.running(step) in names for step in range(1, steps + 1))


def test_a_step_can_only_begin_when_the_one_before_it_is_done() -> None:
    moves = build_definition(3).transitions
    starts = {(move.source, move.target) for move in moves if move.trigger == "start"}
    assert starts == {
        ("cloned", "step-1-running"),
        ("step-1-done", "step-2-running"),
        ("step-2-done", "step-3-running"),
    }


def test_only_the_last_step_leads_to_success() -> None:
    moves = build_definition(3).transitions
    assert [move.source for move in moves if move.target == "succeeded"] == ["step-3-done"]


def test_every_unfinished_state_can_fail_and_be_cancelled() -> None:
    definition = build_definition(2)
    for trigger in ("fail", "cancel"):
        sources = {move.source for move in definition.transitions if move.trigger == trigger}
        assert sources == {state.name for state in definition.states} - lifecycle.TERMINAL


def test_the_step_is_read_off_the_state() -> None:
    states = ["created", "step-12-running", "step-3-done", "rolling-back"]
    assert [lifecycle.step_of(state) for state in states] == [0, 12, 3, 0]
