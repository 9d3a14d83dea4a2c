"""A controller over fakes: everything around it survives its death, so it can be made anew."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.run import Checkout, LogLine, StageRun
from bodywork.model.stage import Batch, Service, Stage
from bodywork.model.workflow import RollbackScope, Workflow
from bodywork.ports import Engine
from bodywork.workflow.context import Context
from bodywork.workflow.execute import Controller, build_runner, earlier_run
from bodywork.workflow.progress import Progress, Request
from bodywork.workflow.record import parse_progress
from statemachine.checkpoint import Checkpoint
from statemachine.hooks import Hooks
from statemachine.ownership import Holder, Ownership, this_process
from statemachine.store import CheckpointStore, Stored
from statemachine.stores.memory import MemoryStore
from tests.fakes.engine import FakeEngine, World

NAMESPACE = Namespace("shop")
REQUEST = Request(NAMESPACE, "repo", "c0")


def batch(name: str, retries: int = 0, tree: str = "t0") -> Stage:
    return Stage(StageName(name), Batch(30, retries), "main.py", tree=tree)


def service(name: str, tree: str = "t0") -> Stage:
    return Stage(StageName(name), Service(30, 1, 5000), "main.py", tree=tree)


def workflow(
    *steps: tuple[Stage, ...], scope: RollbackScope = "run", on_failure: Stage | None = None
) -> Workflow:
    stages = {stage.name: stage for step in steps for stage in step}
    if on_failure:
        stages[on_failure.name] = on_failure
    return Workflow(
        project=ProjectName("shop"),
        image="image",
        steps=tuple(tuple(stage.name for stage in step) for step in steps),
        stages=stages,
        rollback_scope=scope,
        run_on_failure=on_failure.name if on_failure else None,
    )


PIPELINE = workflow((batch("prepare"),), (batch("a"), batch("b")), (service("serve"),))


class Time:
    """A clock that only moves when it is asked."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.step = 0.001
        self.behind = timedelta()

    def now(self) -> datetime:
        self.seconds += self.step
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds) - self.behind

    def monotonic(self) -> float:
        self.seconds += self.step
        return self.seconds


class Repository:
    """A source whose commits are projects."""

    def __init__(self, **commits: Workflow) -> None:
        self.commits = commits
        self.checkouts: list[str] = []

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
        self.checkouts.append(commit)
        yield Checkout(repository, reference, commit or reference, Path("nowhere"), {})

    def load(self, checkout: Checkout) -> Workflow:
        return self.commits[checkout.commit]


class Silence:
    """A reporter that keeps what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended: list[StageRun] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def project_known(self, workflow: Workflow) -> None:
        self.lines.append(workflow.project)

    def stage_started(
        self,
        attempt: StageRun,
        stage: Stage,
        alone: bool,
        follow: Callable[[], Iterator[LogLine]],
    ) -> None:
        """Hear of it; nobody follows here."""

    def stage_ended(self, attempt: StageRun, lines: Iterable[LogLine]) -> None:
        self.ended.append(attempt)


class Leases:
    """Leases of controllers that all died: nobody has to be waited for."""

    def __init__(self) -> None:
        self.holders: dict[str, Holder] = {}

    def read(self, machine_id: str) -> Holder | None:
        return self.holders.get(machine_id)

    def write(self, machine_id: str, holder: Holder) -> None:
        self.holders[machine_id] = holder

    def clear(self, machine_id: str, holder: Holder) -> None:
        self.holders.pop(machine_id, None)

    def is_dead(self, machine_id: str, holder: Holder) -> bool:
        return True


class Death(BaseException):
    """The controller is gone, as by kill -9."""


class DyingStore:
    """A store whose user dies right after it has saved a machine in a given state."""

    def __init__(self, inner: CheckpointStore, state: str) -> None:
        self.inner = inner
        self.state = state

    def create(self, checkpoint: Checkpoint) -> Stored:
        return self._die(self.inner.create(checkpoint))

    def load(self, machine_id: str) -> Stored:
        return self.inner.load(machine_id)

    def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
        return self._die(self.inner.save(checkpoint, expected, seal=seal))

    def delete(self, machine_id: str) -> None:
        self.inner.delete(machine_id)

    def list(self) -> Sequence[str]:
        return self.inner.list()

    def _die(self, stored: Stored) -> Stored:
        if stored.checkpoint.state == self.state:
            raise Death
        return stored


@dataclass
class Office:
    """What outlives controllers: the world, the store, the repository, the time."""

    repository: Repository
    world: World = field(default_factory=World)
    store: CheckpointStore = field(default_factory=MemoryStore)
    time: Time = field(default_factory=Time)
    hooks: Hooks | None = None
    report: Silence = field(default_factory=Silence)
    max_parallel: int | None = None

    def controller(
        self,
        *,
        dies_in: str = "",
        wrap_store: Callable[[CheckpointStore], CheckpointStore] = lambda store: store,
        wrap_engine: Callable[[Engine], Engine] = lambda engine: engine,
        observer: Callable[[Checkpoint], None] = lambda checkpoint: None,
    ) -> Controller:
        engine = wrap_engine(FakeEngine(self.world, NAMESPACE))
        store = wrap_store(DyingStore(self.store, dies_in))
        context = Context(
            engine=engine,
            source=self.repository,
            clock=self.time,
            report=self.report,
            load_project=self.repository.load,
            earlier=earlier_run(store, engine),
            pause=lambda number: 0.0,
            max_parallel=self.max_parallel,
        )
        runner = build_runner(context, store, software="test", hooks=self.hooks, observer=observer)
        ownership = Ownership(Leases(), store, runner, this_process("test"))
        return Controller(context, store, ownership, runner)

    def begin_and_die(self, state: str) -> RunName:
        """Begin a run whose controller dies as soon as it is in that state."""
        run = self.begin()
        with contextlib.suppress(Death):
            self.controller(dies_in=state).execute(run)
        return run

    def take_over_and_die(self, run: RunName) -> None:
        """Take a run over with a controller that dies as soon as that is on record."""
        state = self.store.load(run).checkpoint.state
        with contextlib.suppress(Death):
            self.controller(dies_in=state).execute(run, take_over=True)

    def begin(self) -> RunName:
        return self.controller().begin(REQUEST)

    def run(self, request: Request = REQUEST) -> Checkpoint:
        controller = self.controller()
        return controller.execute(controller.begin(request))

    def progress(self, run: str) -> Progress:
        return parse_progress(self.store.load(run).checkpoint.data)
