"""A stage for which the engine has no room now: it is waited for within the stage's own time."""

from dataclasses import replace

from bodywork.errors import BodyworkError, NoRoom
from bodywork.model.run import StageRun
from bodywork.model.stage import BATCH_START_SECONDS, Batch, Stage
from bodywork.workflow.context import Context
from bodywork.workflow.progress import Attempt

LOOK_SECONDS = 5.0


def wait_for_room(
    context: Context, stage: Stage, run: StageRun, attempt: Attempt, full: BodyworkError
) -> Attempt | None:
    """Return the attempt to start later, with what it waits for; None where it is refused for
    another reason, or its time is up."""
    what = f"room for {run.stage}, attempt {run.attempt}"
    if not isinstance(full, NoRoom) or attempt.state != "intended":
        return None
    if context.left(what, _limit(stage)) <= 0:
        return None
    context.warn_once(run, full.message, "is waiting: ")
    context.due[run] = context.clock.monotonic() + LOOK_SECONDS
    return replace(attempt, reason=full.message, hint=full.hint)


def _limit(stage: Stage) -> float:
    if isinstance(stage.kind, Batch):
        return float(stage.kind.max_completion_time_seconds + BATCH_START_SECONDS)
    return float(stage.kind.max_startup_time_seconds)
