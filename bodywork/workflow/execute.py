"""The controller: begins runs, carries them to their end, cancels them, forgets old ones.

It joins the generic runner with the handlers of a run. Which engine, which store and who prints
are the composition root's business.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from bodywork.errors import BodyworkError
from bodywork.model.names import RunName, kubernetes_form
from bodywork.model.stage import Service
from bodywork.model.workflow import Workflow
from bodywork.ports import Engine
from bodywork.workflow import lifecycle
from bodywork.workflow.bounds import shorten
from bodywork.workflow.context import LOG, Context
from bodywork.workflow.handlers import handler_of
from bodywork.workflow.plan import Earlier
from bodywork.workflow.progress import Progress, Request
from bodywork.workflow.record import (
    check_request,
    load_records,
    parse_progress,
    render_progress,
    steps_in,
)
from statemachine.checkpoint import Checkpoint, Data
from statemachine.definition import Definition
from statemachine.errors import StateMachineError
from statemachine.hooks import Hooks
from statemachine.ownership import Holder, Ownership
from statemachine.retries import DEFAULT, RetryPolicy
from statemachine.runner import Runner
from statemachine.scheduling import THREADS, Scheduler
from statemachine.store import CheckpointStore, Stored

READABLE_LENGTH = 30
MOST_BY_BYTES = 200
"""Of the name of who cancels a run."""
HISTORY = 10


class Controller:
    """Works on runs of one namespace, one at a time, as one process among perhaps many.

    Every method may raise what the store raises: `CheckpointCorrupt`, `CheckpointNotFound`,
    `StoreFull`, `StoreUnavailable`.
    """

    def __init__(
        self,
        context: Context,
        store: CheckpointStore,
        ownership: Ownership,
        runner: Runner,
    ) -> None:
        self._context = context
        self._store = store
        self._ownership = ownership
        self._runner = runner
        self._fresh: dict[RunName, Stored] = {}
        self._carried: set[str] = set()
        context.checks.append(ownership.check)
        context.engine.heed(ownership.check, ownership.check_unless_recent)

    def begin(self, request: Request, name: str = "") -> RunName:
        """Put a new run on record, under that name if one is given; nothing is done for it yet.

        Raises:
            CheckpointExists: the name is taken.
            UsageError: the request is too long for a record.
        """
        run = RunName(name) if name else self._new_name(request.path or request.repository)
        check_request(first := Progress(run, request))
        stored = self._runner.create(run, render_progress(first))
        self._fresh[run] = stored
        return run

    def execute(
        self,
        run: RunName,
        *,
        take_over: bool = False,
        waiting: Callable[[Holder, float], None] = lambda holder, seconds: None,
    ) -> Checkpoint:
        """Carry the run on to its end, from wherever it stands.

        Args:
            run: its name.
            take_over: do not ask whether another controller is at work on it.
            waiting: told once which controller is waited for, and for how many seconds at most.

        Raises:
            OwnershipHeld: another controller is at work on it, and alive.
            Fenced: another controller took it over meanwhile; nothing more was changed.
            Interrupted: a signal came; the run is recorded, and its stages go on.
        """
        fresh = self._fresh.pop(run, None)
        if fresh is None:
            ended = self._store.load(run)
            if ended.checkpoint.state in lifecycle.TERMINAL and not ended.checkpoint.outbox:
                return ended.checkpoint
            limit = self._ownership.duration_seconds
            stored = self._ownership.acquire(
                run, take_over=take_over, waiting=lambda holder: waiting(holder, limit)
            )
            LOG.info("resuming run=%s in state=%s", run, stored.checkpoint.state)
            self._tell_project(stored.checkpoint)
        else:
            stored = self._ownership.hold(fresh)
        return self._carry_on(run, stored)

    def cancel(self, run: RunName, by: str) -> Checkpoint:
        """Record a person's decision to end the run, and end it: stop what runs, restore services.

        It takes the run over, also from a living controller, which then changes nothing more. A
        run that has ended stays as it is.
        """
        before = self._store.load(run).checkpoint
        if before.state in lifecycle.TERMINAL:
            return before
        stored = self._ownership.acquire(
            run, take_over=True, data_of=lambda current: _cancelled(current, by)
        )
        self._tell_project(stored.checkpoint)
        return self._carry_on(run, stored)

    def prune(self, keep: int = HISTORY) -> list[RunName]:
        """Forget the oldest ended runs of each project beyond `keep`, with all that they own.

        Two repositories with one project name are two projects. A run that this controller has
        carried stays: if this host's clock is behind, it may seem to be the oldest.
        """
        if len(self._store.list()) <= keep:
            return []
        ended: dict[tuple[str, str], list[Checkpoint]] = {}
        needed = set(self._carried)
        for each in self.checkpoints():
            progress = parse_progress(each.data)
            if each.state in lifecycle.TERMINAL:
                project = progress.workflow.project if progress.workflow else ""
                of = (progress.request.deployer.repository, project)
                ended.setdefault(of, []).append(each)
            else:
                needed.add(progress.request.continues)
        pruned = []
        for group in ended.values():
            group.sort(key=lambda each: each.created_at, reverse=True)
            pruned += [RunName(each.id) for each in group[keep:] if each.id not in needed]
        for run in pruned:
            self._context.engine.forget(run)
            self._store.delete(run)
        return pruned

    def prune_after_end(self, keep: int = HISTORY) -> None:
        """Forget old runs after a run has ended; a failure is only logged."""
        try:
            self.prune(keep)
        except (BodyworkError, StateMachineError) as error:
            LOG.warning("old runs could not be removed: %s", error.message)

    def checkpoints(self) -> Iterator[Checkpoint]:
        """Yield the readable checkpoints of the namespace."""
        for each in load_records(self._store):
            if isinstance(each, Checkpoint):
                yield each
            else:
                LOG.debug("%s", each)

    def _carry_on(self, run: RunName, stored: Stored) -> Checkpoint:
        self._carried.add(run)
        try:
            last = self._runner.run(stored)
        finally:
            self._context.checkouts.drop(run)
            self._ownership.release(run)
        _conclude(last)
        return last

    def _new_name(self, repository: str) -> RunName:
        """Return `repository-yyyymmdd-hhmmss-xxxx`, in Kubernetes' form."""
        last = repository.rstrip("/").rpartition("/")[2].rpartition(":")[2].removesuffix(".git")
        readable = "".join(each if each.isalnum() else "-" for each in kubernetes_form(last))
        stem = readable.encode("ascii", "ignore").decode()[:READABLE_LENGTH].strip("-") or "run"
        return RunName(f"{stem}-{self._context.clock.now():%Y%m%d-%H%M%S}-{os.urandom(2).hex()}")

    def _tell_project(self, checkpoint: Checkpoint) -> None:
        workflow = parse_progress(checkpoint.data).workflow
        if workflow:
            self._context.report.project_known(workflow)


def definition_of(data: Data) -> Definition:
    """Return the machine of the run whose checkpoint has this data."""
    steps = steps_in(data)
    if steps not in _DEFINITIONS:
        _DEFINITIONS[steps] = lifecycle.build_definition(steps)
    return _DEFINITIONS[steps]


_DEFINITIONS: dict[int, Definition] = {}


def build_runner(
    context: Context,
    store: CheckpointStore,
    *,
    software: str,
    hooks: Hooks | None = None,
    observer: Callable[[Checkpoint], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    retry: RetryPolicy | None = None,
    scheduler: Scheduler = THREADS,
) -> Runner:
    """Return the runner of runs, under a random name of its own as writer."""
    context = replace(context, records=store)

    def saved(checkpoint: Checkpoint) -> None:
        LOG.debug(
            "saved run=%s state=%s sequence=%d epoch=%d",
            checkpoint.id,
            checkpoint.state,
            checkpoint.sequence,
            checkpoint.epoch,
        )
        context.say_news()
        if observer:
            observer(checkpoint)

    return Runner(
        store,
        definition_of,
        handler_of(context),
        writer=os.urandom(8).hex(),
        software=software,
        hooks=hooks,
        clock=context.clock.now,
        stop=stop,
        observer=saved,
        retry=retry or DEFAULT,
        sleep=scheduler.sleep,
        monotonic=scheduler.monotonic,
    )


def earlier_run(
    store: CheckpointStore, engine: Engine
) -> Callable[[Request, Workflow], Earlier | None]:
    """Return the function that finds the run that a request continues, for the plan."""

    def find(request: Request, workflow: Workflow) -> Earlier | None:
        if not request.continues:
            return None
        progress = parse_progress(store.load(request.continues).checkpoint.data)
        if progress.workflow is None:
            return None
        live = {
            name: engine.live_version(workflow.project, name)
            for name, stage in workflow.stages.items()
            if isinstance(stage.kind, Service)
        }
        return Earlier(progress, live)

    return find


def _cancelled(checkpoint: Checkpoint, by: str) -> Data:
    progress = parse_progress(checkpoint.data)
    by = progress.cancelled_by or shorten(by, MOST_BY_BYTES)
    return render_progress(replace(progress, cancelled_by=by))


def _conclude(checkpoint: Checkpoint) -> None:
    progress = parse_progress(checkpoint.data)
    request = progress.request
    where = f"project={request.repository} on branch={request.reference}"
    if checkpoint.state == lifecycle.SUCCEEDED:
        LOG.info("successfully ran workflow for %s in namespace=%s", where, request.namespace)
    elif checkpoint.state == lifecycle.CANCELLED:
        LOG.info("workflow for %s was cancelled by %s", where, progress.cancelled_by)
    else:
        stage = progress.verdict.stage if progress.verdict else ""
        at_fault = f" because of stage={stage}" if stage else ""
        LOG.error("workflow for %s %s%s", where, checkpoint.state, at_fault)
