"""Names that are taken so that nothing can start under them any more.

An attempt that is intended and not created yet has a free name: a controller that was overtaken,
and whose request is still on its way, would create its Job after the run has been ended. So whoever
ends an attempt that has no Job creates one that runs nothing, under the one name that the attempt
can have. The late request then meets 409, and its controller finds a Job that is called off.
"""

from collections.abc import Mapping
from typing import Any

from bodywork.cluster import labels
from bodywork.cluster.manifests import Manifest, build_idle_pod, job_metadata
from bodywork.model.run import StageRun

CALLED_OFF = "it was called off before it began"
_NO_IMAGE = "bodywork.invalid/never-runs"


def build_tombstone(attempt: StageRun, owner: Manifest) -> Manifest:
    """Return the Job that holds the name of an attempt which is never to start.

    It is suspended. Resumed by mistake, it would have no room for a pod and one second of time. It
    goes, as each Job of the run, with the run's record.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            **job_metadata(attempt, owner),
            "annotations": {labels.CALLED_OFF: CALLED_OFF},
        },
        "spec": {
            "suspend": True,
            "completions": 1,
            "parallelism": 0,
            "backoffLimit": 0,
            "activeDeadlineSeconds": 1,
            "template": {
                "metadata": {"labels": labels.labels_of(attempt)},
                "spec": {"restartPolicy": "Never", **build_idle_pod(_NO_IMAGE)},
            },
        },
    }


def is_called_off(job: Mapping[str, Any]) -> bool:
    """Say whether the Job only holds its name."""
    return bool(labels.annotation(job, labels.CALLED_OFF))
