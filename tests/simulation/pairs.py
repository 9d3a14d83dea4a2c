"""Two runs of one project at once: what they deploy, what becomes of it, and what comes between.

A version is well, crashes at once, crashes after it was ready, or is slow; a stage after it fails
or not. Controllers are killed, stopped for long, taken over and cancelled meanwhile.
"""

import random
from datetime import timedelta

from bodywork.model.stage import Stage
from bodywork.model.workflow import RollbackScope, Workflow
from tests.bodywork.workflow.harness import batch, service, workflow
from tests.simulation.cluster import Script
from tests.simulation.faults import OF_PROCESSES, Fault
from tests.simulation.stories import COMMITS, Command, Limits, Story

BASE, PAIR = "run-0", ("run-1", "run-2")
FATES = ("well", "well", "sick", "dying", "slow")
BASE_SECONDS = 120.0
"""By when the version that is there before the pair has been deployed."""


def draw_pair(seed: int, limits: Limits) -> Story:
    """Return the story of a seed."""
    dice = random.Random(f"pair {seed}")
    base, first, second = COMMITS
    with_base = dice.random() < 0.75
    commits = {BASE: base, PAIR[0]: first, PAIR[1]: first if dice.random() < 0.2 else second}
    fates = {base: "well", first: dice.choice(FATES), second: dice.choice(FATES)}
    begun = BASE_SECONDS if with_base else 0.0
    codes = {run: {"later": dice.choice([[0], [1], [1, 0]])} for run in PAIR}
    faults = _draw_faults(dice, limits.faults)
    return Story(
        project=_draw_project(dice),
        script=Script(
            of_runs={**codes, BASE: {}},
            sick=_of(fates, "sick"),
            dying=_of(fates, "dying"),
            slow=_of(fates, "slow"),
            longest=dice.choice([2.0, 10.0, 40.0]),
        ),
        commands=_draw_commands(dice, limits, begun, with_base=with_base),
        kinds=faults,
        rate=dice.choice([0.0, 0.01, 0.03, 0.08]),
        knows_dead=dice.random() < 0.5,
        off=timedelta(hours=dice.choice([0, 0, -3, 5])),
        commits=commits,
        quiet_seconds=begun,
    )


def _of(fates: dict[str, str], fate: str) -> frozenset[str]:
    return frozenset(commit for commit, found in fates.items() if found == fate)


def _draw_faults(dice: random.Random, faults: frozenset[Fault]) -> frozenset[Fault]:
    """Return kills and pauses; with others in every third story."""
    others = sorted(faults - OF_PROCESSES, key=lambda each: each.name)
    beside = dice.sample(others, min(len(others), 4)) if dice.random() < 0.33 else []
    return (faults & OF_PROCESSES) | frozenset(beside)


def _draw_commands(
    dice: random.Random, limits: Limits, begun: float, *, with_base: bool
) -> tuple[Command, ...]:
    commands = [Command(0.0, "begin", BASE)] if with_base else []
    apart = dice.choice([1.0, 10.0, 40.0])
    commands += [Command(begun + dice.uniform(0, apart), "begin", run) for run in PAIR]
    for _ in range(dice.randint(0, limits.controllers)):
        kind = dice.choice(["resume", *sorted(limits.ends)])
        commands.append(Command(begun + dice.uniform(1, 90), kind, dice.choice(PAIR)))
    return tuple(sorted(commands, key=lambda each: each.at))


def _draw_project(dice: random.Random) -> Workflow:
    serve, extra = service("serve"), service("extra")
    later = batch("later", dice.randint(0, 1))
    steps: tuple[tuple[Stage, ...], ...] = dice.choice(
        [
            ((serve,), (later,)),
            ((serve,), (extra,), (later,)),
            ((serve, extra), (later,)),
            ((batch("early"),), (serve,), (later,)),
            ((serve, later),),
        ]
    )
    scope: RollbackScope = dice.choice(("run", "run", "stage"))
    return workflow(*steps, scope=scope)
