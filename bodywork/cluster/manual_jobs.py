"""Jobs that a schedule makes now, not at its time; pure."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from bodywork.model.names import GIVEN_LENGTH

Manifest = dict[str, Any]
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def build_manual_job(found: Mapping[str, Any], name: str) -> Manifest:
    """Return a Job that a CronJob makes now, as `kubectl create job --from` would."""
    template, metadata = deepcopy(found["spec"]["jobTemplate"]), found["metadata"]
    borne = template.get("metadata") or {}
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": borne.get("labels") or {},
            "annotations": {
                **(borne.get("annotations") or {}),
                "cronjob.kubernetes.io/instantiate": "manual",
            },
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    }


def manual_name(cronjob: str, seconds: int) -> str:
    """Return the name of a Job that is made by hand at that second since 1970."""
    stamp = ""
    while seconds:
        seconds, digit = divmod(seconds, len(_DIGITS))
        stamp = _DIGITS[digit] + stamp
    readable = f"{cronjob}-run-{stamp}"
    return readable if len(readable) <= GIVEN_LENGTH else f"{cronjob}-{stamp}"
