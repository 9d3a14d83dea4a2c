"""A controller at work raises the deadline of its Job, and one that hangs or is gone does not."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cli.cluster_place import OUTAGE_SECONDS
from bodywork.cluster import labels
from bodywork.cluster.client import Client
from bodywork.cluster.cron_manifests import PENDING_SECONDS
from bodywork.cluster.watchdog import (
    HANG_SECONDS,
    RENEW_SECONDS,
    RETRY_SECONDS,
    Watchdog,
)
from bodywork.model.names import Namespace
from bodywork.model.pods import own_job
from statemachine.retries import RetryPolicy
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server

JOBS = "/apis/batch/v1/namespaces/shop/jobs"
SECONDS = 60.0
OURS = {labels.MANAGED_BY: labels.BODYWORK, labels.CRONJOB: "nightly"}


class Time:
    """A clock that only pauses move; each pause is recorded, and the last one ends the thread."""

    def __init__(self, pauses: int) -> None:
        self.now = 1000.0
        self.left = pauses
        self.pauses: list[float] = []
        self.moved = threading.Event()

    def clock(self) -> float:
        return self.now

    def wait(self, closed: threading.Event, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        self.left -= 1
        if not self.left:
            closed.set()
            self.moved.set()


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as served:
        yield served


@pytest.fixture
def client(server: ApiServer, tmp_path: Path) -> Client:
    once = RetryPolicy(attempts=1)
    return Client.connect(kubeconfig=str(write_kubeconfig(tmp_path, server.url)), policy=once)


def make_job(server: ApiServer, marks: dict[str, str], deadline: int | None = 1800) -> None:
    spec: dict[str, Any] = {} if deadline is None else {"activeDeadlineSeconds": deadline}
    body = {"metadata": {"name": "nightly-1", "labels": marks}, "spec": spec}
    server.objects.create(JOBS, body)


def kept(server: ApiServer) -> dict[str, Any]:
    return server.objects.get(JOBS, "nightly-1")


def watch(client: Client, time: Time, *, heard: bool = True) -> Watchdog:
    """Let the watchdog renew until its time has run out."""
    watchdog = Watchdog(
        client, Namespace("shop"), "nightly-1", clock=time.clock, wait=_hearing(time, heard)
    )
    _hear[time] = watchdog
    with watchdog:
        watchdog._thread.join(SECONDS)
        assert not watchdog._thread.is_alive()
    return watchdog


_hear: dict[Time, Watchdog] = {}


def _hearing(time: Time, heard: bool) -> Any:
    def wait(closed: threading.Event, seconds: float) -> None:
        time.wait(closed, seconds)
        if heard:
            _hear[time].heartbeat()

    return wait


def deadlines(server: ApiServer) -> list[int]:
    return [each.body["spec"]["activeDeadlineSeconds"] for each in server.sent("PATCH")]


def test_the_deadline_is_raised_at_once_and_with_the_time_that_goes_by(
    server: ApiServer, client: Client
) -> None:
    make_job(server, OURS)
    watch(client, Time(3))
    first = 1800 + PENDING_SECONDS
    assert deadlines(server) == [first, first + 300, first + 600]
    assert kept(server)["metadata"]["annotations"] == {labels.STARTED: "true"}


def test_the_controller_that_replaces_one_starts_from_the_deadline_that_it_finds(
    server: ApiServer, client: Client
) -> None:
    make_job(server, OURS)
    for number in (1, 2, 3):
        watch(client, Time(1))
        assert kept(server)["spec"]["activeDeadlineSeconds"] == 1800 + number * PENDING_SECONDS


def test_what_is_left_of_the_deadline_outlasts_an_outage_that_a_controller_endures() -> None:
    assert PENDING_SECONDS > OUTAGE_SECONDS + RENEW_SECONDS + RETRY_SECONDS


@pytest.mark.parametrize("failures", [1, 5])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_renewal_that_fails_is_tried_again_soon_and_makes_good_for_it(
    server: ApiServer, client: Client, method: str, failures: int
) -> None:
    make_job(server, OURS)
    server.will(Misbehaviour.RESET_BEFORE, method, times=failures)
    time = Time(failures + 1)
    watch(client, time)
    assert time.pauses == [RETRY_SECONDS] * failures + [RENEW_SECONDS]
    late = int(RETRY_SECONDS) * failures
    assert deadlines(server)[-1] == 1800 + PENDING_SECONDS + late


def test_a_controller_that_hangs_is_not_kept_from_being_ended(
    server: ApiServer, client: Client
) -> None:
    make_job(server, OURS)
    rounds = int(HANG_SECONDS // RENEW_SECONDS)
    watch(client, Time(rounds + 10), heard=False)
    assert len(deadlines(server)) == rounds + 1


def test_a_job_of_nobody_we_know_is_left_alone(server: ApiServer, client: Client) -> None:
    make_job(server, {})
    watch(client, Time(5))
    assert server.sent("PATCH") == []


def test_a_job_without_a_deadline_gets_none(server: ApiServer, client: Client) -> None:
    make_job(server, OURS, deadline=None)
    watch(client, Time(5))
    assert "activeDeadlineSeconds" not in kept(server)["spec"]
    assert kept(server)["metadata"]["annotations"] == {labels.STARTED: "true"}
    assert len(server.sent("PATCH")) == 1


def test_a_job_that_is_gone_needs_no_watchdog(server: ApiServer, client: Client) -> None:
    time = Time(5)
    watch(client, time)
    assert time.pauses == []


@pytest.mark.parametrize(
    ("environment", "job"),
    [
        ({"BODYWORK_RUN": "nightly-1", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "nightly-1"),
        ({"BODYWORK_RUN": "nightly-1"}, ""),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, ""),
        ({}, ""),
    ],
)
def test_only_the_pod_of_a_schedule_has_a_job_of_its_own(
    environment: dict[str, str], job: str
) -> None:
    assert own_job(environment) == job
