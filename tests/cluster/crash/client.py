"""A client that looks all the time whether a service answers."""

import contextlib
import threading
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.errors import Unavailable
from tests.cluster.site import Cluster, Site
from tests.cluster.visitor import Visitor

Found = dict[str, Any]
LOOK_SECONDS = 5


class Endpoints:
    """Follows the pods of a service where nothing is executed: one must be ready at each moment.

    That is what a Service would send requests to; each change of a pod is looked at.
    """

    def __init__(self, cluster: Cluster, namespace: str, project: str, stage: str) -> None:
        self._client = Client.connect(kubeconfig=cluster.kubeconfig)
        self._path = paths.pods(namespace)
        self._selector = f"{labels.PROJECT}={project},{labels.STAGE}={stage}"
        self._ready: set[str] = set()
        self._closed = threading.Event()
        self._begun = threading.Event()
        self.looks = 0
        self.failures = 0
        self.seen: list[str] = []
        """What was heard of pods, for whoever has to find out why a look failed."""
        self._thread = threading.Thread(target=self._work, name="client of a service")
        self._thread.start()
        assert self._begun.wait(60), "the pods cannot be listed"

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._client.close()

    def _work(self) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(Unavailable):
                self._follow()

    def _follow(self) -> None:
        pods, version = self._client.list_all(self._path, label_selector=self._selector)
        self._ready = {each["metadata"]["name"] for each in pods if _is_ready(each)}
        self._look(f"listed at {version}: {sorted(self._ready)}")
        self._begun.set()
        for event in self._client.watch(
            self._path, version, label_selector=self._selector, timeout_seconds=LOOK_SECONDS
        ):
            if event["type"] != "BOOKMARK":
                pod = event["object"]
                self._ready.discard(pod["metadata"]["name"])
                if event["type"] != "DELETED" and _is_ready(pod):
                    self._ready.add(pod["metadata"]["name"])
                self._look(_told(event["type"], pod))
            if self._closed.is_set():
                return

    def _look(self, heard: str) -> None:
        self.seen.append(heard)
        self.looks += 1
        self.failures += not self._ready


class Requests:
    """Asks a service on a real node, again and again."""

    def __init__(self, site: Site, project: str, stage: str) -> None:
        self._visitor = Visitor(site, f"http://{project}--{stage}:5000", project)
        self.looks = 0
        self.failures = 0
        self.seen: list[str] = []

    def close(self) -> None:
        counted = self._visitor.counted()
        self.looks = counted.total()
        self.failures = sum(count for word, count in counted.items() if word.startswith("FAILED"))


def _is_ready(pod: Found) -> bool:
    if "deletionTimestamp" in pod["metadata"]:
        return False
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _told(event: str, pod: Found) -> str:
    """Return a line about a pod that has changed."""
    metadata = pod["metadata"]
    commit = labels.annotation(pod, labels.COMMIT)[:7]
    going = " is being deleted" if "deletionTimestamp" in metadata else ""
    ready = "ready" if _is_ready(pod) else pod.get("status", {}).get("phase", "")
    return f"{metadata['resourceVersion']} {event} {metadata['name']} ({commit}) {ready}{going}"
