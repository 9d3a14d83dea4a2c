"""A machine a test; environments are kept for all tests, as they are for all runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bodywork.local.machine import Machine
from tests.pairs.processes import descendants


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def machine(tmp_path: Path, cache: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "state", cache)
    yield made
    made.clear()


@pytest.fixture
def earlier() -> frozenset[int]:
    """The processes below this one before the test: servers of other tests, for example."""
    return frozenset(descendants())
