"""A place in memory, around the office of the workflow's own tests."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from bodywork.cli.wiring import Observer
from bodywork.model.names import Namespace
from bodywork.model.run import Checkout
from bodywork.model.workflow import Workflow
from bodywork.ports import Administration, Reporter
from bodywork.workflow.execute import Controller
from bodywork.workflow.status import ControllerStatus
from statemachine.hooks import Hooks
from statemachine.store import CheckpointStore
from tests.bodywork.workflow.harness import NAMESPACE, Office
from tests.fakes.engine import FakeEngine


class MemoryPlace:
    """Implements `bodywork.cli.wiring.Place`; `controllers` says who is at work on a run."""

    engine_name = "local"
    services_answer_here = True
    namespace: Namespace = NAMESPACE

    def __init__(self, office: Office) -> None:
        self.office = office
        self.controllers: dict[str, ControllerStatus] = {}
        self.heartbeats = 0
        self.look_at: Any = office.store

    @property
    def store(self) -> CheckpointStore:
        return self.look_at  # type: ignore[no-any-return]

    @property
    def administration(self) -> Administration:
        raise NotImplementedError("no test asks for it")

    @property
    def schedules(self) -> None:
        return

    def kept_alive(self) -> AbstractContextManager[Callable[[], None]]:
        return nullcontext(self.heartbeat)

    def heartbeat(self) -> None:
        self.heartbeats += 1

    def require(self) -> None:
        return

    def beside(self, namespace: Namespace) -> "MemoryPlace":
        raise NotImplementedError("there is only one")

    def refresh_environments(self) -> None:
        return

    def engine(self) -> FakeEngine:
        return FakeEngine(self.office.world, NAMESPACE)

    def read_project(self, checkout: Checkout) -> Workflow:
        return self.office.repository.load(checkout)

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
        yield self.office.controller(observer=observer)

    def who_controls(self, run: str) -> ControllerStatus | None:
        return self.controllers.get(run)
