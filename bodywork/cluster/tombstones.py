"""Names that are taken so that nothing can start under them any more.

An attempt that is intended and not created yet has a free name: a controller that was overtaken,
and whose request is still on its way, would create its Job after the run has been ended. So whoever
ends an attempt that has no Job creates one that runs nothing, under the one name that the attempt
can have. The late request then meets 409, and its controller finds a Job that is called off.
"""

from collections.abc import Mapping
from typing import Any

from bodywork.cluster import labels, restricted
from bodywork.cluster.manifests import CONTAINER, Manifest
from bodywork.model.names import job_name
from bodywork.model.run import StageRun

CALLED_OFF = "it was called off before it began"
_NO_IMAGE = "bodywork.invalid/never-runs"


def build_tombstone(attempt: StageRun, owner: Manifest) -> Manifest:
    """Return the Job that holds the name of an attempt which is never to start.

    It is suspended. Resumed by mistake, it would have no room for a pod and one second of time. It
    goes, as each Job of the run, with the run's record.
    """
    container = {
        "name": CONTAINER,
        "image": _NO_IMAGE,
        "securityContext": restricted.container_security(),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(attempt.run, attempt.project, attempt.stage, attempt.attempt),
            "namespace": attempt.namespace,
            "labels": labels.labels_of(attempt),
            "annotations": {labels.CALLED_OFF: CALLED_OFF},
            "ownerReferences": [owner],
        },
        "spec": {
            "suspend": True,
            "completions": 1,
            "parallelism": 0,
            "backoffLimit": 0,
            "activeDeadlineSeconds": 1,
            "template": {
                "metadata": {"labels": labels.labels_of(attempt)},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "securityContext": restricted.pod_security(),
                    "containers": [container],
                },
            },
        },
    }


def is_called_off(job: Mapping[str, Any]) -> bool:
    """Say whether the Job only holds its name."""
    return labels.CALLED_OFF in (job["metadata"].get("annotations") or {})
