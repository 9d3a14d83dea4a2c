"""How many stages of a step run at once: as many as the machine's cores, and the user, allow.

A stage that has to wait keeps its place: no later one of its step begins before it. One that asks
for more than there is runs alone, so each comes to its turn. What has ended, and a service that was
accepted, holds nothing.
"""

from collections.abc import Iterable
from dataclasses import replace

from bodywork.model.names import StageName
from bodywork.model.stage import Stage
from bodywork.workflow.context import LOG, Context
from bodywork.workflow.progress import Attempt, Progress

DEFAULT_CORES = 1.0
"""What a stage is counted with that has no CPU_REQUEST."""
WAITS = "other stages of its step have to end first"


def has_room(
    context: Context, progress: Progress, names: Iterable[StageName], stage: Stage
) -> bool:
    """Say whether an attempt of the stage may begin beside what has begun of its step."""
    begun = [progress.stage(name) for name in names if _has_begun(progress.stages[name].latest)]
    if not begun:
        return True
    if context.max_parallel and len(begun) >= context.max_parallel:
        return False
    cores = context.engine.cores()
    return cores is None or sum(map(_cores_of, [*begun, stage])) <= cores


def enqueue(context: Context, progress: Progress, name: StageName) -> Progress:
    """Return the run with the stage's attempt on record as one that waits."""
    stage = progress.stages[name]
    latest = stage.latest
    if latest is None or latest.reason == WAITS:
        return progress
    context.when_saved(lambda: LOG.info("stage=%s is waiting: %s", name, WAITS))
    return progress.with_stage(name, stage.with_latest(replace(latest, reason=WAITS, hint="")))


def is_waiting(attempt: Attempt) -> bool:
    """Say whether nothing was begun for the attempt, because others have to end first."""
    return attempt.state == "intended" and attempt.reason == WAITS


def _has_begun(attempt: Attempt | None) -> bool:
    return attempt is not None and attempt.state == "started"


def _cores_of(stage: Stage) -> float:
    return stage.cpu_request or DEFAULT_CORES
