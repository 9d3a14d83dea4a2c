"""The shape of a machine: its states and legal moves, as frozen data.

A definition knows nothing of handlers, storage or time. It is checked once, when it is built, so
that no later code needs to ask whether a target exists or whether a state can be left.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from statemachine.errors import DefinitionError

_RESERVED = {"", "*", "="}
"""`*` and `=` are wild cards of the table of moves (and `*` of hooks' topics)."""


@dataclass(frozen=True, slots=True)
class State:
    """One state. A terminal state is never left; every other one must have a way out."""

    name: str
    terminal: bool = False


@dataclass(frozen=True, slots=True)
class Transition:
    """A legal move. `source == target` records new data without a change of state."""

    trigger: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A machine: unique states, one initial, and moves with one target for (source, trigger).

    Raises:
        DefinitionError: a name stands twice or is unknown, a terminal state is left, a state
            cannot be reached, or no terminal state can be reached from it.
    """

    name: str
    initial: str
    states: tuple[State, ...]
    transitions: tuple[Transition, ...]

    def __post_init__(self) -> None:
        names = [state.name for state in self.states]
        _refuse(self.name, "stands twice", _twice(names))
        _refuse(self.name, "is no name of a state", _RESERVED & set(names))
        _refuse(self.name, "is no state", {self.initial} - set(names))
        ends = {end for move in self.transitions for end in (move.source, move.target)}
        _refuse(self.name, "is no state", ends - set(names))
        moves = [f"{move.source} --{move.trigger}-->" for move in self.transitions]
        _refuse(self.name, "has two targets", _twice(moves))
        sources = {move.source for move in self.transitions}
        _refuse(self.name, "is terminal, yet has a way out", sources & self.terminal)
        forward = [(move.source, move.target) for move in self.transitions]
        _refuse(self.name, "cannot be reached", set(names) - _closure({self.initial}, forward))
        backward = [(target, source) for source, target in forward]
        dead_ends = set(names) - _closure(set(self.terminal), backward)
        _refuse(self.name, "never comes to an end", dead_ends)

    @property
    def terminal(self) -> frozenset[str]:
        """The names of the states in which a machine has ended."""
        return frozenset(state.name for state in self.states if state.terminal)


def _refuse(definition: str, why: str, names: Iterable[str]) -> None:
    found = sorted(names)
    if found:
        raise DefinitionError(f"definition {definition}: {', '.join(found)} {why}")


def _twice(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


def _closure(start: set[str], edges: list[tuple[str, str]]) -> set[str]:
    successors: dict[str, list[str]] = {}
    for source, target in edges:
        successors.setdefault(source, []).append(target)
    seen, todo = set(start), list(start)
    while todo:
        fresh = [name for name in successors.get(todo.pop(), []) if name not in seen]
        seen.update(fresh)
        todo.extend(fresh)
    return seen
