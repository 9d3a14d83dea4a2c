"""What becomes of a Job whose pod does not do as it should: bounded, and told."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster import labels
from bodywork.cluster.client import Client
from bodywork.cluster.engine import KubernetesEngine
from bodywork.cluster.views import RunView
from bodywork.cluster.watching import Watched
from bodywork.errors import EngineError, NoRoom
from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.run import Checkout, Observation, Phase, StageRun
from statemachine.retries import ONCE
from statemachine.scheduling import Threads
from tests.bodywork.workflow.harness import batch
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_answers import Request
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server

Found = dict[str, Any]

NAMESPACE = Namespace("shop")
RUN = RunName("run-1")
TRAIN = StageRun(NAMESPACE, ProjectName("shop"), RUN, StageName("train"), 1)
JOBS, PODS = "/apis/batch/v1/namespaces/shop/jobs", "/api/v1/namespaces/shop/pods"
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": RUN, "uid": "uid-of-run-1"}
COMMIT = "a" * 40
STARTED, ENDED = "2026-11-23T17:00:01Z", "2026-11-23T17:00:09Z"
RUNNING: Found = {"running": {"startedAt": STARTED}}


def ended(code: int) -> Found:
    return {"terminated": {"exitCode": code, "startedAt": STARTED, "finishedAt": ENDED}}


class Hours(Threads):
    """The machine's own threads, with hours that pass when they are asked to."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed


class Scene:
    """A Job of a controller that looks at it through an API server, without a kubelet."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server = server
        self.hours = Hours()
        self._folder = folder
        self._client = Client.connect(
            kubeconfig=str(write_kubeconfig(folder, server.url)), policy=ONCE
        )
        self._engines: list[KubernetesEngine] = []
        self.engine = self.another()

    def another(self) -> KubernetesEngine:
        """Return the engine of a controller that begins now."""
        engine = KubernetesEngine(
            self._client, NAMESPACE, owner_of=lambda run: OWNER, scheduler=self.hours
        )
        self._engines.append(engine)
        return engine

    def close(self) -> None:
        for engine in self._engines:
            engine.close()

    def start(self) -> None:
        checkout = Checkout("https://git.example/shop", "main", COMMIT, self._folder, {})
        self.engine.publish_source(RUN, checkout)
        self.engine.ensure_job(TRAIN, batch("train"), COMMIT, "image")

    def job(self) -> Found:
        [found] = self.server.objects.list(JOBS, {})[0]
        return found

    def pod(self) -> Found:
        [found] = self.server.objects.list(PODS, {})[0]
        return found

    def has_pod(self, state: Found, *others: Found, **status: Any) -> None:
        """Let the Job have a pod of that state, in the place of the one it has."""
        job = self.job()
        body = {
            "kind": "Pod",
            "metadata": {
                "name": "train-pod",
                "namespace": NAMESPACE,
                "labels": job["spec"]["template"]["metadata"]["labels"],
                "ownerReferences": [{"uid": job["metadata"]["uid"]}],
            },
            "spec": {**job["spec"]["template"]["spec"], "nodeName": "node-7"},
            "status": {
                "phase": "Running",
                "startTime": STARTED,
                "containerStatuses": [{"name": "stage", "state": state}, *others],
                **status,
            },
        }
        if self.server.objects.list(PODS, {})[0]:
            self.server.objects.replace(PODS, "train-pod", body)
        else:
            self.server.objects.create(PODS, body)

    def job_is(self, kind: str, **more: str) -> None:
        job = self.job()
        condition = {"type": kind, "status": "True", "lastTransitionTime": ENDED, **more}
        job["status"] = {"conditions": [condition], "completionTime": ENDED}
        del job["metadata"]["resourceVersion"]
        self.server.objects.replace(JOBS, job["metadata"]["name"], job)

    def look(self, wanted: Callable[[Observation], bool]) -> Observation:
        """Look until what is wanted is seen; a watch tells of changes a moment later."""
        for _ in range(100):
            seen = self.engine.observe_job(TRAIN)
            if wanted(seen):
                return seen
            self.engine.wait([TRAIN], 0.2)
        raise AssertionError(f"never seen; last {seen}")

    def changes(self) -> list[tuple[str, str, Found]]:
        """Return what was changed of Jobs and pods: method, kind, specification."""
        return [
            (each.method, each.path.split("/")[-2], (each.body or {}).get("spec") or {})
            for each in self.server.requests
            if each.method in ("PATCH", "DELETE")
        ]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(RunView, "patience", 0.05)
    with api_server() as server:
        made = Scene(server, tmp_path)
        yield made
        made.close()


def wait_in_virtual_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a minute pass each time that somebody waits for the bell."""
    ring = type(scene.engine._bell).wait

    def wait(bell: Any, seen: int, timeout: float | None) -> None:
        scene.hours.passed += 60.0
        ring(bell, seen, timeout)

    monkeypatch.setattr(type(scene.engine._bell), "wait", wait)


# -- a dead node ---------------------------------------------------------------------------------


def test_what_nobody_ends_is_given_up_and_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.start()
    scene.has_pod(RUNNING)
    wait_in_virtual_time(scene, monkeypatch)
    with pytest.raises(EngineError) as caught:
        scene.engine.stop_job(TRAIN)
    assert caught.value.message == (
        "pod train-pod on node node-7 does not end: it may still run there"
    )
    assert "kubectl delete node" in caught.value.hint
    soon = {"activeDeadlineSeconds": 1}
    assert scene.changes() == [
        ("PATCH", "pods", soon),  # the kubelet is asked first
        ("PATCH", "jobs", {}),  # the verdict is noted
        ("PATCH", "jobs", soon),  # then the Job's controller
    ]


def test_an_end_that_the_jobs_controller_brings_is_enough(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.start()
    scene.has_pod(RUNNING)
    ring = type(scene.engine._bell).wait

    def wait(bell: Any, seen: int, timeout: float | None) -> None:
        if scene.job()["spec"]["activeDeadlineSeconds"] == 1:
            scene.has_pod(ended(143), phase="Failed")
        else:
            scene.hours.passed += 0.1
        ring(bell, seen, timeout)

    monkeypatch.setattr(type(scene.engine._bell), "wait", wait)
    scene.engine.stop_job(TRAIN)
    assert scene.look(lambda seen: seen.phase is Phase.FAILED).reason == "stopped"


def test_a_job_that_must_fail_and_cannot_is_lost_in_the_end(scene: Scene) -> None:
    scene.start()
    scene.has_pod(RUNNING, reason="NodeLost")
    scene.job_is("FailureTarget", reason="DeadlineExceeded")
    scene.look(lambda seen: seen.phase is Phase.RUNNING)

    def an_hour_later(seen: Observation) -> bool:
        scene.hours.passed += 3600  # the limit begins when the watch has told what the Job is
        return seen.phase is Phase.LOST

    seen = scene.look(an_hour_later)
    assert seen.reason == "pod train-pod on node node-7 does not end: it may still run there"


def test_a_job_that_never_says_it_is_complete_is_not_waited_for_without_end(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.start()
    scene.has_pod(ended(0))
    scene.look(lambda seen: seen.phase is Phase.SUCCEEDED)
    assert not scene.engine.is_closed(TRAIN)
    scene.hours.passed += 3600
    assert scene.engine.is_closed(TRAIN)
    assert "is not Complete: pod train-pod on node node-7 does not end" in caplog.text


# -- sidecars ------------------------------------------------------------------------------------

MESH = {"name": "istio-proxy", "state": RUNNING}


@pytest.mark.parametrize(("code", "phase"), [(0, Phase.SUCCEEDED), (3, Phase.FAILED)])
def test_a_pod_that_a_sidecar_keeps_alive_is_ended_and_told(
    scene: Scene, caplog: pytest.LogCaptureFixture, code: int, phase: Phase
) -> None:
    scene.start()
    scene.has_pod(ended(code), MESH)
    scene.look(lambda seen: seen.phase is phase)
    scene.engine.observe_job(TRAIN)
    # eight seconds of the stage's own, by the node's clock, and fifteen more
    wanted = [("PATCH", "jobs", {}), ("PATCH", "pods", {"activeDeadlineSeconds": 23})]
    assert scene.changes()[:2] == wanted
    assert all(each in wanted for each in scene.changes())
    assert scene.job()["metadata"]["annotations"][labels.OUTLIVED] == "istio-proxy"
    assert not scene.engine.is_closed(TRAIN)
    # the kubelet ends the pod, and Kubernetes calls the Job Failed
    scene.has_pod(
        ended(code), {**MESH, "state": ended(0)}, phase="Failed", reason="DeadlineExceeded"
    )
    scene.job_is("Failed", reason="BackoffLimitExceeded")
    seen = scene.another().observe_job(TRAIN)  # of a controller that knows nothing
    assert (seen.phase, seen.exit_code) == (phase, code)
    assert "MAX_COMPLETION" not in seen.reason
    if code == 0:
        assert "container istio-proxy goes on" in seen.reason
        while not scene.engine.is_closed(TRAIN):
            scene.engine.wait([TRAIN], 0.2)
        scene.engine.is_closed(TRAIN)
        assert caplog.text.count("Kubernetes calls its Job") == 1
        assert "as container istio-proxy outlived it" in caplog.text


def test_a_pod_is_ended_also_by_the_successor_of_who_only_noted_it(scene: Scene) -> None:
    scene.start()
    noted = {"metadata": {"annotations": {labels.OUTLIVED: "istio-proxy"}}}
    scene.server.objects.merge(JOBS, scene.job()["metadata"]["name"], noted)
    scene.has_pod(ended(0), MESH)
    scene.look(lambda seen: seen.phase is Phase.SUCCEEDED)
    assert scene.pod()["spec"]["activeDeadlineSeconds"] == 23


def test_a_stage_alone_in_its_pod_costs_no_request_more(scene: Scene) -> None:
    scene.start()
    scene.has_pod(ended(0), phase="Succeeded")
    scene.look(lambda seen: seen.phase is Phase.SUCCEEDED)
    scene.job_is("Complete")
    while not scene.engine.is_closed(TRAIN):
        scene.engine.wait([TRAIN], 0.2)
    assert scene.changes() == []


# -- a silent watch ------------------------------------------------------------------------------


def test_a_job_that_a_silent_watch_has_not_told_of_is_not_said_to_be_gone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watched, "_watch", lambda watched: watched._closed.wait())
    late = scene.another()
    assert late.observe_job(TRAIN).phase is Phase.ABSENT
    scene.start()
    assert late.observe_job(TRAIN).phase is Phase.PENDING
    late.close()


# -- what keeps it from starting -----------------------------------------------------------------


def waits(message: str) -> Found:
    return {"waiting": {"reason": "ErrImagePull", "message": message}}


def test_what_mostly_passes_is_waited_for_and_then_costs_a_try(scene: Scene) -> None:
    scene.start()
    scene.has_pod(waits("429 Too Many Requests"), phase="Pending")
    seen = scene.look(lambda seen: bool(seen.reason))
    assert (seen.phase, seen.final) == (Phase.PENDING, False)
    scene.hours.passed += 299
    scene.engine.observe_job(TRAIN)
    assert scene.changes() == []
    scene.hours.passed += 1
    scene.engine.observe_job(TRAIN)
    scene.engine.observe_job(TRAIN)
    assert scene.changes() == [("PATCH", "jobs", {"activeDeadlineSeconds": 1})]
    scene.job_is("Failed", reason="DeadlineExceeded")
    seen = scene.look(lambda seen: seen.phase is Phase.FAILED)
    assert seen.reason == "the image cannot be pulled: 429 Too Many Requests (for 5 minutes)"
    assert (seen.final, bool(seen.hint)) == (False, True)
    assert scene.another().observe_job(TRAIN) == seen


@pytest.mark.parametrize("in_between", ["ends", "changes"])
def test_a_job_is_ended_as_it_was_seen_or_looked_at_again(scene: Scene, in_between: str) -> None:
    scene.start()
    scene.has_pod(waits("manifest unknown"), phase="Pending")
    patched: list[str] = []

    def happen(asked: Request) -> None:
        if asked.method == "PATCH" and not patched:
            patched.append(asked.path)
            if in_between == "ends":
                scene.job_is("Complete")
            else:
                note = {"metadata": {"annotations": {"note": "of somebody else"}}}
                scene.server.objects.merge(JOBS, scene.job()["metadata"]["name"], note)

    scene.server.gate = happen
    scene.engine.observe_job(TRAIN)
    assert patched
    assert (labels.annotation(scene.job(), labels.VERDICT) == "") == (in_between == "ends")
    assert (scene.job()["spec"]["activeDeadlineSeconds"] == 1) == (in_between == "changes")


def test_what_is_hopeless_costs_no_try(scene: Scene) -> None:
    scene.start()
    scene.has_pod(waits("manifest unknown"), phase="Pending")
    scene.look(lambda seen: bool(seen.reason))
    scene.job_is("Failed", reason="DeadlineExceeded")
    seen = scene.look(lambda seen: seen.phase is Phase.FAILED)
    assert (seen.reason, seen.final) == ("the image cannot be pulled: manifest unknown", True)


def test_a_quota_on_jobs_is_no_room_for_now(scene: Scene) -> None:
    message = (
        'jobs.batch "x" is forbidden: exceeded quota: small, requested: count/jobs.batch=1, '
        "used: count/jobs.batch=5, limited: count/jobs.batch=5"
    )
    scene.server.will(
        Misbehaviour.REFUSE,
        "POST",
        path="/jobs",
        status=403,
        reason="Forbidden",
        message=message,
        times=2,
    )
    with pytest.raises(NoRoom, match=r"the namespace's quota is exhausted: .*count/jobs"):
        scene.start()
    scene.start()
    assert scene.job()
