"""Claims on services: a run changes a service only once its claim on it is on its own record.

A claim lasts until its run has ended on record: a later step may fail, and then the run rolls the
service back. So nothing has to be released, and a crash cannot leave a claim that lasts for ever.
A run that meets the claim of another unfinished run waits for its end, within a limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from bodywork.errors import BodyworkError, EngineError
from bodywork.model.names import RunName, StageName, service_name
from bodywork.model.repository import Deployer, check_owner
from bodywork.model.run import Claim, HeldBy
from bodywork.model.stage import Service
from bodywork.model.workflow import Workflow
from bodywork.ports import Engine, IsOver
from bodywork.workflow import attempts, lifecycle
from bodywork.workflow.context import Context
from bodywork.workflow.progress import Progress, StageProgress
from bodywork.workflow.refusals import REFUSALS, attempt_call
from bodywork.workflow.room import wait_for_room
from statemachine.checkpoint import Checkpoint
from statemachine.errors import CheckpointCorrupt, CheckpointNotFound, Fenced
from statemachine.store import CheckpointStore

CLAIM_LOOK_SECONDS = 1.0
"""How often it is looked whether the run that has the claim has ended."""
CLAIM_WAIT_SECONDS = 1800.0
"""How long a controller waits for a claim before the stage fails."""


def take(
    context: Context, checkpoint: Checkpoint, progress: Progress, names: Sequence[StageName]
) -> Progress:
    """Take the claims on the step's services, for as long as none is held by another run.

    They are taken in the order of their names, the next one only once there is the one before:
    two runs of one step cannot wait for each other.
    """
    wanted = sorted(name for name in names if _is_wanted(progress, name))
    for position, name in enumerate(wanted):
        attempt = progress.latest_run(name)
        if context.due.get(attempt, 0.0) > context.clock.monotonic():
            return progress
        try:
            is_over = RunsOver(context.records, checkpoint)
            image, deployer = progress.project.image, progress.request.deployer
            answer = context.engine.claim_service(attempt, image, deployer, is_over)
        except REFUSALS as refusal:
            if later := _wait_for_room(context, progress, name, refusal):
                return later
            progress = attempts.refuse(context, progress, name, refusal)
            left = replace(progress.stages[name], restoration="left")  # nothing was changed
            progress = progress.with_stage(name, left)
            continue
        if isinstance(answer, HeldBy):
            return _wait_for(context, progress, wanted[position:], answer)
        progress = _with_claim(progress, name, answer)
    return progress


def _wait_for_room(
    context: Context, progress: Progress, name: StageName, refusal: BodyworkError
) -> Progress | None:
    """Return the progress of a stage that has to wait for a quota; None where it need not."""
    stage, run = progress.stages[name], progress.latest_run(name)
    later = stage.latest and wait_for_room(
        context, progress.stage(name), run, stage.latest, refusal
    )
    return progress.with_stage(name, stage.with_latest(later)) if later else None


def _is_wanted(progress: Progress, name: StageName) -> bool:
    stage = progress.stages[name]
    unclaimed = isinstance(progress.stage(name).kind, Service) and stage.claim is None
    return unclaimed and stage.latest is not None and stage.latest.active


def _with_claim(progress: Progress, name: StageName, claim: Claim) -> Progress:
    stage = replace(progress.stages[name], claim=claim, waits_for="")
    latest = stage.latest
    if latest:
        stage = stage.with_latest(replace(latest, reason="", hint=""))
    return progress.with_stage(name, stage)


def _wait_for(
    context: Context, progress: Progress, waiting: Sequence[StageName], held: HeldBy
) -> Progress:
    """Return the progress of stages that wait for another run, the first of them for its claim."""
    due = context.clock.monotonic() + CLAIM_LOOK_SECONDS
    context.due.update({progress.latest_run(name): due for name in waiting})
    name = waiting[0]
    service = service_name(progress.project.project, name)
    hint = (
        f"`bodywork cancel {held.run}` ends that run, "
        f"`bodywork workflow --resume --run {held.run}` carries it on"
    )
    if context.left(f"claim on {service}", CLAIM_WAIT_SECONDS) <= 0:
        minutes = round(CLAIM_WAIT_SECONDS / 60)
        reason = f"run {held.run} has held {service} for {minutes} minutes"
        return attempts.refuse(context, progress, name, EngineError(reason, hint=hint))
    reason = f"waits for run {held.run}, which holds {service}"
    context.warn_once(progress.latest_run(name), reason)
    stage = progress.stages[name]
    latest = stage.latest
    if latest is None or stage.waits_for == held.run:
        return progress
    waits = replace(stage, waits_for=held.run)
    return progress.with_stage(name, waits.with_latest(replace(latest, reason=reason, hint=hint)))


def check_owners(
    engine: Engine,
    workflow: Workflow,
    stages: Mapping[StageName, StageProgress],
    deployer: Deployer,
    is_over: IsOver,
) -> None:
    """Refuse a plan that would deploy a service of another repository, before any of it is done.

    The claim decides: what belongs to none now may to another repository by then.

    Raises:
        OtherRepository: as `check_owner`.
    """
    for name in (name for step in workflow.steps for name in step):
        if isinstance(workflow.stages[name].kind, Service) and stages[name].action == "run":
            service = service_name(workflow.project, name)
            ask = partial(engine.owner_of_service, workflow.project, name, is_over)
            owner = attempt_call(f"whose service {service} is cannot be seen", ask, "")
            check_owner(service, owner, deployer)


class RunsOver:
    """Says whether a run has ended; refuses to go on where the own run has another controller."""

    def __init__(self, records: CheckpointStore | None, own: Checkpoint | None = None) -> None:
        self._records = records
        self._own = own

    def __call__(self, run: RunName) -> bool:
        """See `bodywork.ports.IsOver`."""
        if self._records is None:
            return False
        if self._own and run == self._own.id:
            current = self._records.load(run).checkpoint
            if current.epoch != self._own.epoch:
                raise Fenced(f"another controller has taken run {run} over")
            return current.state in lifecycle.TERMINAL
        try:
            return self._records.load(run).checkpoint.state in lifecycle.TERMINAL
        except CheckpointNotFound:
            return True
        except CheckpointCorrupt:
            return False  # it may go on: who mends or deletes the record decides
