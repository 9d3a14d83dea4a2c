"""After an engine is closed no thread of it watches any more, whatever that thread waited for."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bodywork.cluster.client import Client, enduring
from bodywork.cluster.engine import KubernetesEngine
from bodywork.cluster.watching import Bell, Watched
from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.run import StageRun
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_answers import Request
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server

MAPS = "/api/v1/namespaces/shop/configmaps"
NAMESPACE = Namespace("shop")
SECONDS = 20.0
"""Far below the 30 s and 90 s after which a request gives up by itself."""
FOR_EVER = 10**6


class Site:
    """A server, and a client of it as a controller has one: it endures 15 minutes.

    Attributes:
        reached: set when the thread waits for what the case is about.
        on_request, on_pause: told what happens; where one says True, that is it.
    """

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server = server
        self.reached = threading.Event()
        self.on_request: Callable[[Request], bool] = lambda asked: False
        self.on_pause: Callable[[], bool] = lambda: False
        self.client = Client.connect(
            kubeconfig=str(write_kubeconfig(folder, server.url)),
            policy=enduring(900.0),
            waiting=lambda fault, seconds: self.note(self.on_pause()),
        )
        server.gate = lambda asked: self.note(self.on_request(asked))

    def note(self, reached: bool) -> None:
        if reached:
            self.reached.set()

    def spoil(self, kind: Misbehaviour, only_with: str = "") -> None:
        self.server.will(kind, only_with=only_with, times=FOR_EVER)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with api_server() as server:
        yield Site(server, tmp_path)


def watches(asked: Request) -> bool:
    return "watch" in asked.query


def a_silent_watch(site: Site) -> None:
    site.on_request = watches


def a_watch_that_is_not_answered(site: Site) -> None:
    site.spoil(Misbehaviour.HANG_BEFORE, only_with="watch")
    site.on_request = watches


def a_list_that_is_not_answered(site: Site) -> None:
    """The first list is the caller's; the watch ends at once, and the next list hangs."""
    site.spoil(Misbehaviour.RESET_BEFORE, only_with="watch")

    def note(asked: Request) -> bool:
        if watches(asked):
            site.spoil(Misbehaviour.HANG_BEFORE)
        return not watches(asked) and len(site.server.faults) > 1

    site.on_request = note


def a_pause_in_an_outage(site: Site) -> None:
    site.spoil(Misbehaviour.RESET_BEFORE, only_with="watch")

    def fail(asked: Request) -> bool:
        if watches(asked):
            site.spoil(Misbehaviour.RESET_BEFORE)
        return False

    site.on_request = fail
    site.on_pause = lambda: True


WAITS = [
    a_silent_watch,
    a_watch_that_is_not_answered,
    a_list_that_is_not_answered,
    a_pause_in_an_outage,
]


@pytest.mark.parametrize("waits_for", WAITS, ids=lambda case: case.__name__)
def test_the_thread_ends_whatever_it_waits_for(
    site: Site, waits_for: Callable[[Site], None]
) -> None:
    waits_for(site)
    watched = Watched(site.client, MAPS, Bell())
    watched.objects()
    assert watched._thread is not None
    assert site.reached.wait(SECONDS)
    watched.close()
    watched._thread.join(SECONDS)
    assert not watched._thread.is_alive()


def test_a_closed_watch_says_nothing_and_disturbs_no_other_request(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.on_request = watches
    watched = Watched(site.client, MAPS, Bell())
    watched.objects()
    assert watched._thread is not None
    assert site.reached.wait(SECONDS)
    watched.close()
    watched._thread.join(SECONDS)
    assert site.client.list_all(MAPS)[0] == []
    assert not caplog.records


def test_after_an_engine_is_closed_no_watch_of_it_is_left(site: Site) -> None:
    engine = KubernetesEngine(site.client, NAMESPACE, owner_of=lambda run: {"uid": run})
    attempt = StageRun(NAMESPACE, ProjectName("shop"), RunName("run-1"), StageName("serve"), 1)
    engine.observe_job(attempt)
    engine.observe_version(attempt)
    watching = [each for each in threading.enumerate() if each.name.startswith("watch ")]
    assert len(watching) >= 2  # of Jobs and of Deployments
    engine.close()
    for thread in watching:
        thread.join(SECONDS)
    assert not [each for each in watching if each.is_alive()]
