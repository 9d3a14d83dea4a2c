"""kill -9 of the real controller at each request that it makes; then `--resume`.

What must hold is read from the objects and the audit log, not from our own output: one Job an
attempt, the end of a run that was never killed, nothing left over.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.fuse import Fuse, Proxy, When
from tests.cluster.judging import assert_each_job_was_made_once, live_version, sources_left
from tests.cluster.kubelet import ScriptedKubelet
from tests.cluster.projects import Project
from tests.cluster.site import Site
from tests.cluster.stories import batches, replaced_and_restored

pytestmark = pytest.mark.control_plane

Make = Callable[..., Project]


@pytest.fixture(autouse=True)
def _kubelet(site: Site) -> Iterator[None]:
    """Where there is no node, a scripted kubelet says how the pods went."""
    if site.cluster.node:
        yield
        return
    kubelet = ScriptedKubelet(site.cluster.kubeconfig, site.namespace, {"check": 1})
    yield
    kubelet.close()


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    proxy = Proxy(site.kubeconfig)
    yield proxy
    proxy.close()


ENDED = ("succeeded", "rolled-back")


def run_through(proxy: Proxy, site: Site, shop: Project, fuse: Fuse) -> int:
    """Run the workflow behind the fuse and return the exit code (-9: it was killed)."""
    proxy.fuse = fuse
    through = proxy.write_kubeconfig(site.folder / "through.conf")
    arguments = ("workflow", f"--namespace={site.namespace}", str(shop.folder), "main")
    process = site.begin(*arguments, kubeconfig=through)
    fuse.victim = process.pid
    process.communicate(timeout=120)
    return process.returncode


STEP = 1 if os.environ.get("BODYWORK_TEST_EVERY") else 7
"""Every request is a point to die at; all of them take an hour, a spread of them minutes."""
POINTS = [
    (kind, number, when)
    for kind, most in ((batches, 26), (replaced_and_restored, 42))
    for number in range(2, most + 1, STEP)
    for when in ("before", "after")
]


@pytest.mark.parametrize(
    ("kind", "number", "when"),
    POINTS,
    ids=[f"{kind.__name__}-{when}-{number}" for kind, number, when in POINTS],
)
def test_a_killed_run_ends_as_one_that_was_never_killed(
    site: Site,
    project: Make,
    proxy: Proxy,
    kind: Callable[[Project, Site], str],
    number: int,
    when: When,
) -> None:
    shop = project("a")
    state = kind(shop, site)
    known = set(site.runs())
    assert run_through(proxy, site, shop, Fuse(number, when)) == -9
    end_it(site, shop, known)
    judge(site, known, state)


def end_it(place: Site, shop: Project, known: set[str]) -> None:
    """Resume the run, or begin it where it was never put on record."""
    fresh = set(place.runs()) - known
    if not fresh:
        place.workflow(shop.folder)
        return
    [run] = fresh
    if place.status(run)["state"] not in ENDED:
        place.run(
            "workflow", f"--namespace={place.namespace}", "--resume", f"--run={run}", "--take-over"
        )


def judge(place: Site, known: set[str], state: str) -> None:
    runs = [run for run in place.runs() if run not in known]
    assert len(runs) == 1
    assert place.status(runs[0])["state"] == state
    assert_each_job_was_made_once(place)
    assert sources_left(place) == []
    if state == "rolled-back":
        assert live_version(place, "shop--serve") in known
