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
VERDICT = "bodywork.io/verdict"
"""Annotation of a Job that was ended by us: why."""
SPECIFICATION = "bodywork.io/specification"
"""Annotation of a pod template: what of a version is not in the template (replicas, port)."""


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


def require_ours(found: Mapping[str, Any], expected: Mapping[str, str] | None = None) -> None:
    """Refuse an object that is not ours, or not the one that these labels describe.

    Raises:
        EngineError: it is foreign; nothing foreign is ever adopted or changed.
    """
    labels = found["metadata"].get("labels") or {}
    wanted = {MANAGED_BY: BODYWORK, **(expected or {})}
    if any(labels.get(key) != value for key, value in wanted.items()):
        kind, name = found.get("kind", "object"), found["metadata"]["name"]
        raise EngineError(
            f"there is a {kind} {name} in the namespace that Bodywork did not make",
            hint="rename the project or the stage, or remove that object if nobody needs it",
        )
