"""A controller's process: the real controller, store, leases and engine over a simulated wire."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from bodywork.cli.cluster_place import LEASE_SECONDS, OUTAGE_SECONDS, RUN_LABELS, describe_run
from bodywork.cluster import labels
from bodywork.cluster.client import Client, enduring
from bodywork.cluster.engine import KubernetesEngine
from bodywork.cluster.objects import ClusterObjects
from bodywork.model.names import RunName
from bodywork.workflow.context import Context
from bodywork.workflow.execute import Controller, build_runner, earlier_run
from statemachine.ownership import Holder, Ownership
from statemachine.stores.cluster_leases import ClusterLeaseStore
from statemachine.stores.configmap import ConfigMapStore
from tests.bodywork.workflow.harness import Repository, Silence
from tests.simulation.faults import Faults
from tests.simulation.scheduler import Process, SimulatedTime
from tests.simulation.server import BIRTH, SHOP, Server
from tests.simulation.wire import Wire

if TYPE_CHECKING:
    from bodywork.cluster.transport import Transport

NO_FAULT = ("", None)


@dataclass(slots=True)
class HostClock:
    """The clock of a host: its monotonic time is right, its date may be hours off."""

    time: SimulatedTime
    off: timedelta

    def now(self) -> datetime:
        """Return what the host takes for the time."""
        return BIRTH + timedelta(seconds=self.time.now) + self.off

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return self.time.now


@dataclass(slots=True)
class Desk:
    """What one process works with."""

    controller: Controller
    engine: KubernetesEngine
    store: ConfigMapStore


def open_desk(
    server: Server,
    process: Process,
    faults: Faults,
    repository: Repository,
    *,
    off: timedelta = timedelta(),
    is_gone: Callable[[Holder], bool] = lambda holder: False,
) -> Desk:
    """Return a controller of that process.

    Args:
        off: how wrong the clock of its host is.
        is_gone: whether the process that signed a lease is known to have ended.
    """
    time = server.time
    wire = cast("Transport", Wire(time, server, faults, process))
    policy = enduring(OUTAGE_SECONDS)
    client = Client(wire, policy, sleep=time.sleep, monotonic=time.monotonic)
    store = ConfigMapStore(
        ClusterObjects(client, SHOP, "api/v1", "configmaps"), RUN_LABELS, describe=describe_run
    )

    def owner_of(run: RunName) -> dict[str, str]:
        return store.reference(run)

    engine = KubernetesEngine(client, SHOP, owner_of=owner_of, scheduler=time)
    clock = HostClock(time, off)
    leases = ClusterLeaseStore(
        ClusterObjects(client, SHOP, "apis/coordination.k8s.io/v1", "leases"),
        store.reference,
        {labels.MANAGED_BY: labels.BODYWORK},
        clock=clock.now,
        is_gone=is_gone,
    )
    context = Context(
        engine=engine,
        source=repository,
        clock=clock,
        report=Silence(),
        load_project=repository.load,
        earlier=earlier_run(store, engine),
        pause=lambda number: time.random.uniform(0, 20),
    )
    runner = build_runner(context, store, software="simulation", retry=policy, scheduler=time)
    duration, renewal, look = LEASE_SECONDS
    ownership = Ownership(
        leases,
        store,
        runner,
        Holder("ada", process.name, 1, software="simulation"),
        duration_seconds=duration,
        renew_seconds=renewal,
        look_seconds=look,
        monotonic=time.monotonic,
        sleep=time.sleep,
        scheduler=time,
    )
    return Desk(Controller(context, store, ownership, runner), engine, store)
