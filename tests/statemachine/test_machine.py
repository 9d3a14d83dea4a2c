import pytest

from statemachine.definition import Definition, State, Transition
from statemachine.errors import IllegalTransition
from statemachine.machine import legal_triggers, next_state, render_mermaid
from tests.statemachine.machines import ORDER


def test_each_move_of_the_definition_is_legal_and_leads_to_its_target() -> None:
    for move in ORDER.transitions:
        assert next_state(ORDER, move.source, move.trigger) == move.target


def test_no_other_move_is_legal() -> None:
    legal = {(move.source, move.trigger) for move in ORDER.transitions}
    triggers = {move.trigger for move in ORDER.transitions} | {"to_sent", "", "paid"}
    tried = {(state.name, trigger) for state in ORDER.states for trigger in triggers} - legal
    for state, trigger in tried:
        with pytest.raises(IllegalTransition):
            next_state(ORDER, state, trigger)


def test_an_illegal_move_says_what_is_legal() -> None:
    with pytest.raises(IllegalTransition) as caught:
        next_state(ORDER, "paid", "pay")
    assert caught.value.message == "machine order has no move 'pay' from state 'paid'"
    assert caught.value.hint == "legal from 'paid': pack, send"


def test_asking_twice_changes_nothing() -> None:
    assert [next_state(ORDER, "new", "pay") for _ in range(2)] == ["paid", "paid"]
    assert legal_triggers(ORDER, "sent") == ()


def test_the_diagram_shows_all_moves_and_the_path() -> None:
    assert render_mermaid(ORDER, ["new", "paid"]) == (
        "stateDiagram-v2\n"
        '    state "new" as s0\n'
        '    state "paid" as s1\n'
        '    state "sent" as s2\n'
        "    [*] --> s0\n"
        "    s0 --> s1: pay\n"
        "    s1 --> s1: pack\n"
        "    s1 --> s2: send\n"
        "    s2 --> [*]\n"
        "    classDef taken fill:#d5e8d4,stroke:#4a7c3a\n"
        "    classDef current fill:#ffe599,stroke:#b45f06,stroke-width:3px\n"
        "    class s0 taken\n"
        "    class s1 current\n"
    )


def test_the_diagram_without_a_path_has_no_highlight() -> None:
    assert "class" not in render_mermaid(ORDER)


def test_names_cannot_break_out_of_the_diagram() -> None:
    odd = 'a"; b:\nc'
    definition = Definition(
        "odd", odd, (State(odd), State("z", terminal=True)), (Transition("t:1", odd, "z"),)
    )
    lines = render_mermaid(definition, [odd]).splitlines()
    assert lines[1] == '    state "a#quot;#59; b#58; c" as s0'
    assert "    s0 --> s1: t#58;1" in lines
