"""How long a save of a checkpoint endures an outage of the API server: once, and no longer.

The save looks after a lost answer, and each look and each write endures by itself. An outage that
begins again, or that changes its kind at any time, must not give them a new budget. Time is the
client's own: only its pauses move its clock.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bodywork.cluster.client import Client, enduring
from bodywork.cluster.configuration import find_access
from bodywork.cluster.objects import ClusterObjects
from bodywork.cluster.transport import Transport
from bodywork.errors import EngineUnavailable
from statemachine.checkpoint import Checkpoint, Move
from statemachine.errors import StoreUnavailable
from statemachine.saving import create_surely, save_surely
from statemachine.stores.configmap import ConfigMapStore
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_answers import Request
from tests.servers.kubernetes_api import Fault, Misbehaviour, api_server

BUDGET_SECONDS = 900.0
LONGEST_PAUSE_SECONDS = 15.0
START = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = enduring(BUDGET_SECONDS)


class Clock:
    seconds = 0.0

    def read(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> None:
        self.seconds += seconds


class Between(Fault):
    """A fault of all requests in a span of the clock's time."""

    clock: Clock
    since = 0.0
    until = float("inf")

    def takes(self, asked: Request) -> bool:
        return self.since <= self.clock.seconds < self.until and super().takes(asked)


def checkpoint(sequence: int) -> Checkpoint:
    return Checkpoint(
        id="run-1",
        machine="run",
        state="created",
        sequence=sequence,
        epoch=1,
        writer="me",
        software="test",
        created_at=START,
        updated_at=START,
        data={},
        path=(Move("created", "", START),),
    )


REFUSED = {"kind": Misbehaviour.REFUSE, "status": 503, "reason": "ServiceUnavailable"}
LOST = {"kind": Misbehaviour.RESET_BEFORE}
Spoil = Callable[..., None]


def refused_all_the_time(spoil: Spoil, turn: float) -> None:
    spoil(REFUSED)


def lost_all_the_time(spoil: Spoil, turn: float) -> None:
    spoil(LOST)


def refused_and_then_lost(spoil: Spoil, turn: float) -> None:
    spoil(REFUSED, until=turn)
    spoil(LOST, since=turn)


def lost_writes_between_looks_that_succeed(spoil: Spoil, turn: float) -> None:
    spoil(LOST, method="PUT")
    spoil(REFUSED, method="GET", since=turn)


@pytest.mark.parametrize("turn", [1.0, 450.0, 880.0])
@pytest.mark.parametrize(
    "outage",
    [
        refused_all_the_time,
        lost_all_the_time,
        refused_and_then_lost,
        lost_writes_between_looks_that_succeed,
    ],
    ids=lambda case: case.__name__,
)
def test_a_save_endures_one_budget(
    tmp_path: Path, outage: Callable[[Spoil, float], None], turn: float
) -> None:
    clock = Clock()
    with api_server() as server:

        def spoil(kind: dict[str, object], method: str = "", **span: float) -> None:
            fault = Between(method=method, times=10**6, **kind)  # type: ignore[arg-type]
            fault.clock = clock
            for name, value in span.items():
                setattr(fault, name, value)
            server.faults.append(fault)

        path = str(write_kubeconfig(tmp_path, server.url))
        transport = Transport(find_access(kubeconfig=path))
        client = Client(transport, POLICY, clock.pause, monotonic=clock.read)
        store = ConfigMapStore(ClusterObjects(client, "shop", "api/v1", "configmaps"), {})
        stored = create_surely(store, checkpoint(1), POLICY, clock.pause, clock.read)
        outage(spoil, turn)
        with pytest.raises(StoreUnavailable) as caught:
            save_surely(
                store,
                checkpoint(2),
                stored.version,
                seal=False,
                retry=POLICY,
                sleep=clock.pause,
                clock=clock.read,
            )
    assert isinstance(caught.value.__cause__, EngineUnavailable)
    assert BUDGET_SECONDS - LONGEST_PAUSE_SECONDS <= clock.seconds <= BUDGET_SECONDS
    assert all(fault.fired for fault in server.faults), "a fault never came"
