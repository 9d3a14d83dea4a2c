"""What holds for every test of the Kubernetes engine."""

import threading
from collections.abc import Iterator

import pytest

WATCH, SECONDS = "watch ", 30


@pytest.fixture(autouse=True)
def no_watch_is_left() -> Iterator[None]:
    """Fail a test whose watches go on after it: later tests would wait for them, or be slower."""
    before = set(threading.enumerate())
    yield
    mine = [each for each in threading.enumerate() if each not in before]
    watches = [each for each in mine if each.name.startswith(WATCH)]
    for each in watches:
        each.join(SECONDS)
    left = [each.name for each in watches if each.is_alive()]
    assert not left, f"an engine was not closed: {left}"
