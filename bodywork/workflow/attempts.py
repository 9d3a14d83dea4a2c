"""Moves the attempts of some stages on: start what was recorded, look, record what was seen.

One look at the outside a call; nothing is saved here. An attempt is only ever started after its
intention was saved, and the save is the caller's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bodywork.errors import (
    BodyworkError,
    EngineError,
    EngineUnavailable,
    SourceError,
    SourceLost,
    UsageError,
)
from bodywork.model.names import StageName, service_name
from bodywork.model.run import LogLine, Observation, Phase, StageRun
from bodywork.model.stage import Batch, Service, Stage
from bodywork.workflow import queue
from bodywork.workflow.context import LOG, Context
from bodywork.workflow.missing_modules import missing_module_hint
from bodywork.workflow.progress import Attempt, Progress, record
from bodywork.workflow.record import as_recorded
from bodywork.workflow.refusals import REFUSALS, attempt_call, failed_observation
from bodywork.workflow.room import wait_for_room

MOST_CHANGES = 50
"""How many attempts of a step change in one save."""
NOT_ENDED = "it could not be ended"
"""How the reason of an attempt begins that the engine refused to stop: it may still run."""


def intend(context: Context, progress: Progress, names: Iterable[StageName]) -> Progress:
    """Add a first attempt for each stage that has to run."""
    for name in names:
        stage = progress.stages[name]
        if stage.action == "reuse" or stage.attempts:
            continue
        progress = progress.with_stage(name, replace(stage, attempts=(Attempt(1),)))
        context.begun_here.add(progress.stage_run(name, 1))
    return progress


def refuse(
    context: Context, progress: Progress, name: StageName, refusal: BodyworkError
) -> Progress:
    """Record an attempt that failed before anything was started for it."""
    stage = progress.stages[name]
    latest = stage.latest or Attempt(1)
    failed_one = record(replace(latest, reason="", hint=""), failed_observation(refusal))
    attempt = replace(failed_one, ended_at=context.clock.now())
    run = progress.stage_run(name, latest.number)
    context.when_saved(lambda: _say_failed(context, attempt, run))
    return progress.with_stage(name, replace(stage, waits_for="").with_latest(attempt))


def reconcile(context: Context, progress: Progress, names: Sequence[StageName]) -> Progress:
    """Start the intended attempts of these stages, look at the active ones, retry what failed.

    After some changes it stops looking: they are saved first, since each is an event for hooks, and
    all events of one save have to fit into one record.
    """
    given, changes, is_full = progress, 0, False
    for name in names:
        if changes >= MOST_CHANGES:
            break
        attempt = progress.stages[name].latest
        if (
            attempt
            and attempt.active
            and not _is_unclaimed(progress, name)
            and _is_due(context, progress.stage_run(name, attempt.number))
        ):
            if attempt.state == "intended":
                is_full = is_full or not queue.has_room(
                    context, progress, names, progress.stage(name)
                )
                if is_full:
                    progress = queue.enqueue(context, progress, name)
                    continue
            before = progress.stages[name]
            progress = _look(context, progress, name, attempt)
            changes += progress.stages[name] != before
    doomed = any(_is_spent(progress, name) for name in names)
    for name in names:
        if not doomed and _wants_retry(progress, name):
            progress = _retry(context, progress, name)
    return progress if progress == given else as_recorded(progress)


def active(progress: Progress, names: Iterable[StageName]) -> list[StageRun]:
    """Return the attempts of these stages that may still run."""
    return [
        progress.latest_run(name)
        for name in names
        if (latest := progress.stages[name].latest) and latest.active
    ]


def begun(progress: Progress, names: Iterable[StageName]) -> list[StageRun]:
    """Return those of the active attempts that do not only wait for others."""
    return [
        progress.latest_run(name)
        for name in names
        if (latest := progress.stages[name].latest)
        and latest.active
        and not queue.is_waiting(latest)
    ]


def failed(progress: Progress, names: Iterable[StageName]) -> list[StageName]:
    """Return the stages that failed and get no further try."""
    return [name for name in names if _is_spent(progress, name)]


def unclosed(context: Context, progress: Progress) -> list[StageRun]:
    """Return the batch attempts that ended well and that the engine may still change."""
    ended = [
        progress.latest_run(name)
        for name, stage in progress.stages.items()
        if stage.latest and progress.stage(name).type == "batch"
    ]
    return [each for each in ended if not _is_closed(context, each)]


def _is_closed(context: Context, attempt: StageRun) -> bool:
    what = f"stage={attempt.stage}: whether its Job is complete cannot be seen"
    return attempt_call(what, lambda: context.engine.is_closed(attempt), otherwise=True)


def wait(context: Context, attempts: Sequence[StageRun], limit: float | None = None) -> None:
    """Block until something may have changed: an attempt, or a paced one is due."""
    now = context.clock.monotonic()
    waits = [context.due[each] - now for each in attempts if each in context.due]
    waits = [each for each in waits if each > 0] + ([limit] if limit is not None else [])
    started = [each for each in attempts if _is_due(context, each)]
    context.engine.wait(started, max(0.0, min(waits)) if waits else None)


def stop(context: Context, progress: Progress, names: Iterable[StageName]) -> Progress:
    """End every active batch attempt of these stages and record it as stopped."""
    for name in names:
        stage = progress.stages[name]
        latest = stage.latest
        if latest and latest.active:
            stopped = replace(
                latest, state="stopped", reason="stopped", hint="", ended_at=context.clock.now()
            )
            try:
                if isinstance(progress.stage(name).kind, Batch):
                    context.engine.stop_job(progress.latest_run(name))
            except REFUSALS as refusal:
                reason = f"{NOT_ENDED}: {refusal.message}"
                stopped = replace(stopped, state="lost", reason=reason, hint=refusal.hint)
                LOG.warning("stage=%s %s", name, reason)
            progress = progress.with_stage(name, stage.with_latest(stopped))
    return progress


def ensure(context: Context, progress: Progress, attempt: StageRun) -> str:
    """Start the attempt, publishing the run's source first if the engine does not have it."""
    try:
        return _ensure(context, progress, attempt)
    except SourceLost:
        LOG.warning("the run's source is not there; cloning commit=%s again", progress.commit)
        _publish_again(context, progress)
        return _ensure(context, progress, attempt)


def publish(context: Context, progress: Progress) -> None:
    """Give the engine the source of the commit on record; called only once that is recorded.

    Whoever calls this, and however late, gives the same files: never those that the reference
    points to by now.
    """
    checkout = context.checkouts.find(progress.run, progress.commit)
    if checkout is not None:
        context.engine.publish_source(progress.run, checkout)
        context.checkouts.drop(progress.run)
        return
    request = progress.request
    with context.source.checkout(
        request.repository,
        request.reference,
        progress.commit,
        path=request.path,
        say=context.report.say,
    ) as fresh:
        context.engine.publish_source(progress.run, fresh)


def _publish_again(context: Context, progress: Progress) -> None:
    """Publish; a repository that cannot be read fails the attempt, unless it may be read later."""
    try:
        publish(context, progress)
    except UsageError as error:
        later = isinstance(error, SourceError) and error.temporary
        kind = EngineUnavailable if later else EngineError
        raise kind(error.message, hint=error.hint) from error


def _ensure(context: Context, progress: Progress, attempt: StageRun) -> str:
    stage = progress.stage(attempt.stage)
    arguments = (attempt, stage, progress.commit, progress.project.image)
    if isinstance(stage.kind, Batch):
        return context.engine.ensure_job(*arguments)
    return context.engine.ensure_version(*arguments)


def _look(context: Context, progress: Progress, name: StageName, attempt: Attempt) -> Progress:
    stage, stage_run = progress.stage(name), progress.stage_run(name, attempt.number)
    try:
        if attempt.state == "intended":
            uid = _begin(context, progress, attempt, stage_run)
            attempt = replace(attempt, uid=uid, state="started", started_at=context.clock.now())
        seen = _observe(context, stage, stage_run)
        if seen.phase is Phase.READY and seen.uid == attempt.uid:
            context.engine.accept_version(stage_run)
    except REFUSALS as refusal:
        if later := wait_for_room(context, stage, stage_run, attempt, refusal):
            return progress.with_stage(name, progress.stages[name].with_latest(later))
        seen = _end_refused(context, stage, stage_run, attempt, refusal)
    after = _hinted(progress, name, record(attempt, seen))
    if after.active:
        _follow(context, progress, stage_run, seen)
    if after.state == "succeeded" and after.ended_at is None:
        after = replace(after, ended_at=context.clock.now())  # a service goes on: deployed by now
    if after.state == "lost" and stage_run not in context.begun_here:
        after = replace(after, free=True)
    if not after.active:
        context.when_saved(lambda: _conclude(context, progress, after, stage_run))
    return progress.with_stage(name, progress.stages[name].with_latest(after))


def _end_refused(
    context: Context, stage: Stage, run: StageRun, attempt: Attempt, refusal: BodyworkError
) -> Observation:
    """Return a failure; an attempt that runs has only failed once it has been ended by us."""
    seen = failed_observation(refusal, attempt.uid)
    if attempt.state != "started" or not isinstance(stage.kind, Batch):
        return seen
    try:
        context.engine.stop_job(run)
    except REFUSALS as also:
        reason = f"{refusal.message}; {NOT_ENDED}: {also.message}"
        return replace(seen, phase=Phase.LOST, reason=reason, hint=refusal.hint or also.hint)
    return seen


def _begin(context: Context, progress: Progress, attempt: Attempt, stage_run: StageRun) -> str:
    """Start the attempt; where it was paced, another controller may have come meanwhile: ask."""
    if stage_run in context.due:
        context.require_ownership()
    _announce(progress, progress.stage(stage_run.stage), attempt)
    return ensure(context, progress, stage_run)


def _follow(context: Context, progress: Progress, attempt: StageRun, seen: Observation) -> None:
    """Let people see the attempt's log while it is written, and what keeps it from starting."""
    if seen.reason:
        context.warn_once(attempt, seen.reason, "is waiting: ")
    if attempt not in context.followed:
        context.followed.add(attempt)
        step = next((step for step in progress.project.steps if attempt.stage in step), ())
        alone = len(step) <= 1
        context.report.stage_started(
            attempt,
            progress.stage(attempt.stage),
            alone,
            lambda: context.engine.read_log(attempt, follow=True),
        )


def _observe(context: Context, stage: Stage, attempt: StageRun) -> Observation:
    if isinstance(stage.kind, Batch):
        return context.engine.observe_job(attempt)
    return context.engine.observe_version(attempt)


def _hinted(progress: Progress, name: StageName, attempt: Attempt) -> Attempt:
    if attempt.state != "failed" or attempt.hint:
        return attempt
    return replace(attempt, hint=missing_module_hint(attempt.tail, name, progress.modules))


def _announce(progress: Progress, stage: Stage, attempt: Attempt) -> None:
    if attempt.reason and not queue.is_waiting(attempt):
        return  # it was announced, and had to wait
    what = "job" if isinstance(stage.kind, Batch) else "deployment"
    again = f" (attempt {attempt.number})" if attempt.number > 1 else ""
    name = service_name(progress.project.project, stage.name)
    LOG.info("creating %s=%s in namespace=%s%s", what, name, progress.request.namespace, again)


def _conclude(context: Context, progress: Progress, attempt: Attempt, run: StageRun) -> None:
    name = service_name(progress.project.project, run.stage)
    context.report.stage_ended(run, _log_of(context, run))
    if attempt.state == "succeeded":
        LOG.info("completed stage=%s (%s, attempt %d)", run.stage, name, run.attempt)
        if attempt.reason:
            LOG.warning("stage=%s: %s", run.stage, attempt.reason)
    else:
        _say_failed(context, attempt, run)


def _say_failed(context: Context, attempt: Attempt, run: StageRun) -> None:
    """Write the one log record with the reason of an attempt's failure."""
    why = f": {attempt.reason}" if attempt.reason else ""
    if (run, attempt.reason) in context.told:
        why = " for the reason given above"
    LOG.error("stage=%s attempt %d %s%s", run.stage, run.attempt, attempt.state, why)


def _log_of(context: Context, attempt: StageRun) -> Iterator[LogLine]:
    """Yield the attempt's log as far as it can be read: no run depends on that."""
    try:
        yield from context.engine.read_log(attempt)
    except BodyworkError as error:
        LOG.warning("stage=%s: its log cannot be read: %s", attempt.stage, error.message)


def _is_unclaimed(progress: Progress, name: StageName) -> bool:
    """Whether the stage is a service that the run must not change yet: see `claims`."""
    service = isinstance(progress.stage(name).kind, Service)
    return service and progress.stages[name].claim is None


def _is_due(context: Context, attempt: StageRun) -> bool:
    return context.due.get(attempt, 0.0) <= context.clock.monotonic()


def _wants_retry(progress: Progress, name: StageName) -> bool:
    latest = progress.stages[name].latest
    return (
        latest is not None and latest.state in ("failed", "lost") and not _is_spent(progress, name)
    )


def _is_spent(progress: Progress, name: StageName) -> bool:
    """Whether the stage failed and has no try left; one lost before we came costs no try."""
    stage, kind = progress.stages[name], progress.stage(name).kind
    latest = stage.latest
    if latest is None or latest.state not in ("failed", "lost"):
        return False
    allowed = 1 + (kind.retries if isinstance(kind, Batch) else 0)
    return latest.final or (stage.tries >= allowed)


def _retry(context: Context, progress: Progress, name: StageName) -> Progress:
    stage = progress.stages[name]
    number = stage.latest.number + 1 if stage.latest else 1
    seconds, run = context.pause(number), progress.stage_run(name, number)
    context.begun_here.add(run)
    context.due[run] = context.clock.monotonic() + seconds
    context.when_saved(
        lambda: LOG.warning("stage=%s: attempt %d begins in %.1f s", name, number, seconds)
    )
    return progress.with_stage(name, replace(stage, attempts=(*stage.attempts, Attempt(number))))
