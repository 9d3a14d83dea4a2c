"""Records of the first form, which name each field; they are read, and written no more.

A run whose record is of this form is resumed, continued and shown like any other: its next save is
of the present form (`form_2`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.run import Claim, ServiceVersion, Unresolved
from bodywork.model.stage import Service
from bodywork.model.workflow import Workflow
from bodywork.workflow.definitions import parse_stage
from bodywork.workflow.progress import Attempt, Progress, Request, StageProgress, Verdict
from statemachine.checkpoint import Data


def parse(data: Data) -> Progress:
    """Return the progress of a record of the first form.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: the data are of another form.
    """
    raw = cast(Mapping[str, Any], data)
    workflow = _parse_workflow(raw["workflow"]) if raw.get("workflow") else None
    verdict = raw.get("verdict")
    return Progress(
        run=RunName(raw["run"]),
        request=parse_request(raw["request"]),
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


def parse_request(raw: Mapping[str, Any]) -> Request:
    """Return the request as it stands in a record of any form."""
    plain = {**raw, "hooks": tuple(raw.get("hooks", ()))}
    plain["namespace"] = Namespace(raw["namespace"])
    return Request(**plain)


def _parse_verdict(raw: Mapping[str, Any]) -> Verdict:
    lists = {key: tuple(raw.get(key, ())) for key in ("tail", "details")}
    return Verdict(**{**raw, **lists})


def _parse_workflow(raw: Mapping[str, Any]) -> Workflow:
    failure = raw["run_on_failure"]
    return Workflow(
        project=ProjectName(raw["project"]),
        image=raw["image"],
        steps=tuple(tuple(StageName(name) for name in step) for step in raw["steps"]),
        stages={
            StageName(name): parse_stage(StageName(name), stage)
            for name, stage in raw["stages"].items()
        },
        log_level=raw["log_level"],
        rollback_scope=raw["rollback_scope"],
        run_on_failure=StageName(failure) if failure else None,
    )


def _parse_stage(raw: Mapping[str, Any], *, service: bool) -> StageProgress:
    plain: dict[str, Any] = {
        **raw,
        "attempts": tuple(_parse_attempt(attempt) for attempt in raw.get("attempts", ())),
        "claim": _parse_claim(raw.get("claim")) if "claim" in raw else None,
    }
    previous = plain.pop("previous", None)
    plain.pop("key", None)  # it follows from the workflow: `plan.reuse_keys`
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
