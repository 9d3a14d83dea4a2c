"""kill -9 of the real command line at one of its requests; then `--resume`, or `cancel`, once.

Each workload is tried at one point here: in another part of the run, and at another instant, from
workload to workload. All points of all: `python -m tests.cluster.crash`.
"""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.cluster.crash.commands import CommandLines
from tests.cluster.crash.pairs import PAIRS
from tests.cluster.crash.place import Place
from tests.cluster.crash.points import Lesson, Point, attempt, learn
from tests.cluster.crash.workloads import WORKLOADS, Workload
from tests.cluster.fuse import INSTANTS
from tests.cluster.site import Cluster

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(900)]


TRIED = (*WORKLOADS, *PAIRS)
GOLDEN = 0.618
"""Multiples of it, without their whole part, are spread evenly, however many there are."""


@pytest.fixture(scope="module")
def place(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if cluster.audit_log is None:
        pytest.skip("needs the API server's audit log, which only a cluster of our own has")
    folder = tmp_path_factory.mktemp("crash")
    with (
        closing(CommandLines()) as commands,
        closing(Place(cluster, folder, commands, scripted=not cluster.node)) as place,
    ):
        yield place


def choose(lesson: Lesson, index: int) -> Point:
    """Return the point of a workload that is tried here."""
    when = INSTANTS[index % len(INSTANTS)]
    some = [each for each in lesson.points() if each.when == when]
    return some[int((index + 1) * GOLDEN % 1 * len(some))]


@pytest.mark.parametrize("workload", TRIED, ids=lambda workload: workload.name)
def test_a_killed_run_ends_as_one_that_was_never_killed(place: Place, workload: Workload) -> None:
    lesson = learn(place, workload)
    point = choose(lesson, TRIED.index(workload))
    verdict = attempt(place, workload, lesson, point)
    assert not verdict.faults, f"{point} ({verdict.request}):\n" + "\n".join(verdict.faults)
