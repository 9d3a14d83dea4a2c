"""What a controller does in each state: one function a state, each safe to run again.

A handler looks at the checkpoint, makes the outside agree with it, and answers with the next thing
to record. It is the same code after a crash as before.
"""

from collections.abc import Callable
from dataclasses import replace

from bodywork.errors import ConfigError, EngineError, Problem, SourceError, UsageError
from bodywork.model.names import StageName
from bodywork.workflow import attempts, lifecycle, rollback
from bodywork.workflow.context import LOG, Context
from bodywork.workflow.plan import plan_stages
from bodywork.workflow.progress import Fault, Progress, Verdict
from bodywork.workflow.record import parse_progress, render_progress
from statemachine.checkpoint import Checkpoint
from statemachine.outcome import Advance, Event, Wait

Outcome = Advance | Wait
Handler = Callable[[Checkpoint], Outcome]


def handler_of(context: Context) -> Callable[[str], Handler]:
    """Return the function that finds a state's handler."""

    def find(state: str) -> Handler:
        handle = _HANDLERS.get(state) or (on_running if state.endswith("running") else on_done)
        return lambda checkpoint: _handle(context, handle, checkpoint)

    return find


def on_created(context: Context, checkpoint: Checkpoint, progress: Progress) -> Outcome:
    """Clone the repository, read the project, plan, and give the source to the engine."""
    request = progress.request
    if progress.cancelled_by:
        return _end(context, "cancel", progress)
    try:
        with context.source.checkout(
            request.repository, request.reference, request.commit, say=context.report.say
        ) as checkout:
            workflow = context.load_project(checkout)
            context.report.project_known(workflow)
            earlier = context.earlier(request, workflow)
            stages = plan_stages(workflow, earlier, request.from_stage)
            context.engine.publish_source(progress.run, checkout)
            commit = checkout.commit
    except (UsageError, EngineError) as error:
        return _refuse(context, progress, error)
    known = replace(progress, commit=commit, workflow=workflow, stages=stages)
    return Advance("clone", render_progress(known))


def on_cloned(context: Context, checkpoint: Checkpoint, progress: Progress) -> Outcome:
    """Record what step 1 is going to start."""
    if progress.cancelled_by:
        return _end(context, "cancel", progress)
    if checkpoint.failed_hooks:
        return _end(context, "fail", _blame_hook(checkpoint, progress))
    return _start(context, progress, 1)


def on_running(context: Context, checkpoint: Checkpoint, progress: Progress) -> Outcome:
    """Move the step's attempts on until all have ended, then say how the step went."""
    names = progress.project.steps[lifecycle.step_of(checkpoint.state) - 1]
    if progress.cancelled_by:
        return _give_up(context, attempts.stop(context, progress, names))
    if checkpoint.failed_hooks and not progress.verdict:
        blamed = _blame_hook(checkpoint, progress)
        return _give_up(context, attempts.stop(context, blamed, names))
    if progress.verdict:
        return _after_failure(context, progress) or _end(context, "fail", progress)
    after = attempts.reconcile(context, progress, names)
    running = attempts.active(after, names)
    spent = attempts.failed(after, names)
    if not running and not spent:
        return Advance("complete", render_progress(after), _events(progress, after))
    if not running:
        return _give_up(context, _blame_stage(after, spent[0]), _events(progress, after))
    if after != progress:
        return Advance("note", render_progress(after), _events(progress, after))
    return Wait(lambda: attempts.wait(context, running))


def on_done(context: Context, checkpoint: Checkpoint, progress: Progress) -> Outcome:
    """Go on with the next step, or finish."""
    if progress.cancelled_by:
        return _give_up(context, progress)
    if checkpoint.failed_hooks:
        return _give_up(context, _blame_hook(checkpoint, progress))
    step = lifecycle.step_of(checkpoint.state)
    if step < progress.steps:
        return _start(context, progress, step + 1)
    if still_open := attempts.unclosed(context, progress):
        return Wait(lambda: attempts.wait(context, still_open))
    for name, stage in progress.stages.items():
        if progress.stage(name).type == "service" and stage.attempts:
            context.engine.settle(progress.project.project, name, keep=())
    return _end(context, "finish", progress)


def on_rolling_back(context: Context, checkpoint: Checkpoint, progress: Progress) -> Outcome:
    """Restore one service after the other; then the failure stage; then say how it ended."""
    if rollback.to_restore(progress):
        after = rollback.restore_next(context, progress)
        if after == progress:
            return Wait(lambda: rollback.wait(context, progress))
        return Advance("note", render_progress(after), _restored(progress, after))
    if progress.cancelled_by:
        return _end(context, "cancel", progress)
    trigger = "fail" if rollback.unrestored(progress) else "restored"
    return _after_failure(context, progress) or _end(context, trigger, progress)


_HANDLERS = {
    lifecycle.CREATED: on_created,
    lifecycle.CLONED: on_cloned,
    lifecycle.ROLLING_BACK: on_rolling_back,
}


def _handle(
    context: Context,
    handle: Callable[[Context, Checkpoint, Progress], Outcome],
    checkpoint: Checkpoint,
) -> Outcome:
    return handle(context, checkpoint, parse_progress(checkpoint.data))


def _start(context: Context, progress: Progress, step: int) -> Advance:
    names = progress.project.steps[step - 1]
    LOG.info("attempting to execute DAG step=%s", [str(name) for name in names])
    for name in names:
        if progress.stages[name].action == "reuse":
            LOG.info("reusing stage=%s from run=%s", name, progress.stages[name].reused_from)
    return Advance("start", render_progress(attempts.intend(context, progress, names)))


def _give_up(context: Context, progress: Progress, events: tuple[Event, ...] = ()) -> Outcome:
    """Leave the normal way: by a roll-back where services have changed, else to the end."""
    if rollback.to_restore(progress):
        return Advance(
            "roll-back", render_progress(progress), (*events, _event("rollback.started"))
        )
    if progress.cancelled_by:
        return _end(context, "cancel", progress, events)
    if progress.project.run_on_failure:
        return Advance("note", render_progress(progress), events)
    return _end(context, "fail", progress, events)


def _after_failure(context: Context, progress: Progress) -> Outcome | None:
    """Run the RUN_ON_FAILURE stage; None when there is none or it has ended."""
    name = progress.project.run_on_failure
    if not name:
        return None
    if not progress.stages[name].attempts:
        LOG.info("running stage=%s because the run failed", name)
        return Advance("note", render_progress(attempts.intend(context, progress, [name])))
    after = attempts.reconcile(context, progress, [name])
    if after != progress:
        return Advance("note", render_progress(after), _events(progress, after))
    running = attempts.active(after, [name])
    return Wait(lambda: attempts.wait(context, running)) if running else None


def _end(
    context: Context, trigger: str, progress: Progress, events: tuple[Event, ...] = ()
) -> Advance:
    """Drop what only a running run needs, and end it."""
    context.engine.release(progress.run)
    return Advance(trigger, render_progress(progress), events)


def _refuse(context: Context, progress: Progress, error: UsageError | EngineError) -> Advance:
    faults: list[tuple[type[Exception], Fault]] = [
        (SourceError, "source"),
        (UsageError, "config"),
        (EngineError, "engine"),
    ]
    fault = next(fault for kind, fault in faults if isinstance(error, kind))
    if isinstance(error, ConfigError):
        for problem in error.problems:
            LOG.log(30 if problem.warning else 40, "%s", describe(problem))
    verdict = Verdict(fault, error.message, error.hint)
    return _end(context, "fail", replace(progress, verdict=verdict))


def describe(problem: Problem) -> str:
    """Return a problem as one line: where, what, and what to do."""
    line = f":{problem.line}" if problem.line else ""
    section = f" [{problem.section}]" if problem.section else ""
    key = f" {problem.key}" if problem.key else ""
    where = f"{section}{key}:" if section or key else ""
    hint = f" (hint: {problem.hint})" if problem.hint else ""
    return f"{problem.file}{line}:{where} {problem.message}{hint}"


def _blame_stage(progress: Progress, name: StageName) -> Progress:
    latest = progress.stages[name].latest
    if latest is None:
        raise ValueError(f"{name} has no attempt to blame")
    verdict = Verdict(
        "stage",
        f"{latest.state}: {latest.reason}" if latest.state == "lost" else latest.reason,
        stage=name,
        attempt=latest.number,
        exit_code=latest.exit_code,
        tail=latest.tail,
    )
    LOG.error("stage=%s failed: %s", name, verdict.reason)
    return replace(progress, verdict=verdict)


def _blame_hook(checkpoint: Checkpoint, progress: Progress) -> Progress:
    names = ", ".join(checkpoint.failed_hooks)
    return replace(progress, verdict=Verdict("hook", f"the required hook {names} failed"))


def _event(topic: str, **data: str | int | None) -> Event:
    return Event(topic, data)


def _events(before: Progress, after: Progress) -> tuple[Event, ...]:
    """Say what hooks may want to hear of the attempts that changed."""
    events = []
    for name, stage in after.stages.items():
        known = len(before.stages[name].attempts)
        for attempt in stage.attempts:
            then = before.stages[name].attempts[attempt.number - 1 : attempt.number]
            state = then[0].state if then else "intended"
            data: dict[str, str | int | None] = {"stage": name, "attempt": attempt.number}
            data["reason"] = attempt.reason
            if attempt.number > known:
                events.append(_event("stage.retry", **data))
            if state == "intended" and attempt.state != "intended":
                events.append(_event("stage.started", **data))
            if not attempt.active and (not then or then[0].active):
                code = attempt.exit_code
                events.append(_event(f"stage.{attempt.state}", **data, exit_code=code))
    return tuple(events)


def _restored(before: Progress, after: Progress) -> tuple[Event, ...]:
    return tuple(
        _event("rollback.service", stage=name, outcome=stage.restoration)
        for name, stage in after.stages.items()
        if stage.restoration != before.stages[name].restoration
    )
