"""A stage's definition as JSON, and back: for a run's record, and for the stage's reuse key."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bodywork.model.names import StageName
from bodywork.model.stage import Batch, SecretVariable, Service, Stage


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
    if stage.shared is not None:
        raw["shared"] = list(stage.shared)
    if stage.path:
        raw["path"] = stage.path
    if stage.shared_id:
        raw["shared_id"] = stage.shared_id
    return raw


def parse_stage(name: StageName, raw: Mapping[str, Any]) -> Stage:
    """Return the stage of that name and definition.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: the definition is of another form.
    """
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
        shared=tuple(raw["shared"]) if "shared" in raw else None,
        shared_id=raw.get("shared_id", ""),
        path=raw.get("path", ""),
    )
