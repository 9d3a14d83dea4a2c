"""The composition root: the only module that names an engine, a store and the workflow together.

Everything is imported where it is needed: a command pays for what it uses. The Python API shares
this, so nothing here knows click.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from bodywork.errors import ConfigError, EngineError, Problem, RunNotFound, UsageError
from bodywork.model.names import Namespace, problem_with_label
from bodywork.model.redaction import MASK, redact_address
from bodywork.model.repository import identify_repository

if TYPE_CHECKING:
    from pathlib import Path

    from bodywork.cluster.cronjobs import CronJobs
    from bodywork.model.run import Checkout
    from bodywork.model.workflow import Workflow
    from bodywork.ports import Administration, Engine, Reporter, Source
    from bodywork.workflow.execute import Controller
    from bodywork.workflow.status import ControllerStatus, RunStatus
    from statemachine.checkpoint import Checkpoint
    from statemachine.hooks import Hooks
    from statemachine.store import CheckpointStore

Observer = Callable[["Checkpoint"], None]
ENGINES = ("kubernetes", "local")
"""What --engine, BODYWORK_ENGINE and `Workflow(engine=…)` may name; the first is the default."""
DEFAULT_NAMESPACE = "default"
LATEST = "latest"
"""What may be typed for the newest run on record."""
RETRY_FIRST_SECONDS = 1.0
RETRY_MAXIMUM_SECONDS = 60.0


class Place(Protocol):
    """One namespace of one engine, with the records of its runs."""

    engine_name: str
    namespace: Namespace
    services_answer_here: bool
    """Whether programs of this machine reach its services at an address."""

    @property
    def store(self) -> "CheckpointStore":
        """The records of the runs."""
        ...

    @property
    def administration(self) -> "Administration":
        """The engine's namespaces, secrets and services."""
        ...

    @property
    def schedules(self) -> "CronJobs | None":
        """The schedules of the namespace; None where the engine keeps none."""
        ...

    def require(self) -> None:
        """Raise `NotFound` where the namespace is not there."""
        ...

    def beside(self, namespace: Namespace) -> "Place":
        """Return another namespace of the same engine."""
        ...

    def refresh_environments(self) -> None:
        """Have each environment made anew that a controller of this place uses from now on."""
        ...

    def engine(self) -> "Engine":
        """Return an engine to look with; what it changes is not fenced."""
        ...

    def read_project(self, checkout: "Checkout") -> "Workflow":
        """Read a checkout's configuration as a run here would, with the image that it would use.

        Raises:
            ConfigError: the project's files are wrong.
            UsageError: it has no image, and this engine needs one.
        """
        ...

    def controller(
        self,
        report: "Reporter",
        *,
        hooks: "Hooks | None" = None,
        observer: Observer = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
        credentials: str = "",
        max_parallel: int | None = None,
    ) -> AbstractContextManager["Controller"]:
        """Return a controller of runs; leaving the context frees what it holds, not its runs."""
        ...

    def kept_alive(self) -> AbstractContextManager[Callable[[], None]]:
        """Tell what has started this process, for as long as the context lasts, not to end it.

        A controller shows by itself that it goes on; whoever waits without one calls what the
        context gives, now and then.
        """
        ...

    def who_controls(self, run: str) -> "ControllerStatus | None":
        """Return who signed the run's lease, and whether that controller is alive."""
        ...


def open_place(engine: str = "", namespace: str = "") -> Place:
    """Return the place that the options name; "" leaves it to the environment.

    Raises:
        UsageError: the engine is unknown, or the namespace cannot be called that.
        EngineUnavailable: no cluster is configured.
    """
    chosen = engine or default_engine()
    if chosen.lower() not in ENGINES:
        where = "engine" if engine else "BODYWORK_ENGINE"
        raise UsageError(
            f"{where}: {chosen!r} is not one of {', '.join(ENGINES)}",
            hint="kubernetes runs stages on a cluster, local as processes on this machine",
        )
    name = namespace or os.environ.get("BODYWORK_NAMESPACE", "")
    if name and (fault := problem_with_label(name)):
        where = "" if namespace else "BODYWORK_NAMESPACE: "
        raise UsageError(f"{where}the namespace {name!r} {fault}")
    if chosen.lower() == "kubernetes":
        from bodywork.cli.cluster_place import KubernetesPlace

        return KubernetesPlace(name)
    from bodywork.cli.place import LocalPlace

    return LocalPlace(Namespace(name or DEFAULT_NAMESPACE))


def default_engine(environ: Mapping[str, str] = os.environ) -> str:
    """Return the engine that is meant where none is named: $BODYWORK_ENGINE, else a cluster."""
    return environ.get("BODYWORK_ENGINE") or ENGINES[0]


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        import time

        return time.monotonic()


class ProjectSource:
    """A source of projects, as the command line wants it.

    It knows the password of a repository whose record bears none: this process, which was given
    the address, puts it back in when the repository is read. And while Git is at work, what reads
    the project's files afterwards is loaded in a thread of its own: that takes as long as Git.
    """

    def __init__(self, inner: "Source", repository: str = "") -> None:
        self._inner = inner
        self._repository = repository
        self._shown = redact_address(repository)

    @contextmanager
    def checkout(
        self,
        repository: str,
        reference: str,
        commit: str = "",
        *,
        path: str = "",
        say: Callable[[str], None],
    ) -> Iterator["Checkout"]:
        """See `bodywork.ports.Source.checkout`."""
        loading = threading.Thread(target=_load_reader, name="load reader", daemon=True)
        loading.start()
        address = self._repository if self._is_ours(repository) else repository
        with self._inner.checkout(address, reference, commit, path=path, say=say) as checkout:
            loading.join()  # two threads must not import the same package by different ends
            yield checkout

    def _is_ours(self, repository: str) -> bool:
        """Say whether the address on record is that which was given, without its password."""
        masked = MASK in repository and bool(self._repository)
        same = identify_repository(repository) == identify_repository(self._shown)
        return repository == self._shown or (masked and same)


def _load_reader() -> None:
    import_module("bodywork.config")


def open_source(credentials: str = "") -> "Source":
    """Return the source of projects; `credentials` is an address that may hold a password."""
    from bodywork.git import GitSource

    return ProjectSource(GitSource(wants_submodules=_wants_submodules), credentials)


def _wants_submodules(project: "Path") -> bool | None:
    """Return what a project's SUBMODULES says; None where it says nothing, or cannot be read."""
    from bodywork.config import load_submodules  # late: git has been at work, and may have failed

    return load_submodules(project)


def read_project(checkout: "Checkout") -> "Workflow":
    """Read a checkout's configuration. Raises `ConfigError`."""
    from bodywork.config import load_workflow

    workflow = load_workflow(checkout.folder, checkout.entries, path=checkout.path)
    if problem := problem_with_size(workflow):
        raise ConfigError([problem])
    return workflow


def problem_with_size(workflow: "Workflow") -> "Problem | None":
    """Return what is wrong with a workflow whose runs could outgrow their records."""
    from bodywork.workflow.record import problem_with_record

    why = problem_with_record(workflow)
    hint = "do it in several projects, or with fewer stages and shorter ARGS"
    return Problem("bodywork.ini", 0, "workflow", "DAG", why, hint) if why else None


def retry_pause(number: int) -> float:
    """Return the seconds to wait before the attempt of that number (from 2) of a stage."""
    from statemachine.retries import RetryPolicy, pause_seconds

    policy = RetryPolicy(
        initial_wait_seconds=RETRY_FIRST_SECONDS, maximum_wait_seconds=RETRY_MAXIMUM_SECONDS
    )
    return pause_seconds(policy, number - 1)


def checkpoints(
    store: "CheckpointStore", unreadable: Callable[[str], None] = lambda _: None
) -> Iterator["Checkpoint"]:
    """Yield the readable checkpoints of a store; `unreadable` is told of each of the others."""
    from bodywork.workflow.record import load_records
    from statemachine.errors import CheckpointCorrupt

    for each in load_records(store):
        if isinstance(each, CheckpointCorrupt):
            unreadable(each.message)
        else:
            yield each


def resolve_run(place: Place, run: str) -> str:
    """Return the run that is meant: `latest` is the newest on record. Raises `RunNotFound`."""
    if run != LATEST:
        return run
    newest = max(checkpoints(place.store), key=lambda each: each.created_at, default=None)
    if newest is None:
        raise RunNotFound(
            f"there are no runs in namespace {place.namespace} yet",
            hint="`bodywork status -A` lists those of all namespaces",
        )
    return newest.id


def load_run(place: Place, run: str) -> "Checkpoint":
    """Return a run's checkpoint.

    Raises:
        RunNotFound: there is no such run.
        CheckpointNotFound, CheckpointCorrupt: its record was deleted or damaged.
    """
    from statemachine.errors import CheckpointNotFound

    try:
        return place.store.load(run).checkpoint
    except CheckpointNotFound as error:
        if error.hint:  # there are traces of it, and the store says what happened to them
            raise
        raise _missing_run(place, run) from error


def _missing_run(place: Place, run: str) -> RunNotFound:
    """Return the error for a run that is not on record; a schedule's Job may not have begun it."""
    try:
        tick = place.schedules.ticks.find(run) if place.schedules else None
    except EngineError:
        tick = None  # who may not look at Jobs can still look at runs
    if tick is None:
        return RunNotFound(
            f"no run {run} is on record in namespace {place.namespace}",
            hint="`bodywork status` lists its runs, `bodywork status -A` those of all namespaces",
        )
    if tick.waits_for:
        how = "never started" if tick.state == "failed" else "has not started"
        return RunNotFound(
            f"run {run} has not begun: its controller {how}: {tick.waits_for}", hint=tick.hint
        )
    return RunNotFound(
        f"run {run} is not on record; job {run} of cronjob {tick.cronjob} is there",
        hint=f"what its controller says: bodywork cronjob logs -n {place.namespace} --name={run}",
    )


def status_of(place: Place, run: str) -> "RunStatus":
    """Return a run's status, its controller included. Raises as `load_run`."""
    from bodywork.workflow.status import run_status

    return run_status(load_run(place, run), place.who_controls(run))


def list_statuses(
    place: Place, unreadable: Callable[[str], None] = lambda _: None
) -> Iterable["RunStatus"]:
    """Return the status of each readable run, newest first."""
    from bodywork.workflow.status import run_status

    found = [
        run_status(each, place.who_controls(each.id))
        for each in checkpoints(place.store, unreadable)
    ]
    return sorted(found, key=lambda each: each.created_at, reverse=True)


def all_places(place: Place) -> Iterator[Place]:
    """Yield the place of each namespace of the same engine, by name."""
    for namespace in place.administration.namespaces():
        yield place.beside(namespace)
