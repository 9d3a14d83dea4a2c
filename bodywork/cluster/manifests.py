"""What is sent to the API server, as plain dicts; pure, and the only place that spells them.

Every pod passes Pod Security's `restricted` profile, holds no token, and can write to /tmp alone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bodywork.cluster import labels, restricted
from bodywork.cluster.containers import build_container
from bodywork.errors import EngineError
from bodywork.model.names import job_name, service_name
from bodywork.model.pods import SSH_KEY_SECRET, SSH_VARIABLES
from bodywork.model.run import StageRun
from bodywork.model.stage import BATCH_START_SECONDS, Batch, Service, Stage

Manifest = dict[str, Any]

SERVICE_ACCOUNT = "bodywork-jobs-and-deployments"
CONTAINER = "stage"
PORT_NAME = "stage"
SOURCE_FOLDER = "/bodywork/source"
STEADY_SECONDS = 2
"""How long a service's pod must have been ready before it counts."""
GRACE_SECONDS = 15
DRAIN_SECONDS = 2
"""How long an ending service goes on answering, until nobody sends it requests any more."""
HISTORY = 10


@dataclass(frozen=True, slots=True)
class StageSource:
    """Where a stage's container finds its code.

    Attributes:
        repository, reference, commit: as `bodywork stage` takes them.
        digest: of the snapshot, where the code travels as one; "" where Git is asked.
        chunks: the ConfigMaps that hold the snapshot, in order.
    """

    repository: str
    reference: str
    commit: str
    digest: str = ""
    chunks: tuple[str, ...] = ()

    @property
    def over_ssh(self) -> bool:
        """Whether Git needs a key."""
        return self.repository.startswith("ssh://") or (
            "://" not in self.repository and "@" in self.repository
        )


def build_job(
    attempt: StageRun, stage: Stage, image: str, source: StageSource, owner: Manifest
) -> Manifest:
    """Return the Job of an attempt, owned by its run's record."""
    if not isinstance(stage.kind, Batch):
        raise EngineError(f"stage {stage.name} is no batch stage")
    limit = stage.kind.max_completion_time_seconds
    template = _template(attempt, stage, image, source)
    template["spec"] |= {"restartPolicy": "Never", "activeDeadlineSeconds": limit}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": job_metadata(attempt, owner),
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 0,  # a retry is an attempt of its own, with a Job of its own
            "activeDeadlineSeconds": limit + BATCH_START_SECONDS,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {  # an eviction is no failure of the stage
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                ]
            },
            "template": template,
        },
    }


def build_deployment(
    attempt: StageRun, stage: Stage, image: str, source: StageSource, repository: str
) -> Manifest:
    """Return the Deployment of a service whose next version is the attempt.

    Args:
        repository: that of the claim, as `identify_repository` returns it.
    """
    kind = _service(stage)
    template = _template(attempt, stage, image, source)
    template["metadata"]["annotations"] = {
        labels.VERSION: version_id(attempt),
        labels.COMMIT: source.commit,
        labels.REPOSITORY: repository,
        labels.SPECIFICATION: json.dumps({"port": kind.port, "replicas": kind.replicas}),
    }
    template["spec"]["restartPolicy"] = "Always"
    container = template["spec"]["containers"][0]
    container["ports"] = [{"name": PORT_NAME, "containerPort": kind.port}]
    container["readinessProbe"] = {
        "tcpSocket": {"port": PORT_NAME},
        "periodSeconds": 1,
        "timeoutSeconds": 5,
        "failureThreshold": 3,
    }
    container["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", str(DRAIN_SECONDS)]}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _service_metadata(attempt, labels.labels_of(attempt)),
        "spec": {
            "replicas": kind.replicas,
            "minReadySeconds": STEADY_SECONDS,
            "progressDeadlineSeconds": max(kind.max_startup_time_seconds, STEADY_SECONDS + 1),
            "revisionHistoryLimit": HISTORY,
            "selector": {"matchLabels": selector_of(attempt)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "template": template,
        },
    }


def build_reservation(attempt: StageRun, image: str, annotations: Manifest) -> Manifest:
    """Return a Deployment that runs nothing, and holds a service's name until a version is put in.

    It is paused, so that it makes no ReplicaSet.
    """
    marks = {**labels.labels_of(attempt), labels.KIND: labels.RESERVED}
    template = {
        "metadata": {"labels": selector_of(attempt), "annotations": {labels.VERSION: ""}},
        "spec": build_idle_pod(image),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**_service_metadata(attempt, marks), "annotations": annotations},
        "spec": {
            "replicas": 0,
            "paused": True,
            "selector": {"matchLabels": selector_of(attempt)},
            "template": template,
        },
    }


def build_service(attempt: StageRun, port: int) -> Manifest:
    """Return the Service under whose name a stage's pods are reached.

    It sends to a port by its name, so two versions may listen on different numbers.
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _service_metadata(attempt, selector_of(attempt)),
        "spec": {
            "type": "ClusterIP",
            "selector": selector_of(attempt),
            # Without a name, so that `services/NAME/proxy` of the API server finds it.
            "ports": [{"port": port, "targetPort": PORT_NAME}],
        },
    }


def build_idle_pod(image: str) -> Manifest:
    """Return the `spec` of a pod that is there for the API server's rules, and is never made."""
    container = {
        "name": CONTAINER,
        "image": image,
        "command": ["true"],
        "securityContext": restricted.container_security(),
    }
    return {
        "automountServiceAccountToken": False,
        "securityContext": restricted.pod_security(),
        "containers": [container],
    }


def job_metadata(attempt: StageRun, owner: Manifest) -> Manifest:
    """Return the `metadata` of the one Job that the attempt can have."""
    return {
        "name": job_name(attempt.run, attempt.project, attempt.stage, attempt.attempt),
        "namespace": attempt.namespace,
        "labels": labels.labels_of(attempt),
        "ownerReferences": [owner],
    }


def _service_metadata(attempt: StageRun, borne: dict[str, str]) -> Manifest:
    return {
        "name": service_name(attempt.project, attempt.stage),
        "namespace": attempt.namespace,
        "labels": borne,
    }


def selector_of(attempt: StageRun) -> dict[str, str]:
    """Return the labels that the pods of a service share through all its versions."""
    return {key: labels.labels_of(attempt)[key] for key in _LASTING}


_LASTING = (labels.MANAGED_BY, labels.PROJECT, labels.STAGE)


def version_id(attempt: StageRun) -> str:
    """Return the id of the service's version that the attempt makes."""
    return f"{attempt.run}/{attempt.attempt}"


def _service(stage: Stage) -> Service:
    if not isinstance(stage.kind, Service):
        raise EngineError(f"stage {stage.name} is no service")
    return stage.kind


def _template(attempt: StageRun, stage: Stage, image: str, source: StageSource) -> Manifest:
    """Return the pod template that batch and service stages share."""
    return {
        "metadata": {"labels": labels.labels_of(attempt)},
        "spec": {
            "serviceAccountName": SERVICE_ACCOUNT,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,  # its variables could meet the stage's own
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": restricted.pod_security(),
            "containers": [_container(attempt, stage, image, source)],
            "volumes": [restricted.temporary_volume(), *_source_volume(source)],
        },
    }


def _container(attempt: StageRun, stage: Stage, image: str, source: StageSource) -> Manifest:
    return build_container(
        CONTAINER,
        image,
        ("bodywork", "stage", *_stage_arguments(stage, source)),
        variables=attempt.variables(),
        references=_secrets(stage, source),
        mounts=[{"name": "source", "mountPath": SOURCE_FOLDER}] if source.chunks else [],
        requests=_requests(stage),
        # The log's end is kept where it cannot hold a secret's value: the stage itself writes it.
        message_policy="File" if stage.secrets else "FallbackToLogsOnError",
    )


def _stage_arguments(stage: Stage, source: StageSource) -> Sequence[str]:
    path = ("--path", stage.path) if stage.path else ()
    where = (*path, "--", source.repository, source.reference, stage.name)
    if source.digest:
        snapshot = ("--snapshot", SOURCE_FOLDER, "--digest", source.digest)
        return ("--commit", source.commit, *snapshot, *where)
    return ("--commit", source.commit, *where)


def _secrets(stage: Stage, source: StageSource) -> list[Manifest]:
    """Return the variables that the kubelet fills; nobody else ever reads the values."""
    found = [
        _from_secret(each.variable, each.secret, each.variable, optional=False)
        for each in stage.secrets
    ]
    if source.over_ssh:
        found += ssh_variables()
    return found


def ssh_variables() -> list[Manifest]:
    """Return what a pod gets to fetch over SSH: the key, and the hosts beside the well-known."""
    return [_from_secret(each, SSH_KEY_SECRET, each, optional=True) for each in SSH_VARIABLES]


def _from_secret(variable: str, secret: str, key: str, *, optional: bool) -> Manifest:
    reference = {"name": secret, "key": key, "optional": optional}
    return {"name": variable, "valueFrom": {"secretKeyRef": reference}}


def _requests(stage: Stage) -> dict[str, str]:
    requests = {}
    if stage.cpu_request is not None:
        requests["cpu"] = f"{round(stage.cpu_request * 1000)}m"
    if stage.memory_request_mb is not None:
        requests["memory"] = f"{stage.memory_request_mb}Mi"
    return requests


def _source_volume(source: StageSource) -> list[Manifest]:
    """Return one volume with the chunks of all ConfigMaps side by side."""
    if not source.chunks:
        return []
    sources = [{"configMap": {"name": name}} for name in source.chunks]
    return [{"name": "source", "projected": {"sources": sources}}]
