"""kill -9 of the real controller at each touch of the outside; then `--resume`.

The end is the one of a run that was never killed, and each stage's script ran once an attempt: the
scripts themselves say so, in a file.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.workplace import Workplace

FAIL_ONCE = """
import sys
sys.exit(0 if os.environ["BODYWORK_ATTEMPT"] == "2" else 3)
"""


def pipeline(place: Workplace) -> str:
    """Two steps, one of them parallel; everything succeeds."""
    place.project("a >> b, c")
    for name in ("a", "b", "c"):
        place.batch(name)
    place.commit()
    return "succeeded"


def retried(place: Workplace) -> str:
    """A stage that succeeds at its second attempt."""
    place.project("a")
    place.batch("a", FAIL_ONCE, retries=1)
    place.commit()
    return "succeeded"


def deployed(place: Workplace) -> str:
    """A first version of a service."""
    place.project("serve")
    place.service("serve")
    place.commit()
    return "succeeded"


def replaced_and_restored(place: Workplace) -> str:
    """A second version of a service goes live; then a later stage fails."""
    place.project("serve")
    place.service("serve", version="v1")
    place.commit()
    place.workflow()
    place.project("serve >> check")
    place.service("serve", version="v2")
    place.batch("check", "raise SystemExit(1)")
    place.commit()
    place.effects.unlink()
    return "rolled-back"


KINDS = [pipeline, retried, deployed, replaced_and_restored]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(900)
def test_killed_at_each_touch_a_run_ends_as_if_nothing_had_happened(
    kind: Callable[[Workplace], str], when: str, tmp_path: Path
) -> None:
    learning = Workplace(tmp_path / "learning")
    end = kind(learning)
    code, touches = learning.fused(0, when)
    effects = learning.happened()
    live = [(each["name"], each["available_replicas"]) for each in learning.services()]
    learning.clear()
    assert learning.runs()[0]["state"] == end
    killed = 0
    for number in range(1, len(touches) + 1):
        place = Workplace(tmp_path / f"killed-{number}")
        kind(place)
        ended, _ = place.fused(number, when)
        killed += ended == -9
        assert ended == -9 or number > len(touches) - 6, "stages that end fast save a few touches"
        if touches[number - 1].endswith("FileStore.create") and when == "before":
            place.clear()
            continue
        if ended == -9:
            place.workflow("--resume", f"--run={place.runs()[0]['run']}", codes=(code,))
        assert place.runs()[0]["state"] == end, touches[number - 1]
        assert place.happened() == effects, touches[number - 1]
        found = [(each["name"], each["available_replicas"]) for each in place.services()]
        assert found == live, touches[number - 1]
        place.clear()
    assert killed >= len(touches) - 6
