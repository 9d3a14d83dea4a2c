"""The short Jobs by which `bodywork doctor` tries an image or a schedule.

Each is deleted in any case; should we be killed before, it ends by its own deadline, and the
cluster removes it.
"""

import os
from collections.abc import Mapping
from typing import Any

from bodywork.cluster import labels
from bodywork.cluster.client import Client
from bodywork.errors import BodyworkError

Manifest = dict[str, Any]

MARKS = {labels.MANAGED_BY: labels.BODYWORK, labels.KIND: "doctor"}
SPARE_SECONDS = 30
"""How much later than we give up the cluster ends what we left behind."""
LINGER_SECONDS = 60


def build_doctor_job(
    namespace: str,
    pod: Manifest,
    seconds: float,
    *,
    annotations: Mapping[str, str] | None = None,
    pod_annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Return a Job that runs a pod once; pure but for its name.

    Args:
        namespace: where.
        pod: the pod's `spec`.
        seconds: how long it may take.
        annotations, pod_annotations: of the Job, and of its pod.
    """
    template: Manifest = {"metadata": {"labels": MARKS}, "spec": pod}
    metadata: Manifest = {
        "name": f"bodywork-doctor-{os.urandom(4).hex()}",
        "namespace": namespace,
        "labels": MARKS,
    }
    for place, added in ((metadata, annotations), (template["metadata"], pod_annotations)):
        if added:
            place["annotations"] = dict(added)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(seconds) + SPARE_SECONDS,
            "ttlSecondsAfterFinished": LINGER_SECONDS,
            "template": template,
        },
    }


def remove_doctor_job(client: Client, path: str) -> None:
    """Delete the Job and its pod; what fails here, the Job's own deadline makes good."""
    try:
        client.delete(path)
    except BodyworkError:
        return
