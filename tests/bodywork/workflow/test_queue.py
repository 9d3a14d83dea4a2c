"""Of a step's stages as many run at once as there is room for, and each has its turn."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.model.names import StageName
from bodywork.model.run import Phase, StageRun
from bodywork.model.stage import Stage
from bodywork.ports import Engine
from bodywork.workflow import lifecycle, queue
from statemachine.checkpoint import Checkpoint
from statemachine.store import CheckpointStore, Stored
from tests.bodywork.workflow.harness import (
    Death,
    Office,
    Repository,
    batch,
    service,
    workflow,
)
from tests.fakes.engine import FAILED, FakeEngine, World

CORES = st.sampled_from([None, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 8.0])


@dataclass
class Crowd:
    """What has begun and not ended, looked at whenever a stage begins."""

    stages: dict[StageName, Stage]
    cores: float | None
    most: int | None
    largest: int = 0
    order: list[StageName] = field(default_factory=list)

    def watch(self, engine: Engine) -> Engine:
        """Return the engine, watched."""
        assert isinstance(engine, FakeEngine)
        begin = engine._ensure

        def ensure(attempt: StageRun) -> str:
            uid = begin(attempt)
            self._look(engine.world)
            if attempt.stage not in self.order:
                self.order.append(attempt.stage)
            return uid

        engine._ensure = ensure  # type: ignore[method-assign]
        return engine

    def _look(self, world: World) -> None:
        running = [each.stage for each, seen in world.seen.items() if seen.phase is Phase.RUNNING]
        self.largest = max(self.largest, len(running))
        wanted = sum(self.stages[name].cpu_request or 1.0 for name in running)
        assert self.most is None or len(running) <= self.most
        assert self.cores is None or len(running) == 1 or wanted <= self.cores


class LateDeath:
    """A store whose user dies after some saves."""

    def __init__(self, inner: CheckpointStore, saves: int) -> None:
        self._inner = inner
        self._left = saves

    def create(self, checkpoint: Checkpoint) -> Stored:
        return self._inner.create(checkpoint)

    def load(self, machine_id: str) -> Stored:
        return self._inner.load(machine_id)

    def delete(self, machine_id: str) -> None:
        self._inner.delete(machine_id)

    def list(self) -> Sequence[str]:
        return self._inner.list()

    def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
        """Save, and die perhaps."""
        stored = self._inner.save(checkpoint, expected, seal=seal)
        self._left -= 1
        if self._left == 0:
            raise Death
        return stored


@given(
    requests=st.lists(CORES, min_size=1, max_size=8),
    services=st.sets(st.integers(0, 7), max_size=3),
    failing=st.sets(st.integers(0, 7), max_size=2),
    cores=st.sampled_from([None, 0.5, 1.0, 2.0, 4.0]),
    most=st.sampled_from([None, 1, 2, 5]),
    saves=st.integers(0, 30),
)
def test_stages_share_the_machine_and_all_come_to_their_turn(
    requests: list[float | None],
    services: set[int],
    failing: set[int],
    cores: float | None,
    most: int | None,
    saves: int,
) -> None:
    stages = tuple(
        replace(service(f"s{n}") if n in services else batch(f"s{n}", 1), cpu_request=request)
        for n, request in enumerate(requests)
    )
    office = Office(Repository(c0=workflow(stages)), World(cores=cores), max_parallel=most)
    office.world.outcomes = {f"s{n}": [FAILED] for n in failing}
    crowd = Crowd({stage.name: stage for stage in stages}, cores, most)
    run = office.begin()
    try:
        dying = lambda store: LateDeath(store, saves)  # noqa: E731
        office.controller(wrap_store=dying, wrap_engine=crowd.watch).execute(run)
    except Death:
        office.controller(wrap_engine=crowd.watch).execute(run)
    state = office.store.load(run).checkpoint.state
    assert state in lifecycle.TERMINAL
    assert {each.stage for each in office.world.started} == {stage.name for stage in stages}
    if not failing:
        assert state == lifecycle.SUCCEEDED
        assert crowd.order == [stage.name for stage in stages]


def test_without_a_limit_all_begin_at_once() -> None:
    stages = tuple(batch(f"s{n}") for n in range(8))
    office = Office(Repository(c0=workflow(stages)))
    crowd = Crowd({stage.name: stage for stage in stages}, None, None)
    controller = office.controller(wrap_engine=crowd.watch)
    assert controller.execute(office.begin()).state == lifecycle.SUCCEEDED
    assert crowd.largest == 8


def test_what_waits_is_told_once_and_announced_when_it_begins(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stages = tuple(batch(f"s{n}") for n in range(3))
    office = Office(Repository(c0=workflow(stages)), World(cores=1.0))
    waiting: list[set[str]] = []

    def observe(checkpoint: Checkpoint) -> None:
        latest = {
            name: stage.latest for name, stage in office.progress(checkpoint.id).stages.items()
        }
        if latest:
            waiting.append({n for n, each in latest.items() if each and queue.is_waiting(each)})

    with caplog.at_level(logging.INFO):
        run = office.begin()
        assert office.controller(observer=observe).execute(run).state == lifecycle.SUCCEEDED
    assert {"s1", "s2"} in waiting
    assert {"s2"} in waiting
    assert not waiting[-1]
    for name in ("s1", "s2"):
        told = [line for line in caplog.messages if line.startswith(f"stage={name} is waiting")]
        assert told == [f"stage={name} is waiting: {queue.WAITS}"]
        assert sum(line.startswith(f"creating job=shop--{name}") for line in caplog.messages) == 1
    latest = office.progress(run).stages[StageName("s2")].latest
    assert latest
    assert latest.reason == ""
