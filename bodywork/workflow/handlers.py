"""What a controller does in each state: one function a state, each safe to run again.

A handler looks at the checkpoint, makes the outside agree with it, and answers with the next thing
to record. It is the same code after a crash as before.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from bodywork.errors import BodyworkError, UsageError
from bodywork.model.run import short_commit
from bodywork.workflow import attempts, blame, claims, lifecycle, rollback
from bodywork.workflow.context import LOG, Context
from bodywork.workflow.events import attempt_events, restored_events
from bodywork.workflow.missing_modules import find_modules
from bodywork.workflow.notes import describe_missing
from bodywork.workflow.plan import Code, Earlier, plan_stages
from bodywork.workflow.progress import Progress, Request, Verdict
from bodywork.workflow.record import parse_progress, render_progress
from bodywork.workflow.refusals import REFUSALS, attempt_call
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
    """Clone the repository, read the project, and plan."""
    request = progress.request
    if progress.cancelled_by:
        return _end(context, "cancel", progress)
    try:
        with ExitStack() as opened:
            checkout = opened.enter_context(
                context.source.checkout(
                    request.repository,
                    request.reference,
                    request.commit,
                    path=request.path,
                    say=context.report.say,
                )
            )
            if checkout.note:
                LOG.warning("%s", checkout.note)
            _log_continued(progress, checkout.commit)
            workflow = context.load_project(checkout)
            context.report.project_known(workflow)
            for line in describe_missing(checkout, workflow):
                LOG.warning("%s", line)
            earlier = context.earlier(request, workflow)
            code = Code.of(checkout)
            stages = plan_stages(workflow, earlier, request.from_stage, code)
            is_over = claims.RunsOver(context.records, checkpoint)
            claims.check_owners(context.engine, workflow, stages, request.deployer, is_over)
            modules = find_modules(checkout.project, workflow.stages)
            fixed = checkout.fixed or _was_fixed(request, earlier)
            context.checkouts.keep(progress.run, checkout, opened.pop_all())
    except (UsageError, *REFUSALS) as error:
        return _refuse(context, progress, error)
    known = replace(progress, commit=code.commit, workflow=workflow, stages=stages)
    known = replace(known, fixed=fixed, modules=modules, outline=code.outline)
    return Advance("clone", render_progress(known))


def on_cloned(context: Context, checkpoint: Checkpoint, progress: Progress) -> Outcome:
    """Give the source to the engine, and record what step 1 is going to start.

    A controller that resumes the run here has no checkout: the first attempt makes one.
    """
    if progress.cancelled_by:
        return _end(context, "cancel", progress)
    if progress.verdict:
        return _after_failure(context, progress) or _end(context, "fail", progress)
    if checkpoint.failed_hooks:
        return _give_up(context, blame.blame_hooks(context, checkpoint, progress))
    if context.checkouts.find(progress.run, progress.commit):
        try:
            attempts.publish(context, progress)
        except (UsageError, *REFUSALS) as error:
            return _give_up(context, blame.blame_error(context, progress, error))
    return _start(context, progress, 1)


def on_running(context: Context, checkpoint: Checkpoint, progress: Progress) -> Outcome:
    """Move the step's attempts on until all have ended, then say how the step went."""
    names = progress.project.steps[lifecycle.step_of(checkpoint.state) - 1]
    if progress.cancelled_by:
        return _give_up(context, attempts.stop(context, progress, names))
    if checkpoint.failed_hooks and not progress.verdict:
        blamed = blame.blame_hooks(context, checkpoint, progress)
        return _give_up(context, attempts.stop(context, blamed, names))
    if progress.verdict:
        return _after_failure(context, progress) or _end(context, "fail", progress)
    claimed = claims.take(context, checkpoint, progress, names)
    if claimed != progress:  # on record before anything is changed under the claim
        return Advance("note", render_progress(claimed), attempt_events(progress, claimed))
    after = attempts.reconcile(context, progress, names)
    running = attempts.active(after, names)
    spent = attempts.failed(after, names)
    if not running and not spent:
        return Advance("complete", render_progress(after), attempt_events(progress, after))
    if not running:
        blamed = blame.blame_stage(context, after, spent[0])
        return _give_up(context, blamed, attempt_events(progress, after))
    if after != progress:
        return Advance("note", render_progress(after), attempt_events(progress, after))
    return Wait(lambda: attempts.wait(context, attempts.begun(after, names)))


def on_done(context: Context, checkpoint: Checkpoint, progress: Progress) -> Outcome:
    """Go on with the next step, or finish."""
    if progress.cancelled_by:
        return _give_up(context, progress)
    if progress.verdict:
        return _after_failure(context, progress) or _end(context, "fail", progress)
    if checkpoint.failed_hooks:
        return _give_up(context, blame.blame_hooks(context, checkpoint, progress))
    step = lifecycle.step_of(checkpoint.state)
    if step < progress.steps:
        return _start(context, progress, step + 1)
    if still_open := attempts.unclosed(context, progress):
        return Wait(lambda: attempts.wait(context, still_open))
    return _finish(context, progress)


def on_rolling_back(context: Context, checkpoint: Checkpoint, progress: Progress) -> Outcome:
    """Restore one service after the other; then the failure stage; then say how it ended."""
    if rollback.to_restore(progress):
        after = rollback.restore_next(context, progress)
        if after == progress:
            return Wait(lambda: rollback.wait(context, progress))
        return Advance("note", render_progress(after), restored_events(progress, after))
    if progress.cancelled_by:
        return _end(context, "cancel", progress)
    trigger = "restored" if rollback.succeeded(progress) else "fail"
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
    """Return what the state's handler answers, or what becomes of the engine's refusal."""
    progress = parse_progress(checkpoint.data)
    context.news.clear()  # of a pass that came to nothing
    try:
        if context.refusals:
            raise context.refusals.pop()
        outcome = handle(context, checkpoint, progress)
    except REFUSALS as refusal:
        outcome = _refused(context, checkpoint, progress, refusal)
    return _guarded(context, outcome) if isinstance(outcome, Wait) else outcome


def _guarded(context: Context, wait: Wait) -> Wait:
    """Return the wait, with a refusal met in it kept for the next call of the handler."""

    def wake_up() -> None:
        try:
            wait.wake_up()
        except REFUSALS as refusal:
            context.refusals.append(refusal)

    return Wait(wake_up)


def _refused(
    context: Context, checkpoint: Checkpoint, progress: Progress, refusal: BodyworkError
) -> Advance:
    """Lead the run to an end where the engine refuses what belongs to no single stage."""
    if progress.workflow is None:
        return _refuse(context, progress, refusal)
    if checkpoint.state == lifecycle.ROLLING_BACK and rollback.to_restore(progress):
        after = rollback.give_up(context, progress, refusal)
        return Advance("note", render_progress(after), restored_events(progress, after))
    stopped = attempts.stop(context, progress, progress.stages)
    if progress.verdict or progress.cancelled_by:  # all that was left was the failure stage
        if stopped != progress:
            return Advance("note", render_progress(stopped), attempt_events(progress, stopped))
        return _end(context, "cancel" if progress.cancelled_by else "fail", progress)
    if checkpoint.state == lifecycle.done(progress.steps):
        LOG.warning("the run ends without a last look at its Jobs: %s", refusal.message)
        return _finish(context, progress)
    verdict = Verdict("engine", refusal.message, refusal.hint)
    return _give_up(
        context, blame.record_verdict(context, stopped, verdict), attempt_events(progress, stopped)
    )


def _finish(context: Context, progress: Progress) -> Advance:
    """End a run all of whose stages have succeeded; what cannot be tidied up stays.

    What a roll-back would come back to is kept: until the end is on record, a user may cancel.
    """
    for name, stage in progress.stages.items():
        if progress.stage(name).type == "service" and stage.latest:
            kept = (stage.previous.id,) if stage.previous else ()
            settle = partial(context.engine.settle, progress.latest_run(name), keep=kept)
            attempt_call(f"stage={name}: old versions could not be removed", settle, None)
    return _end(context, "finish", progress)


def _start(context: Context, progress: Progress, step: int) -> Advance:
    names = progress.project.steps[step - 1]
    LOG.info("attempting to execute DAG step=%s", [str(name) for name in names])
    for name in names:
        if progress.stages[name].action == "reuse":
            LOG.info("reusing stage=%s from run=%s", name, progress.stages[name].reused_from)
    intended = attempts.intend(context, progress, names)
    return Advance("start", render_progress(intended))


def _give_up(context: Context, progress: Progress, events: tuple[Event, ...] = ()) -> Advance:
    """Leave the normal way: by a roll-back where services have changed, else to the end.

    Why is put on record first, and acted upon then.
    """
    if rollback.to_restore(progress):
        return Advance(
            "roll-back", render_progress(progress), (*events, Event("rollback.started", {}))
        )
    if progress.cancelled_by:
        return _end(context, "cancel", progress, events)
    return Advance("note", render_progress(progress), events)


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
        return Advance("note", render_progress(after), attempt_events(progress, after))
    running = attempts.active(after, [name])
    return Wait(lambda: attempts.wait(context, running)) if running else None


def _end(
    context: Context, trigger: str, progress: Progress, events: tuple[Event, ...] = ()
) -> Advance:
    """End what still runs, drop what only a running run needs, and end the run.

    That the run only has to end is on record already: a controller that is overtaken here, and goes
    on late, removes nothing that its successor needs.
    """
    stopped = attempts.stop(context, progress, progress.stages)  # the failure stage's, cancelled
    release = partial(context.engine.release, progress.run, progress.commit)
    attempt_call("the run's source could not be removed", release, None)
    return Advance(trigger, render_progress(stopped), (*events, *attempt_events(progress, stopped)))


def _log_continued(progress: Progress, commit: str) -> None:
    request = progress.request
    if not request.continues:
        return
    same = commit == request.continued_commit
    code = f"{'the same' if same else 'now'} commit {short_commit(commit)}"
    of = "" if same or request.commit else f" of {request.reference}"
    LOG.info("continuing run %s as run %s: %s%s", request.continues, progress.run, code, of)


def _was_fixed(request: Request, earlier: Earlier | None) -> bool:
    """Say whether the run that is continued knew the same reference not to be a branch."""
    if earlier is None:
        return False
    return earlier.progress.fixed and earlier.progress.request.reference == request.reference


def _refuse(context: Context, progress: Progress, error: BodyworkError) -> Advance:
    """End a run that could not begin: nothing was made for it."""
    return Advance("fail", render_progress(blame.blame_error(context, progress, error)))
