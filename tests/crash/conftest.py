"""Each test gets a workplace of its own, and leaves no process behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.gate import build_gated
from tests.crash.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    with Workplace(tmp_path) as workplace:
        yield workplace


@pytest.fixture
def gated(place: Workplace) -> Workplace:
    return build_gated(place)
