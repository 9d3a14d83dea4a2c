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


FEWER = 6
KINDS = [pipeline, retried, deployed, replaced_and_restored]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(900)
def test_killed_at_each_touch_a_run_ends_as_if_nothing_had_happened(
    kind: Callable[[Workplace], str], when: str, tmp_path: Path
) -> None:
    with Workplace(tmp_path / "learning") as learning:
        end = kind(learning)
        code, touches = learning.fused(0, when)
        expected = what_came_of(learning)
    assert expected[0] == end
    killed = 0
    for number in range(1, len(touches) + 1):
        with Workplace(tmp_path / f"killed-{number}") as place:
            kind(place)
            exit_code, reached = place.fused(number, when)
            killed += exit_code == -9
            assert exit_code == -9 or len(reached) < number, "it ended, and not by the fuse"
            if exit_code == -9 and reached[-1].endswith("FileStore.create") and when == "before":
                continue  # nothing is on record
            run = place.runs()[0]
            if not run["ended"]:  # killed after the last save, there is nothing to resume
                place.workflow("--resume", f"--run={run['run']}", codes=(code,))
            assert what_came_of(place) == expected, reached[-1]
            assert place.running() == [], reached[-1]
    assert killed >= len(touches) - FEWER, "stages that end fast save a few touches, not more"


def what_came_of(place: Workplace) -> tuple[str, list[str], list[tuple[str, int]]]:
    """Return the newest run's end, what the scripts did, and the services that answer."""
    services = [(each["name"], each["available_replicas"]) for each in place.services()]
    return place.runs()[0]["state"], place.happened(), services
