"""What can be said of a run, read from its checkpoint alone.

It asks no engine, so it can explain a run whose stages are long gone. `document` is the form that
`-o json` prints: versioned, and only ever added to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from bodywork.model.redaction import redact_address
from bodywork.model.run import ServiceVersion
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Attempt, Progress, StageProgress, Verdict
from bodywork.workflow.record import parse_progress
from bodywork.workflow.summary import describe_state, summarise, summarise_html
from statemachine.checkpoint import Checkpoint, HookFailure, Move

SCHEMA = 1
StageState: TypeAlias = Literal[
    "waiting", "reused", "intended", "started", "succeeded", "failed", "lost", "stopped",
    "restored", "removed", "left", "unused",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ControllerStatus:
    """Who is at work on a run.

    Attributes:
        holder: host and process, for people.
        alive: True, False, or None where it cannot be known from here.
    """

    holder: str
    alive: bool | None


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One line of a run's table. `step` counts from 1; 0 is the failure stage.

    `previous` is the version of a service that a roll-back comes back to; `unresolved` says why
    there is none although something was deployed. `waits_for` is the run that holds the service.
    """

    name: str
    type: str
    step: int
    state: StageState
    why: str
    reused_from: str
    attempts: tuple[Attempt, ...]
    restoration: str
    restoration_reason: str
    previous: ServiceVersion | None = None
    restoration_hint: str = ""
    waits_for: str = ""
    unresolved: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class RunStatus:
    """A run, as people see it. `step` counts from 1; 0 before the first.

    `print` shows it in a few lines, and a notebook as a table.
    `fixed`: its reference is known not to be a branch. `project_path`: the project's folder in the
    repository, "" for its root.
    """

    run: str
    namespace: str
    project: str
    repository: str
    reference: str
    commit: str
    state: str
    step: int
    steps: int
    created_at: datetime
    updated_at: datetime
    continues: str
    controller: ControllerStatus | None
    verdict: Verdict | None
    cancelled_by: str
    stages: tuple[StageStatus, ...]
    path: tuple[Move, ...]
    epoch: int
    hooks_due: tuple[str, ...]
    hooks_failed: tuple[str, ...]
    fixed: bool = False
    hook_failures: tuple[HookFailure, ...] = ()
    project_path: str = ""

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self.state in lifecycle.TERMINAL

    def __repr__(self) -> str:
        return f"<RunStatus {self.run}: {describe_state(self)}, step {self.step} of {self.steps}>"

    def __str__(self) -> str:
        return summarise(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return summarise_html(self)


def run_status(checkpoint: Checkpoint, controller: ControllerStatus | None = None) -> RunStatus:
    """Read a run's status from its checkpoint."""
    progress = parse_progress(checkpoint.data)
    request = progress.request
    steps = [lifecycle.step_of(move.state) for move in checkpoint.path]
    return RunStatus(
        run=progress.run,
        namespace=request.namespace,
        project=progress.workflow.project if progress.workflow else "",
        repository=redact_address(request.repository),
        reference=request.reference,
        commit=progress.commit,
        state=checkpoint.state,
        step=max(steps, default=0),
        steps=progress.steps,
        created_at=checkpoint.created_at,
        updated_at=checkpoint.updated_at,
        continues=request.continues,
        controller=controller,
        verdict=progress.verdict,
        cancelled_by=progress.cancelled_by,
        stages=_stages(progress),
        path=checkpoint.path,
        epoch=checkpoint.epoch,
        hooks_due=tuple(delivery.hook for delivery in checkpoint.outbox),
        fixed=progress.fixed,
        hooks_failed=tuple(dict.fromkeys(each.hook for each in checkpoint.failures)),
        hook_failures=checkpoint.failures,
        project_path=request.path,
    )


def document(status: RunStatus) -> Mapping[str, Any]:
    """Return the status as JSON values; times are ISO 8601 in UTC."""
    return {
        "schema": SCHEMA,
        "run": status.run,
        "namespace": status.namespace,
        "project": status.project,
        "repository": status.repository,
        "project_path": status.project_path or None,
        "reference": status.reference,
        "fixed": status.fixed,
        "commit": status.commit,
        "state": status.state,
        "ended": status.ended,
        "step": status.step,
        "steps": status.steps,
        "created_at": status.created_at.isoformat(),
        "updated_at": status.updated_at.isoformat(),
        "continues": status.continues or None,
        "epoch": status.epoch,
        "controller": _controller(status.controller),
        "cancelled_by": status.cancelled_by or None,
        "verdict": _verdict(status.verdict),
        "stages": [_stage_document(stage) for stage in status.stages],
        "path": [
            {"state": move.state, "trigger": move.trigger, "at": move.at.isoformat()}
            for move in status.path
        ],
        "hooks": {
            "due": list(status.hooks_due),
            "failed": list(status.hooks_failed),
            "failures": [
                {"hook": each.hook, "reason": each.reason, "required": each.required}
                for each in status.hook_failures
            ],
        },
    }


def _stages(progress: Progress) -> tuple[StageStatus, ...]:
    if progress.workflow is None:
        return ()
    placed = [
        (number, name)
        for number, step in enumerate(progress.workflow.steps, start=1)
        for name in step
    ]
    if progress.workflow.run_on_failure:
        placed.append((0, progress.workflow.run_on_failure))
    return tuple(_stage(progress, number, name, progress.stages[name]) for number, name in placed)


def _stage(progress: Progress, step: int, name: Any, stage: StageProgress) -> StageStatus:
    return StageStatus(
        name=name,
        type=progress.stage(name).type,
        step=step,
        state=_state(stage, step),
        why=stage.why,
        reused_from=stage.reused_from,
        attempts=stage.attempts,
        restoration=stage.restoration,
        restoration_reason=stage.restoration_reason,
        restoration_hint=stage.restoration_hint,
        previous=stage.previous,
        waits_for=stage.waits_for,
        unresolved=stage.unresolved,
    )


def _state(stage: StageProgress, step: int) -> StageState:
    if stage.action == "reuse":
        return "reused"
    latest = stage.latest
    if latest is None:
        return "waiting" if step else "unused"
    if latest.state == "succeeded" and stage.restoration in ("restored", "removed", "left"):
        return "restored" if stage.restoration == "restored" else stage.restoration
    return latest.state


def _controller(controller: ControllerStatus | None) -> Mapping[str, Any] | None:
    if controller is None:
        return None
    return {"holder": controller.holder, "alive": controller.alive}


def _verdict(verdict: Verdict | None) -> Mapping[str, Any] | None:
    if verdict is None:
        return None
    return {
        "fault": verdict.fault,
        "reason": verdict.reason,
        "hint": verdict.hint or None,
        "stage": verdict.stage or None,
        "attempt": verdict.attempt or None,
        "exit_code": verdict.exit_code,
        "tail": list(verdict.tail),
        "details": list(verdict.details),
        "final": verdict.final,
    }


def _version(version: ServiceVersion | None) -> Mapping[str, Any] | None:
    if version is None:
        return None
    return {"id": version.id, "run": version.run, "commit": version.commit}


def _stage_document(stage: StageStatus) -> Mapping[str, Any]:
    return {
        "name": stage.name,
        "type": stage.type,
        "step": stage.step,
        "state": stage.state,
        "why": stage.why,
        "reused_from": stage.reused_from or None,
        "restoration": stage.restoration or None,
        "restoration_reason": stage.restoration_reason or None,
        "restoration_hint": stage.restoration_hint or None,
        "previous": _version(stage.previous),
        "unresolved": stage.unresolved or None,
        "waits_for": stage.waits_for or None,
        "attempts": [
            {
                "number": attempt.number,
                "state": attempt.state,
                "uid": attempt.uid or None,
                "started_at": attempt.started_at.isoformat() if attempt.started_at else None,
                "ended_at": attempt.ended_at.isoformat() if attempt.ended_at else None,
                "exit_code": attempt.exit_code,
                "reason": attempt.reason or None,
                "hint": attempt.hint or None,
                "tail": list(attempt.tail),
            }
            for attempt in stage.attempts
        ],
    }
