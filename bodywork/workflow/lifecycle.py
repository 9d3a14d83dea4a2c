"""The states of a run and the legal moves between them, on one screen.

The number of steps becomes known with the clone, so a run's definition depends on its data; until
then it has no steps. `note` records what was seen without a change of state.
"""

from statemachine.definition import Definition, State, Transition

CREATED = "created"
CLONED = "cloned"
SUCCEEDED = "succeeded"
ROLLING_BACK = "rolling-back"
ROLLED_BACK = "rolled-back"
FAILED = "failed"
CANCELLED = "cancelled"
TERMINAL = frozenset({SUCCEEDED, ROLLED_BACK, FAILED, CANCELLED})


def running(step: int) -> str:
    """Return the state in which the stages of a step (from 1) run."""
    return f"step-{step}-running"


def done(step: int) -> str:
    """Return the state in which a step (from 1) has ended well."""
    return f"step-{step}-done"


def step_of(state: str) -> int:
    """Return the step (from 1) that a state belongs to, or 0."""
    prefix, _, rest = state.partition("-")
    return int(rest.partition("-")[0]) if prefix == "step" else 0


def build_definition(steps: int) -> Definition:
    """Return the machine of a run with that many steps."""
    moves = [
        Transition("note", CREATED, CREATED),
        Transition("note", CLONED, CLONED),
        Transition("clone", CREATED, CLONED),
        *_ways_out(CREATED, services=False),
        *_ways_out(CLONED, services=False),
    ]
    before = CLONED
    for step in range(1, steps + 1):
        moves += [
            Transition("start", before, running(step)),
            Transition("note", running(step), running(step)),
            Transition("complete", running(step), done(step)),
            Transition("note", done(step), done(step)),
            *_ways_out(running(step), services=True),
            *_ways_out(done(step), services=True),
        ]
        before = done(step)
    moves.append(Transition("finish", before, SUCCEEDED))
    if steps:
        moves += [
            Transition("note", ROLLING_BACK, ROLLING_BACK),
            Transition("restored", ROLLING_BACK, ROLLED_BACK),
            *_ways_out(ROLLING_BACK, services=False),
        ]
    names = dict.fromkeys(name for move in moves for name in (move.source, move.target))
    states = tuple(State(name, terminal=name in TERMINAL) for name in names)
    return Definition("bodywork.run", CREATED, states, tuple(moves))


def _ways_out(state: str, *, services: bool) -> list[Transition]:
    """The ends that any unfinished state has; a roll-back only where a service may have changed."""
    ways = [Transition("fail", state, FAILED), Transition("cancel", state, CANCELLED)]
    if services:
        ways.append(Transition("roll-back", state, ROLLING_BACK))
    return ways
