"""Jobs of schedules that have not started are ended as they were looked at, and no others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster import labels
from bodywork.cluster.client import Client
from bodywork.cluster.ticks import Ticks
from bodywork.model.names import Namespace
from statemachine.retries import RetryPolicy
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server

JOBS = "/apis/batch/v1/namespaces/shop/jobs"
PODS = "/api/v1/namespaces/shop/pods"
EVENTS = "/api/v1/namespaces/shop/events"
SEEN = json.loads(
    (Path(__file__).parents[2] / "golden" / "cluster" / "starts.json").read_text("utf-8")
)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as served:
        yield served


@pytest.fixture
def ticks(server: ApiServer, tmp_path: Path) -> Ticks:
    once = RetryPolicy(attempts=1)
    client = Client.connect(kubeconfig=str(write_kubeconfig(tmp_path, server.url)), policy=once)
    return Ticks(client, Namespace("shop"))


def play(server: ApiServer, name: str, **state: Any) -> str:
    """Put a case on the server; `state` replaces that of its container. Return its Job's name."""
    case = json.loads(json.dumps(SEEN[name]))
    marks = case["job"]["metadata"]["labels"]
    for pod in case["pods"]:
        pod["metadata"]["labels"] = marks
        if state:
            pod["status"]["containerStatuses"][0]["state"] = state
    made = server.objects.create(JOBS, case["job"])
    for pod in case["pods"]:
        pod["metadata"]["ownerReferences"] = [{"uid": made["metadata"]["uid"]}]
        uid = server.objects.create(PODS, pod)["metadata"]["uid"]
        for event in case["events"]:
            if event["involvedObject"]["kind"] == "Pod":
                event["involvedObject"]["uid"] = uid
    for number, event in enumerate(case["events"]):
        if event["involvedObject"]["kind"] == "Job":
            event["involvedObject"]["uid"] = made["metadata"]["uid"]
        event["metadata"] = {"name": f"{name}-{number}"}
        server.objects.create(EVENTS, event)
    return str(made["metadata"]["name"])


def jobs(server: ApiServer) -> set[str]:
    return {name for (place, name) in server.objects.kept if place == JOBS}


@pytest.mark.parametrize("name", SEEN)
def test_what_never_started_is_ended(server: ApiServer, ticks: Ticks, name: str) -> None:
    job = play(server, name)
    other = play(server, "nohost" if name != "nohost" else "quota")
    assert ticks.end_unstarted(name) == [job]
    assert jobs(server) == {other}


@pytest.mark.parametrize(
    "state",
    [
        {"running": {"startedAt": "2026-11-25T06:00:00Z"}},
        {"terminated": {"reason": "Error", "exitCode": 137}},
    ],
)
def test_what_has_started_goes_on(server: ApiServer, ticks: Ticks, state: dict[str, Any]) -> None:
    job = play(server, "nohost", **state)
    assert ticks.end_unstarted("nohost") == []
    assert jobs(server) == {job}


def test_what_has_noted_that_it_started_goes_on_though_its_pod_is_gone(
    server: ApiServer, ticks: Ticks
) -> None:
    job = play(server, "quota")
    server.objects.merge(JOBS, job, {"metadata": {"annotations": {labels.STARTED: "true"}}})
    assert ticks.end_unstarted("quota") == []
    assert [tick.name for tick in ticks.waiting()] == []


def test_a_job_that_changes_meanwhile_is_looked_at_again(server: ApiServer, ticks: Ticks) -> None:
    job = play(server, "nohost")
    server.will(
        Misbehaviour.REFUSE, "DELETE", path=job, status=409, reason="Conflict", message="changed"
    )
    assert ticks.end_unstarted("nohost") == [job]
    preconditions = server.sent("DELETE")[0].body["preconditions"]
    assert {*preconditions} == {"uid", "resourceVersion"}


def test_nothing_is_ended_where_pods_may_not_be_seen(server: ApiServer, ticks: Ticks) -> None:
    job = play(server, "nohost")
    server.will(Misbehaviour.REFUSE, "GET", path="/pods", status=403, reason="Forbidden", times=9)
    assert ticks.end_unstarted("nohost") == []
    found = ticks.find(job)
    assert found is not None
    assert (found.state, found.waits_for) == ("active", "")


def test_a_job_of_that_name_which_no_schedule_made_is_not_found(
    server: ApiServer, ticks: Ticks
) -> None:
    server.objects.create(JOBS, {"metadata": {"name": "foreign"}, "spec": {}})
    assert ticks.find("foreign") is None
    assert ticks.find("nothing") is None


@pytest.mark.parametrize("verdict", ["Complete", "Failed"])
def test_jobs_that_have_ended_cost_no_further_request(
    server: ApiServer, ticks: Ticks, verdict: str
) -> None:
    job = play(server, "quota")
    ended = {"status": {"conditions": [{"type": verdict, "status": "True"}]}}
    server.objects.merge(JOBS, job, ended)
    assert ticks.waiting() == []
    assert [request.path for request in server.requests] == [JOBS]
