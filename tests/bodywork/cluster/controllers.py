"""Real controllers of batch runs over the small API server, which plays the kubelet as well."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from bodywork.cluster import labels
from bodywork.cluster.client import Client
from bodywork.cluster.engine import KubernetesEngine
from bodywork.cluster.objects import ClusterObjects
from bodywork.model.names import Namespace, RunName
from bodywork.workflow.context import Context
from bodywork.workflow.execute import Controller, build_runner, earlier_run
from bodywork.workflow.progress import Progress, Request
from bodywork.workflow.record import parse_progress
from statemachine.ownership import Ownership, this_process
from statemachine.retries import RetryPolicy
from statemachine.stores.cluster_leases import ClusterLeaseStore
from statemachine.stores.configmap import ConfigMapStore
from tests.bodywork.workflow.harness import Repository, Silence
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer
from tests.servers.kubernetes_objects import Object, Refusal

NAMESPACE = Namespace("shop")
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
NOON = "2026-01-01T12:00:00Z"
PATIENT = RetryPolicy(attempts=20, deadline_seconds=30, initial_wait_seconds=0.001)


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return monotonic()


class Kubelet:
    """Runs what Jobs ask for, as soon as they do, in the thread of whoever writes them.

    `codes`: exit codes of a stage's attempts, the last one repeats; None goes on until it is ended.
    """

    def __init__(self, server: ApiServer, codes: dict[str, list[int | None]]) -> None:
        self.objects = server.objects
        self.codes = codes
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        with self.objects.changed:
            self.objects.changed.notify_all()
        self._thread.join()

    def all(self, collection: str) -> list[Object]:
        return self.objects.list(collection, {})[0]

    def settle(self) -> None:
        """Carry every Job as far as it goes."""
        for job in self.all(JOBS):
            self._carry_on(job)

    def _work(self) -> None:
        seen = -1
        while not self._end.is_set():
            with self.objects.changed:
                self.objects.changed.wait_for(
                    lambda: self._end.is_set() or self.objects.version != seen  # noqa: B023
                )
                seen = self.objects.version
            self.settle()

    def _carry_on(self, job: Object) -> None:
        if job["spec"].get("suspend") or job.get("status", {}).get("conditions"):
            return
        uid, name = job["metadata"]["uid"], job["metadata"]["name"]
        pods = [
            pod for pod in self.all(PODS) if pod["metadata"]["ownerReferences"][0]["uid"] == uid
        ]
        borne = job["metadata"]["labels"]
        codes = self.codes.get(borne[labels.STAGE], [0])
        code = codes[min(int(borne[labels.ATTEMPT]), len(codes)) - 1]
        if any(each["spec"].get("activeDeadlineSeconds") == 1 for each in (job, *pods)):
            code = 143
        if not pods:
            self._write(self.objects.create, PODS, _pod(job))
        elif code is not None:
            ended = {"exitCode": code, "startedAt": NOON, "finishedAt": NOON}
            phase = "Succeeded" if code == 0 else "Failed"
            status = [{"name": "stage", "state": {"terminated": ended}}]
            told = {"phase": phase, "startTime": NOON, "containerStatuses": status}
            self._write(self.objects.merge, PODS, f"{name}-pod", {"status": told})
            kind = "Complete" if code == 0 else "Failed"
            condition = {"type": kind, "status": "True", "lastTransitionTime": NOON}
            over = {"conditions": [condition], "completionTime": NOON}
            self._write(self.objects.merge, JOBS, name, {"status": over})

    def _write(self, write: Callable[..., Any], *arguments: Any) -> None:
        try:
            write(*arguments)
        except Refusal:
            return  # somebody else has changed it meanwhile: the next round looks again


def _pod(job: Object) -> Object:
    running = {"name": "stage", "state": {"running": {"startedAt": NOON}}}
    owner = {"kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"{job['metadata']['name']}-pod",
            "labels": dict(job["metadata"]["labels"]),
            "ownerReferences": [owner],
        },
        "spec": dict(job["spec"]["template"]["spec"], activeDeadlineSeconds=30),
        "status": {"phase": "Running", "startTime": NOON, "containerStatuses": [running]},
    }


class Desk:
    """What one controller process has; `token` tells its requests from those of others."""

    def __init__(
        self,
        server: ApiServer,
        repository: Repository,
        folder: Path,
        token: str,
        sleep: Callable[[float], None],
    ) -> None:
        folder.mkdir()
        path = str(write_kubeconfig(folder, server.url, user={"token": token}))
        self.client = Client.connect(kubeconfig=path, policy=PATIENT, sleep=sleep)
        maps = ClusterObjects(self.client, NAMESPACE, "api/v1", "configmaps")
        mark = {labels.MANAGED_BY: labels.BODYWORK}
        self.store = ConfigMapStore(maps, {**mark, labels.KIND: "run"})
        self.engine = KubernetesEngine(self.client, NAMESPACE, owner_of=self._owner_of)
        leases = ClusterObjects(self.client, NAMESPACE, "apis/coordination.k8s.io/v1", "leases")
        context = Context(
            engine=self.engine,
            source=repository,
            clock=SystemClock(),
            report=Silence(),
            load_project=repository.load,
            earlier=earlier_run(self.store, self.engine),
            pause=lambda number: 0.001,
        )
        runner = build_runner(context, self.store, software="test", retry=PATIENT)
        self.ownership = Ownership(
            ClusterLeaseStore(leases, self.store.reference, mark),
            self.store,
            runner,
            this_process("test"),
            renew_seconds=3600.0,
        )
        self.controller = Controller(context, self.store, self.ownership, runner)

    def _owner_of(self, run: RunName) -> dict[str, Any]:
        return dict(self.store.reference(run))

    def begin(self, name: str) -> RunName:
        return self.controller.begin(Request(NAMESPACE, "https://git.example/r", "c0"), name)

    def progress(self, run: RunName) -> Progress:
        return parse_progress(self.store.load(run).checkpoint.data)

    def close(self) -> None:
        self.engine.close()
        self.client.close()


def await_watches() -> None:
    """Let the watches of closed desks end, once their server has stopped."""
    for thread in threading.enumerate():
        if thread.name.startswith("watch"):
            thread.join(30)


@contextmanager
def running(kubelet: Kubelet) -> Iterator[Kubelet]:
    """Let it work until the context ends."""
    kubelet.start()
    try:
        yield kubelet
    finally:
        kubelet.stop()


@contextmanager
def opened(desk: Desk) -> Iterator[Desk]:
    """Close the desk at the end."""
    try:
        yield desk
    finally:
        desk.close()
