"""The composition root: the only module that names an engine and the workflow together.

What is imported where is deliberate: a run's first act is to start Git, and everything that the
clone does not need is loaded meanwhile.
"""

import getpass
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bodywork import __version__
from bodywork.errors import NotFound, Unsupported, UsageError
from bodywork.model.names import Namespace, RunName, problem_with_label

if TYPE_CHECKING:
    from bodywork.model.run import Checkout
    from bodywork.model.workflow import Workflow
    from bodywork.ports import Administration, Reporter
    from bodywork.workflow.execute import Controller
    from statemachine.checkpoint import Checkpoint
    from statemachine.hooks import Hooks
    from statemachine.stores.file import FileStore
    from statemachine.stores.leases import FileLeaseStore

SOFTWARE = f"bodywork {__version__}"
KUBERNETES_LATER = "add --engine local (or BODYWORK_ENGINE=local) to run on this machine"


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Records:
    """A namespace's records of runs, and who works on them."""

    namespace: Namespace
    store: "FileStore"
    leases: "FileLeaseStore"


def engine_name(given: str | None) -> str:
    """Return the engine that was asked for: by option, or by BODYWORK_ENGINE, or Kubernetes.

    Raises:
        UsageError: there is no engine of that name.
        Unsupported: this version does not have it.
    """
    name = given or os.environ.get("BODYWORK_ENGINE") or "kubernetes"
    if name == "kubernetes":
        raise Unsupported(
            "this version runs workflows on this machine only, not on a Kubernetes cluster",
            hint=KUBERNETES_LATER,
        )
    if name != "local":
        raise UsageError(f"there is no engine {name}", hint="the engines: local, kubernetes")
    return name


def namespace_name(given: str | None) -> Namespace:
    """Return the namespace that was asked for: by option, or by BODYWORK_NAMESPACE, or `default`.

    Raises:
        UsageError: it cannot be one.
    """
    name = given or os.environ.get("BODYWORK_NAMESPACE") or "default"
    fault = problem_with_label(name)
    if fault:
        raise UsageError(f"the namespace's name {fault}")
    return Namespace(name)


def administration() -> "Administration":
    """Return what administers the local engine."""
    from bodywork.local import LocalAdministration, state_folder

    return LocalAdministration(state_folder())


def open_records(namespace: Namespace, *, create: bool = False) -> Records:
    """Return a namespace's records.

    Raises:
        NotFound: there is no such namespace, and it is not to be created.
    """
    from bodywork.local import state_folder
    from statemachine.stores.file import FileStore
    from statemachine.stores.leases import FileLeaseStore

    folder = state_folder() / "namespaces" / namespace
    if create:
        (folder / "runs").mkdir(parents=True, exist_ok=True, mode=0o700)
    elif not folder.exists():
        raise NotFound(
            f"there is no namespace {namespace}",
            hint=f"make it: bodywork setup-namespace {namespace}",
        )
    return Records(namespace, FileStore(folder / "runs"), FileLeaseStore(folder / "runs"))


def me() -> str:
    """Return this controller's name, for people."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"


@contextmanager
def open_controller(
    records: Records,
    report: "Reporter",
    *,
    hooks: "Hooks | None" = None,
    observer: "Callable[[Checkpoint], None] | None" = None,
    stop: Callable[[], bool] = lambda: False,
) -> "Iterator[Controller]":
    """Yield a controller of runs on this machine; its helper process ends with the context."""
    from bodywork.local import LocalEngine, cache_folder, state_folder

    epochs: dict[RunName, int] = {}
    engine = LocalEngine(
        state_folder(),
        records.namespace,
        guard=lambda run: _guard(records, run, epochs),
        environments=cache_folder(),
    )
    engine.warm_up()
    try:
        yield _controller(records, engine, report, epochs, hooks, observer, stop)
    finally:
        engine.close()


def _guard(
    records: Records, run: RunName, epochs: dict[RunName, int]
) -> AbstractContextManager[None]:
    return records.store.guard(run, lambda: epochs.get(run, 0))


def _controller(  # type: ignore[no-untyped-def]  # the engine's class is loaded late
    records: Records, engine, report, epochs, hooks, observer, stop
) -> "Controller":
    from bodywork.git import GitSource
    from bodywork.workflow.context import Context
    from bodywork.workflow.execute import Controller, build_runner, earlier_run
    from statemachine.ownership import Ownership, this_process
    from statemachine.retries import RetryPolicy, delays

    context = Context(
        engine=engine,
        source=GitSource(),
        clock=SystemClock(),
        report=report,
        load_project=_load_project,
        earlier=earlier_run(records.store, engine),
        pause=lambda number: delays(RetryPolicy(), number - 1),
    )

    def observe(checkpoint: "Checkpoint") -> None:
        epochs[RunName(checkpoint.id)] = checkpoint.epoch
        if observer:
            observer(checkpoint)

    runner = build_runner(
        context, records.store, software=SOFTWARE, hooks=hooks, observer=observe, stop=stop
    )
    ownership = Ownership(records.leases, records.store, runner, this_process(me(), SOFTWARE))
    return Controller(context, records.store, ownership, runner)


def _load_project(checkout: "Checkout") -> "Workflow":
    from bodywork.config import load_workflow

    return load_workflow(Path(checkout.folder), checkout.trees)
