"""What happens in one history, drawn from its seed: projects, runs, commands, and faults."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bodywork.model.run import Checkout
from bodywork.model.stage import Stage
from bodywork.model.workflow import RollbackScope, Workflow
from tests.bodywork.workflow.harness import Repository, batch, service, workflow
from tests.simulation.cluster import Script
from tests.simulation.faults import Fault
from tests.simulation.scheduler import SimulatedTime

COMMITS = tuple(digit * 40 for digit in "123")
CHAOS_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Command:
    """Something that a user or another program does at some time.

    Attributes:
        kind: begin, resume, take-over, cancel, prune, push, or an act of another.
        run: which run it is about.
    """

    at: float
    kind: str
    run: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """A history before it happens.

    Attributes:
        commits: run → the commit that was asked for; others use the branch's head.
        quiet_seconds: until when no fault comes.
    """

    project: Workflow
    script: Script
    commands: tuple[Command, ...]
    kinds: frozenset[Fault]
    rate: float
    knows_dead: bool
    off: timedelta
    commits: Mapping[str, str] = field(default_factory=dict)
    quiet_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the stories of a set of histories may hold."""

    faults: frozenset[Fault] = frozenset()
    acts: frozenset[str] = frozenset()
    runs: int = 1
    controllers: int = 1
    services: bool = False
    pairs: bool = False
    ends: frozenset[str] = field(default_factory=frozenset)


def draw_story(seed: int, limits: Limits) -> Story:
    """Return the story of a seed."""
    dice = random.Random(f"story {seed}")
    count = limits.runs if dice.random() < 0.6 else dice.randint(1, limits.runs)
    runs = [f"run-{number}" for number in range(1, count + 1)]
    span = dice.choice([10.0, 30.0, 90.0])
    project, codes = _draw_project(dice, limits.services)
    commands = [Command(dice.uniform(0, span), "begin", run) for run in runs]
    for _ in range(dice.randint(0, limits.controllers - 1)):
        kinds = ["resume", *sorted(limits.ends)]
        commands.append(_at_any_time(dice, dice.choice(kinds), dice.choice(runs), span))
    for act in dice.sample(sorted(limits.acts), min(len(limits.acts), dice.randint(0, 2))):
        commands.append(_at_any_time(dice, act, dice.choice(runs), span))
    for _ in range(dice.randint(0, 2)):
        commands.append(Command(dice.uniform(0, span), "push"))
    sick = frozenset(commit for commit in COMMITS if limits.services and dice.random() < 0.25)
    faults = dice.sample(
        sorted(limits.faults, key=lambda each: each.name),
        min(len(limits.faults), dice.choice([0, 1, 2, 4, 8])),
    )
    return Story(
        project=project,
        script=Script(codes, sick=sick, longest=dice.choice([2.0, 20.0, 60.0])),
        commands=tuple(sorted(commands, key=lambda each: each.at)),
        kinds=frozenset(faults),
        rate=dice.choice([0.0, 0.02, 0.08, 0.2]) if faults else 0.0,
        knows_dead=dice.random() < 0.5,
        off=timedelta(hours=dice.choice([0, 0, -3, 5])),
    )


def _at_any_time(dice: random.Random, kind: str, run: str, span: float) -> Command:
    return Command(dice.uniform(1, 60 + span), kind, run)


def _draw_project(dice: random.Random, services: bool) -> tuple[Workflow, dict[str, list[int]]]:
    one, two = batch("one", dice.randint(0, 2)), batch("two", dice.randint(0, 1))
    shapes: list[tuple[tuple[Stage, ...], ...]] = [((one,),), ((one,), (two,)), ((one, two),)]
    if services:
        serve, extra = service("serve"), service("extra")
        shapes = [
            ((serve,),),
            ((one,), (serve,)),
            ((serve,), (two,)),
            ((serve,), (extra,), (two,)),
            ((serve, two),),
        ]
    steps = dice.choice(shapes)
    codes = {
        name: dice.choice([[0], [0], [1, 0], [1], [2, 1, 0]]) for name in ("one", "two", "last")
    }
    scope: RollbackScope = dice.choice(("run", "stage"))
    on_failure = batch("last") if dice.random() < 0.2 else None
    return workflow(*steps, scope=scope, on_failure=on_failure), codes


class Branch(Repository):
    """A repository with one branch, whose head moves; a checkout takes its time."""

    def __init__(self, time: SimulatedTime, project: Workflow) -> None:
        super().__init__(**dict.fromkeys(COMMITS, project))
        self._time = time
        self.head = 0

    def push(self) -> None:
        """Move the head on."""
        self.head = min(self.head + 1, len(COMMITS) - 1)

    @contextmanager
    def checkout(
        self,
        repository: str,
        reference: str,
        commit: str = "",
        *,
        path: str = "",
        say: Callable[[str], None],
    ) -> Iterator[Checkout]:
        """Resolve the branch, then take a while."""
        found = commit or COMMITS[self.head]
        self._time.sleep(self._time.random.uniform(0.1, 5.0))
        yield Checkout(repository, reference, found, Path("nowhere"), {})
