"""What a person has copied from ours has our labels; it is not taken for what we made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster import labels
from bodywork.model.run import Claim, Phase
from tests.bodywork.cluster import test_verdicts_of_jobs as of_jobs
from tests.bodywork.cluster import test_verdicts_of_services as of_services
from tests.bodywork.cluster.shop import SETS, Shop
from tests.servers.kubernetes_api import ApiServer, api_server

Found = dict[str, Any]
PODS = of_jobs.PODS
CRASHED = of_jobs.ended(1)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as served:
        yield served


@pytest.fixture
def job(server: ApiServer, tmp_path: Path) -> Iterator[of_jobs.Scene]:
    scene = of_jobs.Scene(server, tmp_path)
    yield scene
    scene.close()


@pytest.fixture
def service(server: ApiServer, tmp_path: Path) -> Iterator[of_services.Scene]:
    scene = of_services.Scene(server, tmp_path)
    yield scene
    scene.engine.close()


def copy_pod(
    server: ApiServer, borne: dict[str, str], state: Found, phase: str, **container: Any
) -> None:
    """Make a pod by hand; it is listed after all others."""
    body = {
        "kind": "Pod",
        "metadata": {
            "name": "zz-copy",
            "namespace": "shop",
            "labels": borne,
        },
        "spec": {"nodeName": "node-7", "containers": []},
        "status": {
            "phase": phase,
            "startTime": of_jobs.STARTED,
            "containerStatuses": [
                {"name": "stage", "state": state, "restartCount": 0, **container}
            ],
        },
    }
    server.objects.create(PODS, body)


@pytest.mark.parametrize("kind", ["Complete", "Failed"])
@pytest.mark.parametrize("name", ["a-copy", "zz-copy"])
def test_a_copy_of_a_job_ends_no_attempt(job: of_jobs.Scene, kind: str, name: str) -> None:
    job.start()
    body = job.job()
    body["metadata"] = {"name": name, "namespace": "shop", "labels": body["metadata"]["labels"]}
    condition = {"type": kind, "status": "True", "lastTransitionTime": of_jobs.ENDED}
    body["status"] = {"conditions": [condition]}
    copies = job.server.objects
    mine = job.job()
    copies.delete(of_jobs.JOBS, mine["metadata"]["name"], {})
    copies.create(of_jobs.JOBS, body)  # it is listed first, and last
    again = {key: value for key, value in mine["metadata"].items() if key != "resourceVersion"}
    copies.create(of_jobs.JOBS, {**mine, "metadata": again})
    copies.create(of_jobs.JOBS, {**body, "metadata": {**body["metadata"], "name": f"{name}-2"}})
    seen = job.another().observe_job(of_jobs.TRAIN)
    assert seen.phase is Phase.PENDING


def test_the_log_of_an_attempt_is_that_of_its_own_pod(job: of_jobs.Scene) -> None:
    job.start()
    job.has_pod(of_jobs.ended(0), phase="Succeeded")
    copy_pod(job.server, labels.labels_of(of_jobs.TRAIN), of_jobs.ended(1), "Failed")
    job.server.logs = {
        "train-pod": [b"2026-11-23T17:00:02Z ours\n"],
        "zz-copy": [b"2026-11-23T17:00:02Z not ours\n"],
    }
    for engine in (job.engine, job.another()):
        assert [line.text for line in engine.read_log(of_jobs.TRAIN)] == ["ours"]


@pytest.mark.parametrize(
    ("state", "container"),
    [
        ({"waiting": {"reason": "CrashLoopBackOff"}}, {"restartCount": 3, "lastState": CRASHED}),
        (of_jobs.RUNNING, {"restartCount": 1, "lastState": CRASHED}),
        (CRASHED, {}),
        ({"waiting": {"reason": "InvalidImageName"}}, {}),
    ],
)
def test_a_copy_of_a_services_pod_fails_no_version(
    service: of_services.Scene, state: Found, container: Found
) -> None:
    service.has(of_services.NEW)
    service.has_pod(of_services.NEW)
    attempt = of_services.version(of_services.NEW)
    copy_pod(service.server, labels.labels_of(attempt), state, "Running", **container)
    assert service.engine.observe_version(attempt).phase is Phase.READY


def test_a_roll_back_takes_no_template_of_a_replica_set_of_others() -> None:
    shop = Shop()
    shop.desk("run-0").deploy()
    shop.over.add("run-0")
    desk = shop.desk("run-1")
    claim = desk.claim()
    desk.ensure()
    shop.roll_out()
    for collection, name in list(shop.objects.kept):
        if collection == SETS:
            found = shop.objects.get(collection, name)
            found["metadata"]["ownerReferences"][0]["uid"] = "another Deployment's"
            shop.objects.replace(collection, name, found)
    seen = desk.restore(claim)
    assert seen.phase is Phase.FAILED
    assert "kept nothing of version run-0/1" in seen.reason


def test_a_roll_back_waits_for_no_copy_of_a_pod(service: of_services.Scene) -> None:
    uid = service.has(of_services.OLD)
    attempt = of_services.version(of_services.NEW)
    copy_pod(service.server, labels.labels_of(attempt), of_jobs.RUNNING, "Running")
    claim = Claim(uid, of_services.PREVIOUS)
    seen = service.look(
        lambda: service.engine.restore_version(attempt, claim),
        lambda seen: seen.phase is not Phase.RUNNING,
    )
    assert seen.phase is Phase.READY
