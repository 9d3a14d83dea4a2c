"""An attempt's log is followed from pod to pod, and what is no line of it is said once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.cluster import engine
from tests.bodywork.cluster import test_verdicts_of_jobs as of_jobs
from tests.servers.kubernetes_answers import Request
from tests.servers.kubernetes_api import api_server

PODS = of_jobs.PODS


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[of_jobs.Scene]:
    monkeypatch.setattr(engine, "STREAM_SECONDS", 0.0)
    with api_server() as served:
        made = of_jobs.Scene(served, tmp_path)
        made.start()
        made.has_pod(of_jobs.RUNNING)
        yield made
        made.engine.close()


def test_a_pod_that_replaces_one_may_have_a_clock_that_is_behind(scene: of_jobs.Scene) -> None:
    logs = scene.server.logs
    logs["train-pod"] = [b"2026-11-23T17:00:09Z one\n"]
    lines = scene.engine.read_log(of_jobs.TRAIN, follow=True)
    assert next(lines).text == "one"
    logs["other-pod"] = [b"2026-11-23T17:00:02Z two\n", b"2026-11-23T17:00:03Z three\n"]
    pod = scene.pod()
    metadata = {key: pod["metadata"][key] for key in ("namespace", "labels", "ownerReferences")}
    pod["metadata"] = {**metadata, "name": "other-pod"}
    scene.server.objects.create(PODS, pod)
    assert [next(lines).text, next(lines).text] == ["two", "three"]


def test_why_a_log_cannot_be_read_is_said_once(scene: of_jobs.Scene) -> None:
    logs = scene.server.logs
    logs["train-pod"] = [b"unable to retrieve container logs\n"]
    lines = scene.engine.read_log(of_jobs.TRAIN, follow=True)
    assert next(lines).text == "unable to retrieve container logs"

    def recover(asked: Request) -> None:
        if asked.path.endswith("/log"):
            told = sum(each.path.endswith("/log") for each in scene.server.requests)
            if told > 3:
                logs["train-pod"] = [b"2026-11-23T17:00:02Z one\n"]
            scene.has_pod(of_jobs.RUNNING, message=f"asked {told}")  # so that it is looked again

    scene.server.gate = recover
    scene.has_pod(of_jobs.RUNNING, message="changed")
    assert next(lines).text == "one"
