"""A namespace of the cluster that KUBECONFIG names, for as long as a benchmark lasts."""

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bodywork.cluster import paths, restricted
from bodywork.cluster.client import Client
from bodywork.cluster.manifests import SERVICE_ACCOUNT

BODYWORK = (sys.executable, "-m", "bodywork")
Found = dict[str, Any]


@contextmanager
def namespace() -> Iterator[tuple[Client, str]]:
    """Make a namespace as `bodywork setup-namespace` does, and delete it at the end."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    client = Client.connect()
    subprocess.run([*BODYWORK, "setup-namespace", name], check=True, stdout=subprocess.DEVNULL)
    try:
        yield client, name
    finally:
        client.delete(paths.namespace(name))
        binding = f"clusterrolebindings/bodywork-workflow-controller--{name}"
        client.delete(f"/apis/rbac.authorization.k8s.io/v1/{binding}")
        client.close()


def run_job(client: Client, namespace: str, name: str, image: str, command: list[str]) -> float:
    """Run a Job until it is seen to be Complete; return how long that took, in seconds."""
    began = time.perf_counter()
    made = client.create(paths.jobs(namespace), build_job(name, image, command))
    version = made["metadata"]["resourceVersion"]
    field = f"metadata.name={name}"
    while True:
        events = client.watch(
            paths.jobs(namespace), version, field_selector=field, timeout_seconds=60
        )
        for event in events:
            version = event["object"]["metadata"]["resourceVersion"]
            if is_complete(event["object"]):
                return time.perf_counter() - began


def is_complete(job: Found) -> bool:
    """Say whether Kubernetes calls the Job Complete. Raises where it has failed."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    found = {each["type"] for each in conditions if each["status"] == "True"}
    assert "Failed" not in found, conditions
    return "Complete" in found


def build_job(name: str, image: str, command: list[str]) -> Found:
    """Return a Job of one try, with the same restrictions as a stage's."""
    container = {
        "name": "main",
        "image": image,
        "command": command,
        "volumeMounts": [restricted.temporary_mount()],
        "securityContext": restricted.container_security(),
        "env": [{"name": "HOME", "value": restricted.TEMPORARY}],
    }
    pod = {
        "restartPolicy": "Never",
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": restricted.pod_security(),
        "volumes": [restricted.temporary_volume()],
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def log_of(client: Client, namespace: str, job: str) -> str:
    """Return what the Job's pod printed."""
    selector = f"batch.kubernetes.io/job-name={job}"
    [pod], _ = client.list_all(paths.pods(namespace), label_selector=selector)
    path = paths.pod_log(namespace, pod["metadata"]["name"])
    return "\n".join(line.decode() for line in client.stream(path, {}))


def timed(action: Callable[[], object]) -> float:
    """Return how long an action takes, in seconds."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
