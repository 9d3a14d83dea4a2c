"""The embedded engine, wired: a folder of this machine as a place for runs."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from bodywork.cli import wiring
from bodywork.local import LocalAdministration, LocalEngine, cache_folder, state_folder
from bodywork.model.names import Namespace, RunName
from statemachine.stores.file import FileStore
from statemachine.stores.leases import FileLeaseStore

if TYPE_CHECKING:
    from bodywork.model.run import Checkout
    from bodywork.model.workflow import Workflow
    from bodywork.ports import Reporter
    from bodywork.workflow.execute import Controller
    from bodywork.workflow.status import ControllerStatus
    from statemachine.checkpoint import Checkpoint
    from statemachine.hooks import Hooks


class LocalPlace:
    """One namespace of the embedded engine."""

    engine_name = "local"
    services_answer_here = True

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self._state = state_folder()
        runs = self._state / "namespaces" / namespace / "runs"
        self.store = FileStore(runs)
        self._leases = FileLeaseStore(runs)
        self._not_before = 0.0

    @property
    def administration(self) -> LocalAdministration:
        """Namespaces, secrets and services of the state folder."""
        return LocalAdministration(self._state)

    @property
    def schedules(self) -> None:
        """None: this engine keeps no schedules."""
        return

    def kept_alive(self) -> AbstractContextManager[Callable[[], None]]:
        """Nothing but the user has started this process."""
        return nullcontext(lambda: None)

    def require(self) -> None:
        """Raise `NotFound` where the namespace is not there; the default one is made."""
        if (self._state / "namespaces" / self.namespace).is_dir():
            return
        if self.namespace != wiring.DEFAULT_NAMESPACE:
            raise self.administration.missing(self.namespace)
        self.administration.setup_namespace(self.namespace)

    def beside(self, namespace: Namespace) -> "LocalPlace":
        """Return another namespace of this machine."""
        return LocalPlace(namespace)

    def engine(self, epochs: dict[str, int] | None = None) -> LocalEngine:
        """Return an engine; with `epochs` (run → epoch that we hold) its changes are fenced."""

        def guard(run: RunName) -> AbstractContextManager[None]:
            return self.store.guard(run, lambda: (epochs or {}).get(run, 0))

        return LocalEngine(
            self._state,
            self.namespace,
            guard=guard,
            environments=cache_folder(),
            not_before=self._not_before,
        )

    def refresh_environments(self) -> None:
        """Have environments made anew that were made before now."""
        self._not_before = time.time()

    def read_project(self, checkout: "Checkout") -> "Workflow":
        """Read a checkout's configuration; no image is needed here."""
        return wiring.read_project(checkout)

    @contextmanager
    def controller(
        self,
        report: "Reporter",
        *,
        hooks: "Hooks | None" = None,
        observer: wiring.Observer = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
        credentials: str = "",
        max_parallel: int | None = None,
    ) -> Iterator["Controller"]:
        """Return a controller whose changes are fenced by the epochs that it saved with."""
        epochs: dict[str, int] = {}
        engine = self.engine(epochs)
        engine.warm_up()

        from bodywork.cli.controllers import build_controller

        def saved(checkpoint: "Checkpoint") -> None:
            epochs[checkpoint.id] = checkpoint.epoch
            observer(checkpoint)

        try:
            yield build_controller(
                engine,
                self.store,
                self._leases,
                report,
                hooks=hooks,
                observer=saved,
                stop=stop,
                credentials=credentials,
                max_parallel=max_parallel,
            )
        finally:
            engine.close()

    def who_controls(self, run: str) -> "ControllerStatus | None":
        """Return who signed the run's lease; a process of this host is known dead or alive."""
        holder = self._leases.read(run)
        if holder is None:
            return None
        from bodywork.workflow.status import ControllerStatus

        dead = self._leases.is_dead(run, holder)
        here = holder.host == os.uname().nodename
        alive = not dead if dead or here else None
        return ControllerStatus(str(holder), alive)
