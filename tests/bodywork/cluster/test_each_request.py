"""Each request of a run meets each class of fault; the run ends by itself, by --resume or cancel.

The real controller, store, leases and engine, over the small API server with scripted controllers.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bodywork.cli.cluster_place import RUN_LABELS, describe_run
from bodywork.cluster import labels
from bodywork.cluster.client import Client
from bodywork.cluster.engine import KubernetesEngine
from bodywork.cluster.faults import LOOKS, WRITES, Answer, Fault
from bodywork.cluster.objects import ClusterObjects
from bodywork.cluster.transport import TimeOuts
from bodywork.errors import BodyworkError
from bodywork.workflow import lifecycle
from bodywork.workflow.execute import Controller
from bodywork.workflow.progress import Request
from statemachine.errors import StateMachineError
from statemachine.retries import RetryPolicy
from statemachine.stores.cluster_leases import ClusterLeaseStore
from statemachine.stores.configmap import ConfigMapStore
from tests.bodywork.cluster.test_faults import SEEN
from tests.bodywork.workflow.harness import NAMESPACE, Office, Repository, batch, service, workflow
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_answers import Request as Asked
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server
from tests.servers.kubernetes_api import Fault as Spoiled
from tests.servers.kubernetes_controllers import SERVICES, Controllers, controllers

REQUESTS = 44
"""More than a run of this project sends (a fault that never comes is no failure of the run)."""
BUDGET = RetryPolicy(attempts=50, deadline_seconds=3.0, initial_wait_seconds=0.01,
                     maximum_wait_seconds=0.1)  # fmt: skip
LOST = [
    each for each in Misbehaviour if "HANG" not in each.name and each is not Misbehaviour.REFUSE
]
"""A hang costs a time-out, and is a lost answer like the others."""


class Nth(Spoiled):
    """A fault at the n-th request, or from it on."""

    count = 0
    first = 1

    def takes(self, asked: Asked) -> bool:
        if "watch" in asked.query or asked.path == "/version":
            return False
        self.count += 1
        return self.count >= self.first and super().takes(asked)


@dataclass
class Site:
    server: ApiServer
    cluster: Controllers
    folder: Path
    repository: Repository

    @contextlib.contextmanager
    def controller(self) -> Iterator[tuple[Controller, ConfigMapStore]]:
        path = str(write_kubeconfig(self.folder, self.server.url))
        client = Client.connect(kubeconfig=path, policy=BUDGET, time_outs=TimeOuts(1.0, 2.0, 2.0))
        store = ConfigMapStore(
            ClusterObjects(client, NAMESPACE, "api/v1", "configmaps"),
            RUN_LABELS,
            describe=describe_run,
        )
        engine = KubernetesEngine(client, NAMESPACE, owner_of=store.reference)
        leases = ClusterObjects(client.candid(), NAMESPACE, "apis/coordination.k8s.io/v1", "leases")
        office = Office(self.repository, store=store)
        mark = {labels.MANAGED_BY: labels.BODYWORK}
        controller = office.controller(wrap_engine=lambda _: engine)
        controller._ownership._leases = ClusterLeaseStore(leases, store.reference, mark)
        try:
            yield controller, store
        finally:
            engine.close()
            client.close()

    def begin(self, commit: str, run: str) -> None:
        with self.controller() as (controller, _):
            controller.begin(Request(NAMESPACE, "repo", commit), run)

    def execute(self, run: str, how: str = "execute") -> str:
        """Return the state at the end, or the name of what ended the controller."""
        with self.controller() as (controller, _):
            try:
                if how == "cancel":
                    return controller.cancel(run, "ada").state  # type: ignore[arg-type]
                return controller.execute(run, take_over=True).state  # type: ignore[arg-type]
            except (BodyworkError, StateMachineError) as error:
                return type(error).__name__

    def spoil(self, number: int, kind: Misbehaviour, times: int, **more: Any) -> Nth:
        fault = Nth(kind, times=times, **more)
        fault.first = number
        self.server.faults.append(fault)
        return fault


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    live = workflow((service("serve"),))
    project = workflow((batch("prepare"),), (service("serve"),), (batch("check"),))
    with api_server() as server, controllers(server) as cluster:
        site = Site(server, cluster, tmp_path, Repository(c0=live, c1=project))
        site.begin("c0", "run-0")
        assert site.execute("run-0") == lifecycle.SUCCEEDED
        site.begin("c1", "run-1")
        yield site


def assert_sound(site: Site, state: str) -> None:
    assert state in lifecycle.TERMINAL
    assert all(len(uids) == 1 for uids in site.cluster.jobs.values())
    accepted = "run-1/1" if state == lifecycle.SUCCEEDED else "run-0/1"
    assert site.cluster.version() == accepted
    assert site.server.objects.get(SERVICES, "shop--serve")


def classes(number: int) -> list[Fault]:
    """Return two classes for a request, so that all come after each other."""
    known = list(SEEN)
    return [known[(2 * number) % len(known)], known[(2 * number + 5) % len(known)]]


@pytest.mark.parametrize("number", range(1, REQUESTS))
def test_one_refusal_at_each_request(site: Site, number: int) -> None:
    fault = classes(number)[0]
    fired = site.spoil(number, Misbehaviour.REFUSE, 1, **SEEN[fault])
    state = site.execute("run-1")
    harmless = {Answer.AGAIN, Answer.BRIEFLY, Answer.LOOK, Answer.READ_AGAIN}
    if not fired.fired or {LOOKS[fault], WRITES[fault]} <= harmless:
        assert state == lifecycle.SUCCEEDED
    if state not in lifecycle.TERMINAL:
        state = site.execute("run-1")
    assert_sound(site, state)


@pytest.mark.parametrize("number", range(1, REQUESTS))
def test_one_lost_answer_at_each_request(site: Site, number: int) -> None:
    site.spoil(number, LOST[number % len(LOST)], 1)
    assert site.execute("run-1") == lifecycle.SUCCEEDED
    assert_sound(site, lifecycle.SUCCEEDED)


@pytest.mark.parametrize("how", ["execute", "cancel"])
@pytest.mark.parametrize("number", range(2, REQUESTS, 6))
def test_refused_from_a_request_on_and_then_mended(site: Site, number: int, how: str) -> None:
    fault = site.spoil(number, Misbehaviour.REFUSE, 10**6, **SEEN[classes(number)[1]])
    state = site.execute("run-1")
    fault.times = 0
    if state not in lifecycle.TERMINAL:
        state = site.execute("run-1", how)
    assert state in lifecycle.TERMINAL
