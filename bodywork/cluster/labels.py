"""What our objects bear, so that they can be found, told from foreign ones, and understood.

Labels hold exact names (a label's value may have capitals, "_" and "."), so nothing is ever parsed
back out of an object's name. Annotations hold what nobody selects by.
"""

from collections.abc import Mapping
from typing import Any

from bodywork.errors import EngineError
from bodywork.model.run import StageRun

MANAGED_BY = "app.kubernetes.io/managed-by"
BODYWORK = "bodywork"
PROJECT = "bodywork.io/project"
STAGE = "bodywork.io/stage"
RUN = "bodywork.io/run"
ATTEMPT = "bodywork.io/attempt"
CRONJOB = "bodywork.io/cronjob"
"""What a schedule made: its Jobs and their pods."""
KIND = "bodywork.io/kind"
"""What a ConfigMap of ours is: `run` (a checkpoint), `source` (what stages fetch)."""

VERSION = "bodywork.io/version"
"""Annotation of a service's pod template: the version's id, `RUN/ATTEMPT`."""
COMMIT = "bodywork.io/commit"
ACCEPTED = "bodywork.io/accepted"
"""Annotation of a Deployment: the id of the version that was last seen ready and kept."""
STARTED = "bodywork.io/started"
"""Annotation of a Job of a schedule: its controller has run; the value is for people."""
VERDICT = "bodywork.io/verdict"
"""Annotation of a Job that was ended by us: why."""
HINT = "bodywork.io/hint"
"""Annotation beside it: what the user can do."""
SPECIFICATION = "bodywork.io/specification"
"""Annotation of a pod template: what of a version is not in the template (replicas, port)."""


FOREIGN_HINT = "rename the project or the stage, or delete that object if it is not needed"


class Foreign(EngineError):
    """An object that is not ours has the name that ours must have."""


def labels_of(attempt: StageRun) -> dict[str, str]:
    """Return the labels of everything that is made for an attempt."""
    return {
        MANAGED_BY: BODYWORK,
        PROJECT: attempt.project,
        STAGE: attempt.stage,
        RUN: attempt.run,
        ATTEMPT: str(attempt.attempt),
    }


def is_ours(found: Mapping[str, Any]) -> bool:
    """Say whether an object bears our mark."""
    return (found["metadata"].get("labels") or {}).get(MANAGED_BY) == BODYWORK


def are_borne(found: Mapping[str, Any], expected: Mapping[str, str]) -> bool:
    """Say whether an object is ours and bears these labels."""
    labels = found["metadata"].get("labels") or {}
    return is_ours(found) and all(labels.get(key) == value for key, value in expected.items())


def require_ours(found: Mapping[str, Any], expected: Mapping[str, str] | None = None) -> None:
    """Refuse an object that is not ours, or not the one that these labels describe.

    Raises:
        Foreign: nothing foreign is ever adopted or changed.
    """
    if not are_borne(found, expected or {}):
        raise Foreign(describe_foreign(found), hint=FOREIGN_HINT)


def describe_foreign(found: Mapping[str, Any]) -> str:
    """Return what stands in the place of an object of ours, for people."""
    kind, name = found.get("kind", "object"), found["metadata"]["name"]
    if not is_ours(found):
        return f"there is a {kind} {name} in the namespace that Bodywork did not make"
    labels = found["metadata"]["labels"]
    owner = " of ".join(
        f"{what} {labels[key]}"
        for what, key in (("stage", STAGE), ("project", PROJECT), ("run", RUN))
        if labels.get(key)
    )
    return f"there is a {kind} {name} in the namespace that belongs to {owner or 'something else'}"
