"""A scripted kubelet: it says of each pod of a namespace how it went, where no node does.

Nothing is executed. The pod of a batch stage starts, and ends with the exit code that was scripted
(else 0), or when its deadline is brought forward; that of a service starts and is ready, or
crashes. All else (Jobs, ReplicaSets,
Deployments, garbage collection) is the real controllers'.

Beside a real node, the pods must name the scheduler `SCHEDULER`: then none is given to the node.
"""

import contextlib
import threading
from datetime import UTC, datetime
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.errors import Unavailable
from bodywork.errors import BodyworkError

Found = dict[str, Any]
LOOK_SECONDS = 2
SCHEDULER = "scripted"
"""A scheduler that is not there."""
AT_ONCE, KILLED = 1, 137
"""The deadline by which a pod is ended, in seconds, and the exit code of what was killed."""
Codes = tuple[int, ...]
"""How the attempts of a stage end, in their order, the last one for all that follow; a stage with
none goes on until it is ended."""


class ScriptedKubelet:
    """Works until it is closed.

    Args:
        kubeconfig: an administrator's.
    """

    def __init__(self, kubeconfig: str, namespace: str) -> None:
        self._client = Client.connect(kubeconfig=kubeconfig)
        self._namespace = namespace
        self._scripts: dict[tuple[str, str], Codes] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"kubelet of {namespace}")
        self._thread.start()

    def play(self, commit: str, stage: str, codes: Codes) -> None:
        """Say how a stage goes at a commit; one of which nothing is said succeeds, or serves."""
        self._scripts[commit, stage] = codes

    def close(self) -> None:
        """Stop."""
        self._closed.set()
        self._thread.join()
        self._client.close()

    def _work(self) -> None:
        path = paths.pods(self._namespace)
        selector = f"{labels.MANAGED_BY}={labels.BODYWORK}"
        while not self._closed.is_set():
            with contextlib.suppress(Unavailable):
                self._follow(path, selector)

    def _follow(self, path: str, selector: str) -> None:
        """Attend to all pods there are, and then to each that is new or changed, for a while."""
        pods, version = self._client.list_all(path, label_selector=selector)
        for pod in pods:
            self._attend(pod)
        for event in self._client.watch(
            path, version, label_selector=selector, timeout_seconds=LOOK_SECONDS
        ):
            if event["type"] in ("ADDED", "MODIFIED"):
                self._attend(event["object"])
            if self._closed.is_set():
                return

    def _attend(self, pod: Found) -> None:
        phase = pod["status"]["phase"]
        ended = phase == "Running" and pod["spec"].get("activeDeadlineSeconds") == AT_ONCE
        if "deletionTimestamp" in pod["metadata"] or not (phase == "Pending" or ended):
            return
        batch = pod["metadata"]["ownerReferences"][0]["kind"] == "Job"
        code = self._code_of(pod, 0 if batch else None)
        try:
            if ended:
                self._end(pod)
            elif batch:
                self._run_batch(pod, code)
            elif code is None:
                self._say(pod, "Running", {"state": _running(_now())}, ready=True)
            else:
                self._crash(pod, code)
        except BodyworkError:
            return  # it was deleted meanwhile

    def _code_of(self, pod: Found, otherwise: int | None) -> int | None:
        """Return the exit code of the pod's attempt; None where it goes on."""
        borne = pod["metadata"]["labels"]
        arguments = pod["spec"]["containers"][0]["args"]
        commit = arguments[arguments.index("--commit") + 1]
        codes = self._scripts.get((commit, borne[labels.STAGE]))
        if codes is None:
            return otherwise
        attempt = int(borne[labels.ATTEMPT])
        return codes[min(attempt, len(codes)) - 1] if codes else None

    def _run_batch(self, pod: Found, code: int | None) -> None:
        started = _now()
        self._say(pod, "Running", {"state": _running(started)}, ready=True)
        if code is not None:
            phase = "Failed" if code else "Succeeded"
            self._say(pod, phase, {"state": _terminated(started, code)}, ready=False)

    def _end(self, pod: Found) -> None:
        """End a pod whose deadline was brought forward, as a kubelet does."""
        [container] = pod["status"]["containerStatuses"]
        started = container["state"]["running"]["startedAt"]
        self._say(pod, "Failed", {"state": _terminated(started, KILLED)}, ready=False)

    def _crash(self, pod: Found, code: int) -> None:
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
        told = {"state": waiting, "lastState": _terminated(_now(), code), "restartCount": 1}
        self._say(pod, "Running", told, ready=False)

    def _say(self, pod: Found, phase: str, container_status: Found, *, ready: bool) -> None:
        container = pod["spec"]["containers"][0]
        told = {
            "name": container["name"],
            "image": container["image"],
            "imageID": "none",
            "ready": ready,
            "restartCount": 0,
            **container_status,
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


def _running(started: str) -> Found:
    return {"running": {"startedAt": started}}


def _terminated(started: str, code: int) -> Found:
    reason = "Error" if code else "Completed"
    ended = {"startedAt": started, "finishedAt": _now(), "exitCode": code, "reason": reason}
    return {"terminated": ended}
