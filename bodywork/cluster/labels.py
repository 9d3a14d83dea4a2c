"""What our objects bear, so that they can be found, told from foreign ones, and understood.

Labels hold exact names (a label's value may have capitals, "_" and "."), so nothing is ever parsed
back out of an object's name. Annotations hold what nobody selects by.
"""

import json
from collections.abc import Mapping
from typing import Any

from bodywork.errors import EngineError
from bodywork.model.names import RunName
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
"""What a ConfigMap of ours is: `run` (a checkpoint), `source` (what stages fetch). Of a Deployment:
`reserved` where it runs nothing, and holds a service's name until a version is put into it."""
RESERVED = "reserved"

VERSION = "bodywork.io/version"
"""Annotation of a service's pod template: the version's id, `RUN/ATTEMPT`."""
COMMIT = "bodywork.io/commit"
REPOSITORY = "bodywork.io/repository"
"""Annotation of a service's pod template: the repository that its version was deployed from."""
ACCEPTED = "bodywork.io/accepted"
"""Annotation of a Deployment: the id of the version that was last seen ready and kept."""
CLAIM = "bodywork.io/claim"
"""Annotation of a Deployment: the run and attempt that alone may change it, until that run ends,
and that run's repository.
On a Service: the run that used it last."""
ABANDONED_BY = "bodywork.io/abandoned-by"
"""Annotation of a Deployment: the run that gave a claim up while another run had one."""
CREATED_BY = "bodywork.io/created-by"
"""Annotation of a Deployment: the run before which there was no version under its name."""
ROLLED_BACK_BY = "bodywork.io/rolled-back-by"
"""Annotation of a Deployment: the run that has begun to roll it back, or has given its claim up;
no controller of that run deploys to it any more. Of a Service: the version that was rolled back."""
STARTED = "bodywork.io/started"
"""Annotation of a Job of a schedule: its controller has run; the value is for people."""
VERDICT = "bodywork.io/verdict"
"""Annotation of a Job that was ended by us: why."""
CALLED_OFF = "bodywork.io/called-off"
"""Annotation of a Job that runs nothing: it holds the name of an attempt that must not start."""
RELEASED = "bodywork.io/released"
"""Annotation of a run's source that is gone: its ConfigMap only holds the name."""
HINT = "bodywork.io/hint"
"""Annotation beside it: what the user can do."""
AGAIN = "bodywork.io/another-try"
"""Annotation beside it: another attempt may help; the value is for people."""
OUTLIVED = "bodywork.io/outlived-by"
"""Annotation of a Job whose stage has ended: the containers for which its pod is ended by us."""
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


def annotation(found: Mapping[str, Any], key: str) -> str:
    """Return an annotation's value, "" where there is none."""
    return str((found["metadata"].get("annotations") or {}).get(key, ""))


def is_reserved(deployment: Mapping[str, Any]) -> bool:
    """Say whether a Deployment runs nothing and only holds the name of a service."""
    return (deployment["metadata"].get("labels") or {}).get(KIND) == RESERVED


def claim_on(deployment: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the claim that is written on a Deployment: `run`, `attempt`, `repository`, and
    `previous`, the id of the version that a roll-back comes back to; empty where there is none."""
    try:
        claim = json.loads(annotation(deployment, CLAIM) or "{}")
    except ValueError:
        return {}
    return claim if isinstance(claim, dict) and isinstance(claim.get("run"), str) else {}


def holder_of(deployment: Mapping[str, Any]) -> RunName | None:
    """Return the run that has, or had, the claim on a Deployment."""
    claim = claim_on(deployment)
    return RunName(claim["run"]) if claim else None


def claimant_of(deployment: Mapping[str, Any]) -> str:
    """Return the repository of the run that has, or had, the claim; "" where it is not known."""
    return str(claim_on(deployment).get("repository", ""))


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
