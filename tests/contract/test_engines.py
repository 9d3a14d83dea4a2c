"""The embedded engine, and the one of the tests' own world, held to the contract of engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.model.names import Namespace, RunName
from bodywork.model.run import Checkout
from bodywork.ports import Engine
from tests.bodywork.local.machine import NAMESPACE, Machine
from tests.contract.engines import COMMIT, RUN, SCRIPTS, EngineContract, Lab
from tests.fakes.engine import FAILED, SUCCEEDED, FakeEngine, World


class LocalLab:
    """Real processes."""

    namespace: Namespace = NAMESPACE
    image = "image"
    address = "http://127."

    def __init__(self, root: Path, cache: Path) -> None:
        self.machine = Machine(root, cache)
        self.publish(RUN)

    def publish(self, run: RunName) -> None:
        self.machine.publish({f"{name}/main.py": script for name, script in SCRIPTS.items()}, run)

    def engine(self) -> Engine:
        return self.machine.new_engine()

    def clear(self) -> None:
        self.machine.clear()


class FakeLab:
    """A world in memory."""

    namespace: Namespace = NAMESPACE
    image = "image"
    address = "http://127."

    def __init__(self) -> None:
        self.world = World(outcomes={"good": [SUCCEEDED], "bad": [FAILED], "broken": [FAILED]})
        self.publish(RUN)

    def publish(self, run: RunName) -> None:
        self.engine().publish_source(run, Checkout("r", "main", COMMIT, Path(), {}))

    def engine(self) -> Engine:
        return FakeEngine(self.world, NAMESPACE)


class TestLocalEngine(EngineContract):
    @pytest.fixture
    def lab(self, tmp_path: Path) -> Iterator[Lab]:
        lab = LocalLab(tmp_path / "state", tmp_path / "cache")
        yield lab
        lab.clear()


class TestFakeEngine(EngineContract):
    @pytest.fixture
    def lab(self) -> Lab:
        return FakeLab()
