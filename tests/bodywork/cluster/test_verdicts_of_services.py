"""What others do to a service's Deployment and pods: bounded, and told."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster import labels
from bodywork.cluster.client import Client
from bodywork.cluster.engine import KubernetesEngine
from bodywork.cluster.manifests import StageSource, build_deployment
from bodywork.cluster.views import PATIENCE_SECONDS
from bodywork.model.names import ProjectName, RunName, StageName
from bodywork.model.run import Claim, Observation, Phase, ServiceVersion, StageRun
from statemachine.retries import ONCE
from tests.bodywork.cluster.test_verdicts_of_jobs import (
    COMMIT,
    NAMESPACE,
    OWNER,
    RUNNING,
    STARTED,
    Hours,
)
from tests.bodywork.workflow.harness import service
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, api_server

Found = dict[str, Any]

DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
PODS = "/api/v1/namespaces/shop/pods"
NAME = "shop--serve"
STAGE = service("serve")


def version(run: str) -> StageRun:
    return StageRun(NAMESPACE, ProjectName("shop"), RunName(run), StageName("serve"), 1)


OLD, NEW = "run-0", "run-1"
PREVIOUS = ServiceVersion("run-0/1", RunName(OLD), StageName("serve"), COMMIT)


class Scene:
    """A service that one version is rolled out of, through an API server without controllers."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server = server
        self.hours = Hours()
        client = Client.connect(kubeconfig=str(write_kubeconfig(folder, server.url)), policy=ONCE)
        self.engine = KubernetesEngine(
            client, NAMESPACE, owner_of=lambda run: OWNER, scheduler=self.hours
        )

    def has(self, run: str, *, replicas: int | None = None, ready: int = 1, **spec: Any) -> str:
        """Let the Deployment have that run's version, with so many replicas of it; its uid."""
        source = StageSource("https://git.example/shop", "main", COMMIT)
        body = build_deployment(version(run), STAGE, "image", source, "git.example/shop")
        body["spec"] |= spec | ({} if replicas is None else {"replicas": replicas})
        body["metadata"]["annotations"] = {
            labels.ACCEPTED: "run-0/1",
            **({labels.ROLLED_BACK_BY: NEW} if run == OLD else {}),
        }
        body["status"] = {
            "observedGeneration": 9,
            "replicas": ready,
            "updatedReplicas": ready,
            "availableReplicas": ready,
        }
        found = self.server.objects.create(DEPLOYMENTS, body)
        return str(found["metadata"]["uid"])

    def has_pod(self, run: str, **metadata: Any) -> None:
        body = {
            "kind": "Pod",
            "metadata": {
                "name": f"{run}-pod",
                "namespace": NAMESPACE,
                "labels": labels.labels_of(version(run)),
                "ownerReferences": [{"kind": "ReplicaSet", "uid": f"set-of-{run}"}],
                **metadata,
            },
            "spec": {"nodeName": "node-7", "containers": []},
            "status": {
                "phase": "Running",
                "containerStatuses": [{"name": "stage", "state": RUNNING, "restartCount": 0}],
            },
        }
        self.server.objects.create(PODS, body)

    def look(
        self, look: Callable[[], Observation], wanted: Callable[[Observation], bool]
    ) -> Observation:
        for _ in range(50):
            seen = look()
            if wanted(seen):
                return seen
            self.engine.wait([], 0.1)
        raise AssertionError(f"never seen; last {seen}")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with api_server() as server:
        made = Scene(server, tmp_path)
        yield made
        made.engine.close()


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"paused": True}, "somebody has paused the Deployment shop--serve: nothing is rolled out"),
        (
            {"replicas": 0},
            "the Deployment shop--serve is scaled to 0 replicas: no version can be seen to answer",
        ),
    ],
)
def test_a_standstill_lasts_as_long_as_a_version_may_take(
    scene: Scene, spec: Found, reason: str
) -> None:
    scene.has(NEW, ready=0, **spec)

    def look() -> Observation:
        return scene.engine.observe_version(version(NEW))

    assert (look().phase, look().reason) == (Phase.PENDING, reason)
    scene.hours.passed += 29
    assert look().phase is Phase.PENDING
    scene.hours.passed += 1
    seen = look()
    assert (seen.phase, seen.final) == (Phase.FAILED, False)
    assert seen.reason == f"{reason}, for MAX_STARTUP_TIME_SECONDS=30"
    assert seen.hint.startswith("kubectl -n NAMESPACE ")


def test_a_pause_that_ends_begins_the_bound_anew(scene: Scene) -> None:
    scene.has(NEW, ready=0, paused=True)

    def look() -> Observation:
        return scene.engine.observe_version(version(NEW))

    def turn(paused: bool) -> None:
        scene.server.objects.merge(DEPLOYMENTS, NAME, {"spec": {"paused": paused}})
        scene.look(look, lambda seen: bool(seen.reason) == paused)

    assert look().reason
    scene.hours.passed += 29
    turn(False)
    turn(True)
    scene.hours.passed += 29
    assert look().phase is Phase.PENDING


def test_a_pod_of_the_failed_version_that_nobody_ends_does_not_hide_the_restored_one(
    scene: Scene,
) -> None:
    uid = scene.has(OLD)
    scene.has_pod(NEW, deletionTimestamp=STARTED)

    def look() -> Observation:
        return scene.engine.restore_version(version(NEW), Claim(uid, PREVIOUS))

    seen = look()
    told = "pod run-1-pod on node node-7 does not end: it may still run there"
    assert (seen.phase, seen.reason) == (Phase.RUNNING, told)
    scene.hours.passed += PATIENCE_SECONDS
    seen = look()
    assert (seen.phase, seen.reason) == (Phase.READY, "")  # restored, not left alone
    assert seen.hint.startswith(told)


def test_a_pod_that_was_not_even_asked_to_end_is_waited_for(scene: Scene) -> None:
    uid = scene.has(OLD)
    scene.has_pod(NEW)
    for _ in range(3):
        seen = scene.engine.restore_version(version(NEW), Claim(uid, PREVIOUS))
        assert seen.phase is Phase.RUNNING
        scene.hours.passed += PATIENCE_SECONDS


def test_the_pod_of_a_removed_service_that_nobody_ends_is_told(scene: Scene) -> None:
    scene.has_pod(NEW, deletionTimestamp=STARTED)

    def look() -> Observation:
        return scene.engine.restore_version(version(NEW), Claim("gone", None))

    assert look().phase is Phase.RUNNING
    scene.hours.passed += PATIENCE_SECONDS
    seen = look()
    assert (seen.phase, seen.reason) == (Phase.ABSENT, "")
    assert "run-1-pod on node node-7" in seen.hint


def test_a_service_that_was_scaled_to_0_before_is_restored_to_that(scene: Scene) -> None:
    uid = scene.has(OLD, replicas=0, ready=0)
    seen = scene.engine.restore_version(version(NEW), Claim(uid, PREVIOUS))
    assert (seen.phase, seen.reason) == (Phase.READY, "")
    assert "is scaled to 0 replicas" in seen.hint


def test_what_a_paused_roll_back_waits_for_is_told(scene: Scene) -> None:
    uid = scene.has(OLD, ready=0, paused=True)
    seen = scene.engine.restore_version(version(NEW), Claim(uid, PREVIOUS))
    assert seen.phase is Phase.RUNNING
    assert seen.reason.startswith("somebody has paused the Deployment")
