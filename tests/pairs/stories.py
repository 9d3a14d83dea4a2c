"""What happens in one pair, drawn from its seed."""

import random
from dataclasses import dataclass

from bodywork.model.stage import Stage
from bodywork.model.workflow import RollbackScope, Workflow
from tests.bodywork.workflow.harness import batch, service, workflow
from tests.pairs.scripts import DYING, SICK, SLOW, WELL

BASE, PAIR = "run-0", ("run-1", "run-2")
COMMITS = tuple(digit * 40 for digit in "123")
FATES = (WELL, WELL, WELL, SICK, DYING, SLOW)
STAGES = ("serve", "extra", "later", "early")
MOST_STEPS = 400
"""In how many steps of all controllers together what comes between is drawn."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a user does once so many steps have been taken.

    Attributes:
        kind: begin, resume, take-over, cancel or prune.
        dies_at: at which of its own steps the controller is killed, 0 for never.
        rests_at: at which of its own steps it is held for `rest` steps of others.
    """

    at: int
    kind: str
    run: str = ""
    dies_at: int = 0
    rests_at: int = 0
    rest: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """A pair before it happens.

    Attributes:
        commits: run → commit.
        fates: (commit, stage) → what becomes of the version.
        codes: run → the exit codes of the later stage, attempt by attempt.
    """

    project: Workflow
    commits: dict[str, str]
    fates: dict[tuple[str, str], str]
    codes: dict[str, tuple[int, ...]]
    commands: tuple[Command, ...]
    with_base: bool


def draw_story(seed: int) -> Story:
    """Return the story of a seed."""
    dice = random.Random(f"local pair {seed}")
    base, first, second = COMMITS
    with_base = dice.random() < 0.75
    commits = {BASE: base, PAIR[0]: first, PAIR[1]: first if dice.random() < 0.2 else second}
    fates = {(commit, stage): dice.choice(FATES) for commit in COMMITS for stage in STAGES}
    codes = {run: dice.choice([(0,), (1,), (1, 0)]) for run in PAIR}
    return Story(
        project=_draw_project(dice),
        commits=commits,
        fates=fates | {(base, stage): WELL for stage in STAGES},
        codes={**codes, BASE: (0,)},
        commands=_draw_commands(dice),
        with_base=with_base,
    )


def _draw_commands(dice: random.Random) -> tuple[Command, ...]:
    apart = dice.choice([0, 30, 150])
    commands = [_command(dice, 0, "begin", run, shift=apart) for run in PAIR]
    for _ in range(dice.randint(0, 4)):
        kind = dice.choice(["resume", "resume", "take-over", "cancel", "prune"])
        run = "" if kind == "prune" else dice.choice(PAIR)
        commands.append(_command(dice, 10, kind, run, shift=MOST_STEPS))
    return tuple(sorted(commands, key=lambda each: each.at))


def _command(dice: random.Random, first: int, kind: str, run: str, *, shift: int) -> Command:
    dies = dice.random() < 0.45
    rests = dice.random() < 0.5
    return Command(
        at=first + dice.randint(0, shift),
        kind=kind,
        run=run,
        dies_at=dice.randint(1, 140) if dies else 0,
        rests_at=dice.randint(1, 140) if rests else 0,
        rest=dice.choice([20, 100, 400]) if rests else 0,
    )


def _draw_project(dice: random.Random) -> Workflow:
    serve, extra = service("serve"), service("extra")
    later = batch("later", dice.randint(0, 1))
    steps: tuple[tuple[Stage, ...], ...] = dice.choice(
        [
            ((serve,), (later,)),
            ((serve,), (later,)),
            ((serve,), (extra,), (later,)),
            ((serve, extra), (later,)),
            ((batch("early"),), (serve,), (later,)),
            ((serve, later),),
        ]
    )
    scope: RollbackScope = dice.choice(("run", "run", "stage"))
    return workflow(*steps, scope=scope)
