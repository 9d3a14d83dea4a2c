"""A list is the truth and a watch only a bell: whatever a watch does, what is known comes right."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bodywork.cluster.watching import SILENCE_SECONDS, Bell, Watched
from bodywork.errors import EngineError, EngineUnavailable, NotFound, UsageError
from statemachine.scheduling import Threads

Found = dict[str, Any]
SECONDS = 10.0


def thing(name: str, version: int) -> Found:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}}


class Server:
    """Lists what it holds; what a watch does is told to it, one thing after another."""

    def __init__(self, *held: Found) -> None:
        self.held = list(held)
        self.script: queue.Queue[Found | Exception | None] = queue.Queue()
        self.lists = 0
        self.unlisted: Exception | None = None

    def list_all(
        self, path: str, *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[list[Found], str]:
        self.lists += 1
        if self.unlisted is not None:
            raise self.unlisted
        return list(self.held), "1"

    def watch(
        self,
        path: str,
        resource_version: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 0,
    ) -> Iterator[Found]:
        while (told := self.script.get()) is not None:
            if isinstance(told, Exception):
                raise told
            yield told

    def apart(self, sleep: Callable[[float], None]) -> "Server":
        return self

    def cut(self) -> None:
        self.script.put(None)


@pytest.fixture
def server() -> Server:
    return Server(thing("a", 1))


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def watched(server: Server, bell: Bell) -> Iterator[Watched]:
    watched = Watched(server, "/things", bell, pause=lambda closed, seconds: None)
    yield watched
    watched.close()


def versions(watched: Watched) -> dict[str, str]:
    found = (each["metadata"] for each in watched.objects())
    return {each["name"]: each["resourceVersion"] for each in found}


def ring_after(bell: Bell, server: Server, told: Found | Exception | None) -> None:
    """Let the watch do that, and wait until it was heeded."""
    seen = bell.count
    server.script.put(told)
    bell.wait(seen, SECONDS)
    assert bell.count > seen


def test_events_change_what_is_known_and_ring(watched: Watched, server: Server, bell: Bell) -> None:
    assert versions(watched) == {"a": "1"}
    ring_after(bell, server, {"type": "MODIFIED", "object": thing("a", 2)})
    ring_after(bell, server, {"type": "ADDED", "object": thing("b", 3)})
    assert versions(watched) == {"a": "2", "b": "3"}
    ring_after(bell, server, {"type": "DELETED", "object": thing("a", 4)})
    assert versions(watched) == {"b": "3"}
    assert server.lists == 1


@pytest.mark.parametrize("end", [None, EngineUnavailable("reset")], ids=["ended", "broken"])
def test_what_a_watch_missed_is_known_from_the_next_list(
    watched: Watched, server: Server, bell: Bell, end: Exception | None
) -> None:
    assert versions(watched) == {"a": "1"}
    server.held = [thing("a", 5), thing("c", 6)]  # and "b" came and went meanwhile
    ring_after(bell, server, end)
    if end is not None:  # then the next watch must end well before it is listed again
        ring_after(bell, server, None)
    assert versions(watched) == {"a": "5", "c": "6"}


def test_an_event_that_comes_late_does_not_undo_what_is_known(
    watched: Watched, server: Server, bell: Bell
) -> None:
    assert versions(watched) == {"a": "1"}
    watched.learn(thing("a", 9))  # the answer to a write of our own
    ring_after(bell, server, {"type": "MODIFIED", "object": thing("a", 8)})
    assert versions(watched) == {"a": "9"}


def test_a_bookmark_is_no_change(watched: Watched, server: Server, bell: Bell) -> None:
    assert versions(watched) == {"a": "1"}
    seen = bell.count
    server.script.put({"type": "BOOKMARK", "object": thing("", 7)})
    ring_after(bell, server, {"type": "MODIFIED", "object": thing("a", 2)})
    assert bell.count == seen + 1


def test_a_right_that_is_taken_away_is_told_to_whoever_looks(
    watched: Watched, server: Server, bell: Bell
) -> None:
    assert versions(watched) == {"a": "1"}
    server.unlisted = EngineError("cannot list things")
    ring_after(bell, server, None)
    with pytest.raises(EngineError, match="cannot list things"):
        watched.objects()
    server.unlisted = None  # it was given back
    ring_after(bell, server, None)
    assert versions(watched) == {"a": "1"}


UNEXPECTED = [
    UsageError("the kubeconfig cannot be read"),
    NotFound("the server could not find the requested resource"),
    EngineError("User cannot watch resource"),
    EngineUnavailable("no answer"),
    KeyError("uid"),
    TypeError("a list, and no object"),
    OSError(24, "Too many open files"),
    RuntimeError("dictionary changed size"),
]


@pytest.mark.parametrize("error", UNEXPECTED, ids=lambda error: type(error).__name__)
def test_no_error_of_a_watch_hides_what_is_listed(
    watched: Watched, server: Server, bell: Bell, error: Exception
) -> None:
    assert versions(watched) == {"a": "1"}
    server.held = [thing("a", 5)]
    ring_after(bell, server, error)
    ring_after(bell, server, {"type": "ADDED", "object": thing("b", 6)})
    assert versions(watched) == {"a": "5", "b": "6"}


@pytest.mark.parametrize("error", UNEXPECTED, ids=lambda error: type(error).__name__)
def test_no_error_of_a_list_ends_the_thread(
    watched: Watched, server: Server, bell: Bell, error: Exception
) -> None:
    assert versions(watched) == {"a": "1"}
    server.unlisted = error
    ring_after(bell, server, None)
    server.unlisted, server.held = None, [thing("a", 5)]
    ring_after(bell, server, None)
    assert versions(watched) == {"a": "5"}


def test_an_event_without_an_object_is_no_end(watched: Watched, server: Server, bell: Bell) -> None:
    assert versions(watched) == {"a": "1"}
    server.held = [thing("a", 5)]
    ring_after(bell, server, {"type": "ADDED"})
    assert versions(watched) == {"a": "5"}


def test_what_the_client_gave_up_for_is_told_to_who_depends_on_it(
    server: Server, bell: Bell
) -> None:
    watched = Watched(server, "/things", bell, gives_up=True, pause=lambda closed, seconds: None)
    assert versions(watched) == {"a": "1"}
    server.unlisted = EngineUnavailable("no answer for 15 minutes")
    ring_after(bell, server, None)
    with pytest.raises(EngineUnavailable, match="15 minutes"):
        watched.objects()
    server.unlisted = None
    ring_after(bell, server, None)
    assert versions(watched) == {"a": "1"}
    watched.close()


class Silence(Threads):
    """The machine's own threads, and a clock that a test moves."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_people_are_told_when_nothing_was_heard_for_a_while(
    server: Server, bell: Bell, caplog: pytest.LogCaptureFixture
) -> None:
    time = Silence()
    watched = Watched(server, "/things", bell, pause=lambda closed, seconds: None, scheduler=time)
    assert versions(watched) == {"a": "1"}
    server.unlisted = EngineUnavailable("no answer")
    for time.seconds in (10.0, SILENCE_SECONDS + 1, SILENCE_SECONDS + 2, 3 * SILENCE_SECONDS):
        ring_after(bell, server, None)
    told = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert told == [
        "/things cannot be watched (no answer); last heard of 61 s ago, listing again",
        "/things cannot be watched (no answer); last heard of 180 s ago, listing again",
    ]
    watched.close()


def test_a_thread_that_is_gone_is_made_anew(server: Server, bell: Bell) -> None:
    class Dying(Threads):
        made = 0

        def thread(self, name: str, function: Callable[[], None]) -> threading.Thread:
            self.made += 1
            if self.made > 1:
                return super().thread(name, function)
            return super().thread(name, lambda: None)

    watched = Watched(
        server, "/things", bell, pause=lambda closed, seconds: None, scheduler=Dying()
    )
    assert versions(watched) == {"a": "1"}
    assert watched._thread is not None
    watched._thread.join(SECONDS)
    assert versions(watched) == {"a": "1"}
    ring_after(bell, server, {"type": "ADDED", "object": thing("b", 6)})
    assert versions(watched) == {"a": "1", "b": "6"}
    watched.close()


def test_a_ring_between_looking_and_waiting_is_not_lost(bell: Bell) -> None:
    seen = bell.count
    bell.ring()
    bell.wait(seen, None)  # would block for ever


def test_one_ring_wakes_everybody(bell: Bell) -> None:
    seen = bell.count
    woken = threading.Barrier(4, timeout=SECONDS)

    def wait() -> None:
        bell.wait(seen, SECONDS)
        woken.wait()

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    bell.ring()
    woken.wait()
    for thread in threads:
        thread.join()
