"""Once a run's record is sealed, it alone decides the exit code, whatever fails afterwards."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bodywork.cli import exits, launch, named
from bodywork.cli.choice import Order, choose
from bodywork.cli.wiring import Observer
from bodywork.cluster.errors import Forbidden, Unavailable
from bodywork.errors import EngineError, NotFound
from bodywork.model.names import Namespace
from bodywork.model.run import ServiceStatus
from bodywork.ports import Administration, Reporter
from bodywork.workflow.execute import Controller
from bodywork.workflow.status import ControllerStatus
from statemachine.checkpoint import Checkpoint
from statemachine.errors import CheckpointCorrupt, Interrupted, StoreFull, StoreUnavailable
from statemachine.hooks import Hooks
from statemachine.store import CheckpointStore, Stored
from tests.bodywork.cli.places import MemoryPlace
from tests.bodywork.workflow.harness import (
    REQUEST,
    Office,
    Repository,
    batch,
    service,
    workflow,
)
from tests.fakes.engine import FAILED, FakeEngine

PROJECT = workflow((batch("prepare"),), (service("serve"),))
ERRORS: Sequence[Callable[[], BaseException]] = (
    lambda: Forbidden("services is forbidden"),
    lambda: Unavailable("the cluster cannot be reached"),
    lambda: EngineError("no"),
    lambda: NotFound("gone"),
    lambda: StoreFull("a right is missing"),
    lambda: StoreUnavailable("silence"),
    lambda: CheckpointCorrupt("damaged"),
    lambda: OSError(28, "No space left on device"),
    lambda: BrokenPipeError(32, "Broken pipe"),
    lambda: KeyError("metadata"),
    lambda: RuntimeError("a bug"),
    lambda: Interrupted("stopped by SIGTERM"),
)
PLACES = ("list", "delete", "controller exit", "services", "clear")
NEVER_ASKED = {("services", True)}
"""What is not asked for after such an end."""
LOGGED = ("list", "delete")
"""What is told in the log: old runs that could not be removed."""


class StoreThatFailsAfterTheEnd:
    """Raises from one of its methods as soon as a sealed checkpoint was saved through it."""

    def __init__(self, inner: CheckpointStore, method: str, error: BaseException) -> None:
        self.inner = inner
        self.method = method
        self.error = error
        self.ended = False
        self.fired = False

    def create(self, checkpoint: Checkpoint) -> Stored:
        return self.inner.create(checkpoint)

    def load(self, machine_id: str) -> Stored:
        return self.inner.load(machine_id)

    def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
        saved = self.inner.save(checkpoint, expected, seal=seal)
        self.ended = self.ended or seal
        self.fail("save")
        return saved

    def delete(self, machine_id: str) -> None:
        self.fail("delete")
        self.inner.delete(machine_id)

    def list(self) -> Sequence[str]:
        self.fail("list")
        return self.inner.list()

    def fail(self, method: str) -> None:
        if self.ended and method == self.method:
            self.fired = True
            raise self.error


class FailingAdministration:
    """Fails where the services of a namespace are listed."""

    def __init__(self, store: StoreThatFailsAfterTheEnd) -> None:
        self.store = store

    def services(self, namespace: Namespace) -> Sequence[ServiceStatus]:
        self.store.fail("services")
        return ()


class FailingPlace(MemoryPlace):
    """A place where one thing fails after a run's end."""

    def __init__(self, office: Office, method: str, error: BaseException) -> None:
        super().__init__(office)
        self.failing = StoreThatFailsAfterTheEnd(office.store, method, error)

    @property
    def store(self) -> CheckpointStore:
        return self.failing

    @property
    def administration(self) -> Administration:
        return FailingAdministration(self.failing)  # type: ignore[return-value]

    def engine(self) -> FakeEngine:
        raise AssertionError("nothing is looked at")

    def who_controls(self, run: str) -> ControllerStatus | None:
        return None

    @contextmanager
    def controller(
        self,
        report: Reporter,
        *,
        hooks: Hooks | None = None,
        observer: Observer = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
        credentials: str = "",
        max_parallel: int | None = None,
    ) -> Iterator[Controller]:
        controller = self.office.controller(wrap_store=lambda _: self.failing, observer=observer)
        clear = controller._ownership.release

        def release(run: str) -> None:
            clear(run)
            self.failing.fail("clear")

        controller._ownership.release = release  # type: ignore[method-assign,assignment]
        yield controller
        self.failing.fail("controller exit")


@pytest.mark.parametrize(("where", "make_error"), [*itertools.product(PLACES, ERRORS)])
@pytest.mark.parametrize("fails", [False, True], ids=["succeeds", "fails"])
@pytest.mark.parametrize("name", ["", "tick-7"], ids=["plain", "named"])
def test_what_fails_after_the_end_changes_no_exit_code(
    where: str,
    make_error: Callable[[], BaseException],
    fails: bool,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    office = Office(Repository(c0=PROJECT))
    office.controller().execute(office.controller().begin(REQUEST))  # old, and pruned
    if fails:
        office.world.outcomes["prepare"] = [FAILED]
    place = FailingPlace(office, where, make_error())
    order = Order(git_repo_url="repo", git_repo_branch="c0", history=1, name=name)
    choice = choose(place, order)
    if name:
        code = named.carry_named(place, replace(order, retries=0 if fails else 1), choice)
    else:
        code = launch.launch(place, order, choice)
    assert code == (exits.RUN_FAILED if fails else exits.SUCCESS)
    assert place.failing.fired or (where, fails) in NEVER_ASKED
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert not place.failing.fired or where in LOGGED or "after the run's end" in told


def test_a_signal_between_the_end_and_its_note_is_no_interruption() -> None:
    office = Office(Repository(c0=PROJECT))
    place = FailingPlace(office, "save", Interrupted("stopped by SIGTERM"))
    order = Order(git_repo_url="repo", git_repo_branch="c0")
    assert launch.launch(place, order, choose(place, order)) == exits.SUCCESS
    assert place.failing.fired
