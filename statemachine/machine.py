"""The table of legal moves, and its picture.

This is the only importer of `transitions`, which serves as a table and nothing else: it changes the
state before its callbacks run, so a callback that did I/O would leave a state that nobody saved.
Hence no model, no callbacks, no `to_<state>` back doors: a move is computed here, saved by the
runner, and only then is it true.
"""

from collections.abc import Iterable
from functools import lru_cache

from transitions import Machine

from statemachine.checkpoint import Checkpoint
from statemachine.definition import Definition
from statemachine.errors import IllegalTransition
from statemachine.store import Stored


def next_state(definition: Definition, state: str, trigger: str) -> str:
    """Return the state that `trigger` leads to from `state`; nothing else happens.

    Raises:
        IllegalTransition: there is no such move.
    """
    event = _table(definition).events.get(trigger)
    moves = event.transitions.get(state, []) if event else []
    if not moves or moves[0].dest is None:
        raise IllegalTransition(
            f"machine {definition.name} has no move {trigger!r} from state {state!r}",
            hint=_what_is_legal(definition, state),
        )
    return moves[0].dest


def legal_triggers(definition: Definition, state: str) -> tuple[str, ...]:
    """Return the triggers that have a move from `state`, sorted."""
    events = _table(definition).events
    return tuple(sorted(name for name, event in events.items() if event.transitions.get(state)))


def render_mermaid(definition: Definition, path: Stored | Checkpoint | Iterable[str] = ()) -> str:
    """Draw the machine as a Mermaid state diagram (https://mermaid.js.org/syntax/stateDiagram.html).

    Args:
        definition: what to draw.
        path: the way taken, whose states are highlighted, the last one most: a machine's record, as
            `load` or a run returns it, or the names of the states entered, oldest first.
    """
    table = _table(definition)
    ids = {name: f"s{number}" for number, name in enumerate(table.states)}
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{_text(name)}" as {alias}' for name, alias in ids.items()]
    lines += [f"    [*] --> {ids[definition.initial]}"]
    lines += [
        f"    {ids[source]} --> {ids[target]}: {' | '.join(_text(name) for name in triggers)}"
        for (source, target), triggers in _arrows(table).items()
    ]
    lines += [f"    {ids[state.name]} --> [*]" for state in definition.states if state.terminal]
    return "\n".join([*lines, *_highlight(ids, _states(path))]) + "\n"


def _states(path: Stored | Checkpoint | Iterable[str]) -> tuple[str, ...]:
    checkpoint = path.checkpoint if isinstance(path, Stored) else path
    if isinstance(checkpoint, Checkpoint):
        return tuple(move.state for move in checkpoint.path)
    return tuple(checkpoint)


@lru_cache(maxsize=16)
def _table(definition: Definition) -> Machine:
    table = Machine(
        model=None,
        states=[state.name for state in definition.states],
        initial=definition.initial,
        auto_transitions=False,
    )
    for move in definition.transitions:
        table.add_transition(move.trigger, move.source, move.target)
    return table


def _what_is_legal(definition: Definition, state: str) -> str:
    triggers = legal_triggers(definition, state)
    return f"legal from {state!r}: {', '.join(triggers) or 'nothing, it is no state or terminal'}"


def _arrows(table: Machine) -> dict[tuple[str, str], list[str]]:
    arrows: dict[tuple[str, str], list[str]] = {}
    for trigger, event in table.events.items():
        for source, moves in event.transitions.items():
            for move in moves:
                arrows.setdefault((source, str(move.dest)), []).append(trigger)
    return arrows


def _highlight(ids: dict[str, str], path: tuple[str, ...]) -> list[str]:
    known = [name for name in dict.fromkeys(path) if name in ids]
    if not known:
        return []
    current = path[-1]
    before = [ids[name] for name in known if name != current]
    lines = [
        "    classDef taken fill:#d5e8d4,stroke:#4a7c3a",
        "    classDef current fill:#ffe599,stroke:#b45f06,stroke-width:3px",
    ]
    lines += [f"    class {','.join(before)} taken"] if before else []
    lines += [f"    class {ids[current]} current"] if current in ids else []
    return lines


def _text(name: str) -> str:
    """Return the name with what would end a label or a line written in Mermaid's entity codes."""
    codes = {"#": "#35;", '"': "#quot;", ":": "#58;", ";": "#59;", "\n": " "}
    return "".join(codes.get(character, character) for character in name)
