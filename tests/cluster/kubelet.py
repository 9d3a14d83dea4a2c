"""A scripted kubelet: where no node runs, it says of each pod of a namespace how it went.

Nothing is executed. The pod of a batch stage starts, and ends with the exit code that the script
names for the stage (0 for the others); that of a service starts and is ready. All else (Jobs,
ReplicaSets, Deployments, garbage collection) is the real controllers'.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.errors import BodyworkError

Found = dict[str, Any]
LOOK_SECONDS = 2


class ScriptedKubelet:
    """Works until it is closed.

    Args:
        kubeconfig: an administrator's.
        exit_codes: of batch stages that fail, by the stage's name.
    """

    def __init__(self, kubeconfig: str, namespace: str, exit_codes: Mapping[str, int]) -> None:
        self._client = Client.connect(kubeconfig=kubeconfig)
        self._namespace = namespace
        self._exit_codes = exit_codes
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"kubelet of {namespace}")
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._closed.set()
        self._thread.join()
        self._client.close()

    def _work(self) -> None:
        path = paths.pods(self._namespace)
        selector = f"{labels.MANAGED_BY}={labels.BODYWORK}"
        while not self._closed.is_set():
            pods, version = self._client.list_all(path, label_selector=selector)
            for pod in pods:
                self._attend(pod)
            for event in self._client.watch(
                path, version, label_selector=selector, timeout_seconds=LOOK_SECONDS
            ):
                if event["type"] == "ADDED":
                    self._attend(event["object"])
                if self._closed.is_set():
                    return

    def _attend(self, pod: Found) -> None:
        if pod["status"]["phase"] != "Pending" or "deletionTimestamp" in pod["metadata"]:
            return
        stage = pod["metadata"]["labels"][labels.STAGE]
        started = _now()
        try:
            self._say(pod, "Running", {"running": {"startedAt": started}}, ready=True)
            if pod["metadata"]["ownerReferences"][0]["kind"] == "Job":
                code = self._exit_codes.get(stage, 0)
                ended = {"exitCode": code, "startedAt": started, "finishedAt": _now()}
                reason = "Error" if code else "Completed"
                phase = "Failed" if code else "Succeeded"
                self._say(pod, phase, {"terminated": {**ended, "reason": reason}}, ready=False)
        except BodyworkError:
            return  # it was deleted meanwhile

    def _say(self, pod: Found, phase: str, state: Found, *, ready: bool) -> None:
        container = pod["spec"]["containers"][0]
        told = {
            "name": container["name"],
            "image": container["image"],
            "imageID": "none",
            "ready": ready,
            "restartCount": 0,
            "state": state,
        }
        condition = {"status": str(ready), "lastTransitionTime": _now()}
        status = {
            "phase": phase,
            "podIP": "10.88.0.2",
            "startTime": _now(),
            "containerStatuses": [told],
            "conditions": [{"type": kind, **condition} for kind in ("Ready", "ContainersReady")],
        }
        path = paths.pod(self._namespace, pod["metadata"]["name"])
        self._client.patch(f"{path}/status", {"status": status})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
