"""Bringing back what a failed or cancelled run changed, newest first, each verified.

The version to come back to was recorded before the change, so this works from the checkpoint
alone, in whichever process.
"""

from dataclasses import replace

from bodywork.errors import EngineError
from bodywork.model.names import StageName, service_name
from bodywork.model.run import Observation, Phase
from bodywork.model.stage import Service
from bodywork.workflow.context import LOG, Context
from bodywork.workflow.progress import Progress, Restoration

MINIMUM_BUDGET_SECONDS = 60.0
LOOK_SECONDS = 0.2


def to_restore(progress: Progress) -> list[StageName]:
    """Return the services that the failed run has still to restore, newest first."""
    changed = progress.changed_services()
    if progress.cancelled_by or progress.project.rollback_scope == "run":
        return changed
    culprit = progress.verdict.stage if progress.verdict else ""
    return [name for name in changed if name == culprit]


def restore_next(context: Context, progress: Progress) -> Progress:
    """Look once at the next service to restore; return the progress, changed when it is settled."""
    name = to_restore(progress)[0]
    stage = progress.stages[name]
    latest = stage.latest
    if latest is None:
        raise ValueError(f"{name} was never begun")
    attempt = progress.stage_run(name, latest.number)
    service = service_name(progress.project.project, name)
    if context.deadlines.get(service) is None:
        LOG.info("rolling back deployment=%s", service)
    try:
        seen = context.engine.restore_version(attempt, stage.previous)
    except EngineError as error:
        seen = Observation(Phase.FAILED, reason=error.message)
    if not _settled(seen) and context.left(service, _budget(progress, name)) <= 0:
        seen = Observation(Phase.FAILED, reason="the previous version did not come back in time")
    if not _settled(seen):
        return progress
    outcome = _outcome(seen)
    LOG.log(30 if outcome != "failed" else 40, "deployment=%s %s %s", service, outcome, seen.reason)
    done = replace(stage, restoration=outcome, restoration_reason=seen.reason)
    if latest.active:
        stopped = replace(
            latest, state="stopped", reason="rolled back", ended_at=context.clock.now()
        )
        done = done.with_latest(stopped)
    return progress.with_stage(name, done)


def wait(context: Context, progress: Progress) -> None:
    """Block until another look at the service that is being restored is worth it."""
    name = to_restore(progress)[0]
    number = len(progress.stages[name].attempts)
    context.engine.wait([progress.stage_run(name, number)], LOOK_SECONDS)


def unrestored(progress: Progress) -> list[StageName]:
    """Return the services that could not be brought back."""
    return [name for name, stage in progress.stages.items() if stage.restoration == "failed"]


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
