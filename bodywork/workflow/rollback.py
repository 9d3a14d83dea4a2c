"""Bringing back what a failed or cancelled run changed, newest first, each verified.

The version to come back to was recorded before the change, so this works from the checkpoint
alone, in whichever process.
"""

import logging
from dataclasses import replace
from functools import partial

from bodywork.errors import BodyworkError
from bodywork.model.names import StageName, service_name
from bodywork.model.run import Claim, Observation, Phase, StageRun
from bodywork.model.stage import Service
from bodywork.workflow.context import LOG, Context
from bodywork.workflow.progress import Progress, Restoration, StageProgress
from bodywork.workflow.refusals import REFUSALS, attempt_call, failed_observation

MINIMUM_BUDGET_SECONDS = 60.0
LOOK_SECONDS = 2.0
"""Between two looks at a service of which the engine has heard nothing."""


def to_restore(progress: Progress) -> list[StageName]:
    """Return the services that the failed run has still to restore, newest first.

    Those whose new version was never accepted are among them, whichever stage is blamed: several
    may fail in one step, and none may stay half changed.
    """
    changed = progress.changed_services()
    if progress.cancelled_by or progress.project.rollback_scope == "run":
        return changed
    culprit = progress.verdict.stage if progress.verdict else ""
    return [name for name in changed if name == culprit or not progress.stages[name].succeeded]


def restore_next(context: Context, progress: Progress) -> Progress:
    """Look once at the next service to restore; return the progress, changed when it is settled."""
    name = to_restore(progress)[0]
    stage, attempt = progress.stages[name], progress.latest_run(name)
    service = service_name(progress.project.project, name)
    if service not in context.budgets and stage.claim:
        LOG.info("rolling back deployment=%s", service)
    try:
        seen = _restore(context, progress, attempt, stage.claim)
    except REFUSALS as refusal:
        seen = failed_observation(refusal)
    if not _settled(seen) and context.left(service, _budget(progress, name)) <= 0:
        late = "the previous version did not come back in time"
        reason = f"{late}: {seen.reason}" if seen.reason else late
        seen = Observation(Phase.FAILED, reason=reason, hint=seen.hint)
    return _record(context, progress, name, seen) if _settled(seen) else progress


def _restore(
    context: Context, progress: Progress, attempt: StageRun, claim: Claim | None
) -> Observation:
    if claim is not None:
        return context.engine.restore_version(attempt, claim)
    abandon = partial(context.engine.abandon_claim, attempt, progress.project.image)
    attempt_call(f"stage={attempt.stage}: its claim could not be given up", abandon, None)
    return Observation(Phase.READY, reason="it was not changed")


def give_up(context: Context, progress: Progress, refusal: BodyworkError) -> Progress:
    """Return the progress with the next service to restore recorded as one that cannot be."""
    return _record(context, progress, to_restore(progress)[0], failed_observation(refusal))


def wait(context: Context, progress: Progress) -> None:
    """Block until another look at the service that is being restored is worth it."""
    context.engine.wait([progress.latest_run(to_restore(progress)[0])], LOOK_SECONDS)


def succeeded(progress: Progress) -> bool:
    """Say whether something was restored, and nothing that had to be is left as it was."""
    outcomes = {stage.restoration for stage in progress.stages.values()}
    return "failed" not in outcomes and not outcomes.isdisjoint({"restored", "removed"})


def _record(context: Context, progress: Progress, name: StageName, seen: Observation) -> Progress:
    """Return the progress with the outcome of a service's roll-back, which is logged once saved."""
    service = service_name(progress.project.project, name)
    context.when_saved(lambda: _say_outcome(service, seen))
    return progress.with_stage(name, _restored(context, progress.stages[name], seen))


def _restored(context: Context, stage: StageProgress, seen: Observation) -> StageProgress:
    done = replace(
        stage,
        restoration=_outcome(seen),
        restoration_reason=seen.reason,
        restoration_hint=seen.hint,
    )
    if stage.latest is None or not stage.latest.active:
        return done
    now = context.clock.now()
    return done.with_latest(
        replace(stage.latest, state="stopped", reason="rolled back", hint="", ended_at=now)
    )


def _say_outcome(service: str, seen: Observation) -> None:
    outcome = _outcome(seen)
    words = {"left": "left alone", "failed": "could not be restored"}.get(outcome, outcome)
    why = f": {seen.reason}" if seen.reason else ""
    if not why and seen.hint:  # it is done, and something has to be said of it
        why = f": {seen.hint}"
    level = logging.ERROR if outcome == "failed" else logging.WARNING
    LOG.log(level, "deployment=%s %s%s", service, words, why)


def _settled(seen: Observation) -> bool:
    return seen.phase in (Phase.READY, Phase.ABSENT, Phase.FAILED)


def _outcome(seen: Observation) -> Restoration:
    if seen.phase is Phase.FAILED:
        return "failed"
    if seen.phase is Phase.ABSENT:
        return "removed"
    return "left" if seen.reason else "restored"


def _budget(progress: Progress, name: StageName) -> float:
    kind = progress.stage(name).kind
    limit = kind.max_startup_time_seconds if isinstance(kind, Service) else 0
    return max(MINIMUM_BUDGET_SECONDS, float(limit))
