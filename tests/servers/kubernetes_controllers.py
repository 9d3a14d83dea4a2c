"""Scripted Job and Deployment controllers for the small API server: what a cluster does by itself.

A thread looks at all objects after every change, and moves each on by one step.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bodywork.cluster import labels
from tests.servers.kubernetes_api import ApiServer
from tests.servers.kubernetes_objects import Object, Refusal

NAMESPACE = "shop"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
SETS = f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
NOW = "2026-01-01T00:00:00Z"
REVISION = "deployment.kubernetes.io/revision"


@dataclass
class Controllers:
    """The controllers of one server.

    Attributes:
        codes: stage → the exit code of its Jobs; 0 for others.
        jobs: the names of all Jobs ever seen, with their uids.
    """

    server: ApiServer
    codes: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, set[str]] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Work until `ended` is set."""
        seen = -1
        while not self.ended.is_set():
            with self.server.objects.changed:
                if self.server.objects.version == seen:
                    self.server.objects.changed.wait(1.0)
                seen = self.server.objects.version
            with contextlib.suppress(Refusal):  # somebody else was faster: look again
                for job in self._all(JOBS):
                    self._job(job)
                for deployment in self._all(DEPLOYMENTS):
                    self._deployment(deployment)
                self._collect_garbage()

    def version(self, name: str = "shop--serve") -> str:
        """Return the version that a Deployment has, "" for none."""
        for each in self._all(DEPLOYMENTS):
            if each["metadata"]["name"] == name:
                return str(each["spec"]["template"]["metadata"]["annotations"][labels.VERSION])
        return ""

    def _all(self, collection: str) -> list[Object]:
        return self.server.objects.list(collection, {})[0]

    def _put(self, collection: str, body: Object) -> None:
        self.server.objects.replace(collection, body["metadata"]["name"], body)

    def _pods_of(self, uid: str) -> list[Object]:
        owned = (each for each in self._all(PODS))
        return [each for each in owned if each["metadata"]["ownerReferences"][0]["uid"] == uid]

    def _pod(self, owner: Object, template: Object, status: Object) -> None:
        metadata = {
            "name": f"{owner['metadata']['name']}-pod",
            "namespace": NAMESPACE,
            "labels": dict(template["metadata"]["labels"]),
            "ownerReferences": [_owner(owner)],
        }
        body = {"kind": "Pod", "metadata": metadata, "spec": template["spec"], "status": status}
        with contextlib.suppress(Refusal):
            self.server.objects.create(PODS, body)

    def _job(self, job: Object) -> None:
        metadata = job["metadata"]
        self.jobs.setdefault(metadata["name"], set()).add(metadata["uid"])
        if job.get("status", {}).get("conditions"):
            return None
        pods = self._pods_of(metadata["uid"])
        if not pods:
            started = {"running": {"startedAt": NOW}}
            return self._pod(job, job["spec"]["template"], _status("Running", started))
        ended = 1 in (each["spec"].get("activeDeadlineSeconds") for each in (job, pods[0]))
        code = 143 if ended else self.codes.get(metadata["labels"][labels.STAGE], 0)
        done = {"exitCode": code, "startedAt": NOW, "finishedAt": NOW, "message": "boom"}
        phase = "Failed" if code else "Succeeded"
        pods[0]["status"] = _status(phase, {"terminated": done})
        self._put(PODS, pods[0])
        kind = "Failed" if code else "Complete"
        condition = {"type": kind, "status": "True", "lastTransitionTime": NOW}
        job["status"] = {"conditions": [condition], "completionTime": NOW}
        return self._put(JOBS, job)

    def _deployment(self, found: Object) -> None:
        wanted, template = found["spec"].get("replicas", 1), found["spec"]["template"]
        text = json.dumps(template, sort_keys=True).encode()
        name = f"{found['metadata']['name']}-{hashlib.sha256(text).hexdigest()[:8]}"
        uid = found["metadata"]["uid"]
        sets = [s for s in self._all(SETS) if s["metadata"]["ownerReferences"][0]["uid"] == uid]
        newest = max((int(each["metadata"]["annotations"][REVISION]) for each in sets), default=0)
        mine = next((each for each in sets if each["metadata"]["name"] == name), None)
        if mine is None and wanted:
            mine = self._set(found, name, newest + 1)
        if mine is not None and wanted:
            status = _status("Running", {"running": {"startedAt": NOW}})
            self._pod(mine, mine["spec"]["template"], status)
        for each in sets:
            if each["metadata"]["name"] != name:
                for pod in self._pods_of(each["metadata"]["uid"]):
                    self.server.objects.delete(PODS, pod["metadata"]["name"], {})
        counts = ("replicas", "updatedReplicas", "availableReplicas")
        status = {"observedGeneration": 0, **dict.fromkeys(counts, wanted)}
        if found.get("status") != status:
            self._put(DEPLOYMENTS, {**found, "status": status})

    def _collect_garbage(self) -> None:
        """Delete the ReplicaSets of Deployments that are gone, with their pods."""
        living = {each["metadata"]["uid"] for each in self._all(DEPLOYMENTS)}
        for each in self._all(SETS):
            metadata = each["metadata"]
            if metadata["ownerReferences"][0]["uid"] not in living:
                for pod in self._pods_of(metadata["uid"]):
                    self.server.objects.delete(PODS, pod["metadata"]["name"], {})
                self.server.objects.delete(SETS, metadata["name"], {})

    def _set(self, found: Object, name: str, revision: int) -> Object:
        template = json.loads(json.dumps(found["spec"]["template"]))
        template["metadata"]["labels"]["pod-template-hash"] = name.rpartition("-")[2]
        metadata = {
            "name": name,
            "namespace": NAMESPACE,
            "labels": template["metadata"]["labels"],
            "annotations": {REVISION: str(revision)},
            "ownerReferences": [_owner(found)],
        }
        body = {"kind": "ReplicaSet", "metadata": metadata, "spec": {"template": template}}
        return self.server.objects.create(SETS, body)


@contextlib.contextmanager
def controllers(server: ApiServer) -> Iterator[Controllers]:
    """Let a cluster work until the context ends."""
    at_work = Controllers(server)
    thread = threading.Thread(target=at_work.run, name="controllers", daemon=True)
    thread.start()
    try:
        yield at_work
    finally:
        at_work.ended.set()
        with server.objects.changed:
            server.objects.changed.notify_all()
        thread.join()


def _owner(found: Object) -> Object:
    metadata = found["metadata"]
    return {
        "kind": found["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }


def _status(phase: str, state: Any) -> Object:
    container = {"name": "stage", "state": state, "restartCount": 0}
    return {"phase": phase, "startTime": NOW, "containerStatuses": [container]}
