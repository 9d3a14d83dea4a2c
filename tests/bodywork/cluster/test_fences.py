"""Two controllers of one run: after a cancel or a take-over, nothing of the first one comes.

The first controller is held at each of its writes: on the way to the API server (a request that is
in flight), or in the pause before the request is repeated (a process that was stopped). The second
one ends the run meanwhile. Then the first goes on.
"""

import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster import labels
from bodywork.cluster.tombstones import is_called_off
from bodywork.model.names import RunName
from bodywork.model.workflow import Workflow
from bodywork.workflow import lifecycle
from statemachine.checkpoint import Checkpoint
from statemachine.errors import CheckpointConflict, CheckpointSealed, Fenced
from tests.bodywork.cluster.controllers import (
    JOBS,
    LEASES,
    PODS,
    Desk,
    Kubelet,
    await_watches,
    opened,
    running,
)
from tests.bodywork.workflow.harness import Repository, batch, workflow
from tests.servers.kubernetes_answers import Request
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server

RUN = RunName("run-1")
FLOWS: dict[str, tuple[Workflow, dict[str, list[int | None]]]] = {
    "retried": (workflow((batch("a", retries=1),), (batch("b"),)), {"a": [1, 0]}),
    "parallel": (workflow((batch("a"), batch("b", retries=1))), {"b": [1, 0]}),
    "failing": (workflow((batch("a"),), on_failure=batch("tell")), {"a": [1]}),
}
MOST_WRITES = {"retried": 13, "parallel": 12, "failing": 11}
SURE_WRITES = 9
"""How many writes each run makes; what is seen together is saved together, so some make fewer."""
SECONDS = 30.0


@dataclass
class Hold:
    """Stops the first controller at its write of that number, once the run is on record."""

    number: int
    in_flight: bool
    count: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    late: list[Request] = field(default_factory=list)

    def gate(self, server: ApiServer) -> Callable[[Request], None]:
        def look(asked: Request) -> None:
            first = asked.headers.get("authorization") == "Bearer first"
            if not first or asked.method == "GET" or "/leases" in asked.path:
                return
            self.count += 1
            if self.reached.is_set():
                self.late.append(asked)
            if self.count != self.number:
                return
            if self.in_flight:
                self.stop()
            else:
                server.will(Misbehaviour.REFUSE, asked.method, path=asked.path, status=503)

        return look

    def stop(self) -> None:
        self.reached.set()
        assert self.go_on.wait(SECONDS), "nobody let it go on"

    def sleep(self, seconds: float) -> None:
        """Pause before a request is repeated: it takes as long as the second controller does."""
        if self.count >= self.number and not self.reached.is_set():
            self.stop()


def state_of(server: ApiServer) -> dict[tuple[str, str], Any]:
    """Return all objects but leases, which are for people and protect nothing."""
    with server.objects.changed:
        kept = deepcopy(server.objects.kept)
    return {key: found for key, found in kept.items() if key[0] != LEASES}


def ended_by(desk: Desk, how: str) -> Checkpoint:
    if how == "cancel":
        return desk.controller.cancel(RUN, "ada")
    return desk.controller.execute(RUN, take_over=True)


def jobs_of_attempts(server: ApiServer) -> list[tuple[str, str]]:
    borne = [each["metadata"]["labels"] for each in server.objects.list(JOBS, {})[0]]
    return [(each[labels.STAGE], each[labels.ATTEMPT]) for each in borne]


def points() -> list[Any]:
    return [
        pytest.param(flow, number, in_flight, how, id=f"{flow}-{number}-{place}-{how}")
        for flow, most in MOST_WRITES.items()
        for number in range(2, most + 1)
        for in_flight, place in ((True, "in-flight"), (False, "paused"))
        for how in ("cancel", "take-over")
    ]


@pytest.mark.parametrize(("flow", "number", "in_flight", "how"), points())
def test_nothing_of_the_first_controller_comes_after_the_second(
    tmp_path: Path, flow: str, number: int, in_flight: bool, how: str
) -> None:
    with api_server() as server:
        play(server, tmp_path, flow, Hold(number, in_flight), how)
    await_watches()


def play(server: ApiServer, folder: Path, flow: str, hold: Hold, how: str) -> None:
    project, codes = FLOWS[flow]
    repository = Repository(c0=project)
    server.gate = hold.gate(server)
    first = Desk(server, repository, folder / "first", "first", hold.sleep)
    second = Desk(server, repository, folder / "second", "second", lambda seconds: None)
    with running(Kubelet(server, {**codes})) as kubelet, opened(first), opened(second):
        ended: list[BaseException | Checkpoint] = []

        def carry_on() -> None:
            try:
                ended.append(first.controller.execute(first.begin(RUN)))
            except BaseException as error:
                ended.append(error)
            finally:
                hold.reached.set()

        thread = threading.Thread(target=carry_on, daemon=True)
        thread.start()
        assert hold.reached.wait(SECONDS)
        if ended:
            assert hold.number > SURE_WRITES, f"{flow} has {hold.count} writes only: {ended}"
            return
        last = ended_by(second, how)
        kubelet.settle()
        before = state_of(server)
        hold.go_on.set()
        thread.join(SECONDS)
        assert not thread.is_alive()
        kubelet.settle()
        judge(server, hold, ended[0], before, last, how)


def judge(
    server: ApiServer,
    hold: Hold,
    end: BaseException | Checkpoint,
    before: dict[tuple[str, str], Any],
    last: Checkpoint,
    how: str,
) -> None:
    after = state_of(server)
    if how == "cancel":
        assert last.state == lifecycle.CANCELLED
    assert isinstance(end, Fenced | CheckpointConflict | CheckpointSealed), end
    assert after == before
    attempts = jobs_of_attempts(server)
    assert len(attempts) == len(set(attempts)), "two Jobs of one attempt"
    called_off = {
        each["metadata"]["uid"] for each in server.objects.list(JOBS, {})[0] if is_called_off(each)
    }
    for pod in server.objects.list(PODS, {})[0]:
        assert pod["metadata"]["ownerReferences"][0]["uid"] not in called_off
        assert pod["status"]["phase"] != "Running"
    if not hold.in_flight:
        assert hold.late == [], "a request was repeated without asking who controls the run"
