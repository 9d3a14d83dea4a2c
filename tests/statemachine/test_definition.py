import pytest

from statemachine.definition import Definition, State, Transition
from statemachine.errors import DefinitionError

END = State("end", terminal=True)


def build(*states: State, moves: tuple[Transition, ...], initial: str = "a") -> Definition:
    return Definition("d", initial, states, moves)


def test_a_sound_definition_knows_its_terminal_states() -> None:
    definition = build(State("a"), END, moves=(Transition("go", "a", "end"),))
    assert definition.terminal == {"end"}


@pytest.mark.parametrize(
    ("states", "moves", "initial", "why"),
    [
        ((State("a"), State("a"), END), (Transition("go", "a", "end"),), "a", "a stands twice"),
        ((State("a"), END), (Transition("go", "a", "end"),), "b", "b is no state"),
        ((State("a"), END), (Transition("go", "a", "c"),), "a", "c is no state"),
        (
            (State("a"), END),
            (Transition("go", "a", "end"), Transition("go", "a", "a")),
            "a",
            "a --go--> has two targets",
        ),
        (
            (State("a"), END),
            (Transition("go", "a", "end"), Transition("back", "end", "a")),
            "a",
            "end is terminal, yet has a way out",
        ),
        (
            (State("a"), State("b"), END),
            (Transition("go", "a", "end"),),
            "a",
            "b cannot be reached",
        ),
        (
            (State("a"), State("b"), END),
            (Transition("go", "a", "end"), Transition("fall", "a", "b")),
            "a",
            "b never comes to an end",
        ),
        ((State("*"), END), (Transition("go", "*", "end"),), "*", "* is no name of a state"),
    ],
)
def test_an_unsound_definition_is_refused_with_the_reason(
    states: tuple[State, ...], moves: tuple[Transition, ...], initial: str, why: str
) -> None:
    with pytest.raises(DefinitionError, match=r"^definition d: ") as caught:
        build(*states, moves=moves, initial=initial)
    assert why in caught.value.message
