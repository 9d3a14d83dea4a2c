"""A run's progress as the JSON of its checkpoint, and back; defaults are left out to keep it small.

The form is versioned by the checkpoint's schema; `tests/golden` holds every form ever written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any, cast

from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.run import Claim, ServiceVersion, Unresolved
from bodywork.model.stage import Batch, SecretVariable, Service, Stage
from bodywork.model.workflow import Workflow
from bodywork.workflow.bounds import fit, problem_with_size
from bodywork.workflow.progress import Attempt, Progress, Request, StageProgress, Verdict
from statemachine.checkpoint import Checkpoint, Data
from statemachine.errors import CheckpointCorrupt
from statemachine.store import CheckpointStore, load_all


def render_progress(progress: Progress) -> Data:
    """Return the checkpoint's data for a progress, with no more in it than a record may have."""
    return fit(_render_progress(progress))


def as_recorded(progress: Progress) -> Progress:
    """Return what a record would keep of the progress."""
    fitted = render_progress(progress)
    return parse_progress(fitted) if fitted.get("shortened") else progress


def problem_with_record(workflow: Workflow) -> str:
    """Return why runs of this workflow could outgrow their record, or ""."""
    return problem_with_size(_render_workflow(workflow))


def _render_progress(progress: Progress) -> dict[str, Any]:
    data: dict[str, Any] = {"run": progress.run, "request": _plain(progress.request)}
    if progress.commit:
        data["commit"] = progress.commit
    if progress.workflow:
        data["workflow"] = _render_workflow(progress.workflow)
        data["stages"] = {name: _render_stage(stage) for name, stage in progress.stages.items()}
    if progress.verdict:
        data["verdict"] = _plain(progress.verdict)
    if progress.cancelled_by:
        data["cancelled_by"] = progress.cancelled_by
    if progress.fixed:
        data["fixed"] = True
    if progress.modules:
        data["modules"] = dict(progress.modules)
    if progress.shortened:
        data["shortened"] = True
    return data


def parse_progress(data: Data) -> Progress:
    """Return the progress that a checkpoint's data stands for.

    Raises:
        CheckpointCorrupt: the data is not of this form (the checkpoint's checksum was right, so it
            was written by another program).
    """
    try:
        return _parse_progress(data)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise CheckpointCorrupt(
            f"the record is of no form that this program knows ({type(error).__name__}: {error})",
            hint="go on with the program that wrote it, or delete the record",
        ) from error


def load_records(store: CheckpointStore) -> Iterator[Checkpoint | CheckpointCorrupt]:
    """Yield the checkpoint of each run of a store, or why it cannot be read: no damage of one
    record keeps the others from being read."""
    for each in load_all(store):
        if isinstance(each, CheckpointCorrupt):
            yield each
            continue
        try:
            parse_progress(each.checkpoint.data)
        except CheckpointCorrupt as error:
            yield CheckpointCorrupt(f"run {each.checkpoint.id}: {error.message}", hint=error.hint)
        else:
            yield each.checkpoint


def _parse_progress(data: Data) -> Progress:
    raw = cast(Mapping[str, Any], data)
    workflow = _parse_workflow(raw["workflow"]) if raw.get("workflow") else None
    verdict = raw.get("verdict")
    return Progress(
        run=RunName(raw["run"]),
        request=_parse_request(raw["request"]),
        commit=raw.get("commit", ""),
        workflow=workflow,
        stages={
            StageName(name): _parse_stage(stage, service=_is_service(workflow, name))
            for name, stage in raw.get("stages", {}).items()
        },
        verdict=_parse_verdict(verdict) if verdict else None,
        cancelled_by=raw.get("cancelled_by", ""),
        fixed=raw.get("fixed", False),
        modules=raw.get("modules", {}),
        shortened=raw.get("shortened", False),
    )


def steps_in(data: Data) -> int:
    """Return the number of steps that a checkpoint's data knows of (0 before the clone)."""
    workflow = cast(Mapping[str, Any], data).get("workflow")
    return len(workflow["steps"]) if workflow else 0


def _plain(value: Any) -> dict[str, Any]:
    """Return a flat dataclass as a dictionary, without its defaults."""
    plain = {}
    for each in fields(value):
        content = getattr(value, each.name)
        if each.default is not MISSING and content == each.default:
            continue
        if isinstance(content, datetime):
            content = content.isoformat()
        plain[each.name] = list(content) if isinstance(content, tuple) else content
    return plain


def _parse_verdict(raw: Mapping[str, Any]) -> Verdict:
    lists = {key: tuple(raw.get(key, ())) for key in ("tail", "details")}
    return Verdict(**{**raw, **lists})


def _parse_request(raw: Mapping[str, Any]) -> Request:
    plain = {**raw, "hooks": tuple(raw.get("hooks", ()))}
    plain["namespace"] = Namespace(raw["namespace"])
    return Request(**plain)


def _render_workflow(workflow: Workflow) -> dict[str, Any]:
    return {
        "project": workflow.project,
        "image": workflow.image,
        "steps": [list(step) for step in workflow.steps],
        "log_level": workflow.log_level,
        "rollback_scope": workflow.rollback_scope,
        "run_on_failure": workflow.run_on_failure,
        "stages": {name: render_stage(stage) for name, stage in workflow.stages.items()},
    }


def render_stage(stage: Stage) -> dict[str, Any]:
    """Return a stage's definition as JSON; also what its reuse key is made of."""
    kind: dict[str, Any] = {
        each.name: getattr(stage.kind, each.name) for each in fields(stage.kind)
    }
    raw: dict[str, Any] = {"script": stage.script, stage.type: kind}
    if stage.args:
        raw["args"] = list(stage.args)
    if stage.cpu_request is not None:
        raw["cpu_request"] = stage.cpu_request
    if stage.memory_request_mb is not None:
        raw["memory_request_mb"] = stage.memory_request_mb
    if stage.secrets:
        raw["secrets"] = {secret.variable: secret.secret for secret in stage.secrets}
    if stage.tree:
        raw["tree"] = stage.tree
    return raw


def _parse_workflow(raw: Mapping[str, Any]) -> Workflow:
    failure = raw["run_on_failure"]
    return Workflow(
        project=ProjectName(raw["project"]),
        image=raw["image"],
        steps=tuple(tuple(StageName(name) for name in step) for step in raw["steps"]),
        stages={
            StageName(name): _parse_definition(StageName(name), stage)
            for name, stage in raw["stages"].items()
        },
        log_level=raw["log_level"],
        rollback_scope=raw["rollback_scope"],
        run_on_failure=StageName(failure) if failure else None,
    )


def _parse_definition(name: StageName, raw: Mapping[str, Any]) -> Stage:
    kind = Batch(**raw["batch"]) if "batch" in raw else Service(**raw["service"])
    return Stage(
        name=name,
        kind=kind,
        script=raw["script"],
        args=tuple(raw.get("args", ())),
        cpu_request=raw.get("cpu_request"),
        memory_request_mb=raw.get("memory_request_mb"),
        secrets=tuple(SecretVariable(*pair) for pair in raw.get("secrets", {}).items()),
        tree=raw.get("tree", ""),
    )


def _render_stage(stage: StageProgress) -> dict[str, Any]:
    raw = _plain(stage)
    raw.pop("attempts", None)
    if stage.attempts:
        raw["attempts"] = [_plain(attempt) for attempt in stage.attempts]
    raw.pop("claim", None)
    if stage.claim:
        raw["claim"] = _render_claim(stage.claim)
    return raw


def _render_claim(claim: Claim) -> dict[str, Any]:
    raw: dict[str, Any] = {"uid": claim.uid}
    if isinstance(claim.previous, ServiceVersion):
        raw["previous"] = _plain(claim.previous)
    elif isinstance(claim.previous, Unresolved):
        raw["unresolved"] = claim.previous.reason
    return raw


def _parse_stage(raw: Mapping[str, Any], *, service: bool) -> StageProgress:
    plain: dict[str, Any] = {
        **raw,
        "attempts": tuple(_parse_attempt(attempt) for attempt in raw.get("attempts", ())),
        "claim": _parse_claim(raw.get("claim")) if "claim" in raw else None,
    }
    previous = plain.pop("previous", None)
    if service and plain["claim"] is None:
        plain["claim"] = _claim_before_claims(plain["attempts"], previous)
    return StageProgress(**plain)


def _is_service(workflow: Workflow | None, name: str) -> bool:
    stage = workflow.stages.get(StageName(name)) if workflow else None
    return stage is not None and isinstance(stage.kind, Service)


def _parse_claim(raw: Any) -> Claim:
    if "unresolved" in raw:
        return Claim(raw["uid"], Unresolved(raw["unresolved"]))
    return Claim(raw["uid"], ServiceVersion(**raw["previous"]) if "previous" in raw else None)


def _claim_before_claims(attempts: tuple[Attempt, ...], previous: Any) -> Claim | None:
    """Return the claim that a record of an older release stands for, once it began a change."""
    uids = [attempt.uid for attempt in attempts if attempt.uid]
    if not uids:
        return None
    return Claim(uids[-1], ServiceVersion(**previous) if previous else None)


def _parse_attempt(raw: Mapping[str, Any]) -> Attempt:
    plain: dict[str, Any] = {**raw, "tail": tuple(raw.get("tail", ()))}
    for moment in ("started_at", "ended_at"):
        if moment in raw:
            plain[moment] = datetime.fromisoformat(raw[moment])
    return Attempt(**plain)
