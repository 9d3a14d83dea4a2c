"""What is known of a kind of objects: LIST is the truth, a watch only shortens the wait.

A thread lists, watches from there, and lists again when the watch ends, for whatever reason; so to
lose every event costs time, never the result. Nobody else asks the API server for these objects.

The thread survives every error: it says so, and lists again. What was known stays known meanwhile;
only when the client has given up does who looks hear of it.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from bodywork.errors import BodyworkError, EngineError, EngineUnavailable
from statemachine.errors import Interrupted
from statemachine.scheduling import THREADS, Event, Scheduler, Thread

Found = dict[str, Any]

LOG = logging.getLogger("bodywork.cluster")

WATCH_SECONDS = 240
"""How long the server keeps one watch open."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
SILENCE_SECONDS = 60.0
"""After how long without a word from the server people are told, and how often."""


class Reading(Protocol):
    """As much of the client as is needed here."""

    def list_all(
        self, path: str, *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[list[Found], str]:
        """Return the objects, and the version from which to watch."""
        ...

    def watch(
        self,
        path: str,
        resource_version: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = WATCH_SECONDS,
    ) -> Iterator[Found]:
        """Yield events; end quietly when listing again is due."""
        ...

    def apart(self, sleep: Callable[[float], None]) -> "Reading":
        """Return a client of the same objects that pauses with `sleep`, for a thread of its own."""
        ...

    def cut(self) -> None:
        """End what this client has under way, and all that it would begin; from any thread."""
        ...


class Bell:
    """Rung when something may have changed; several watchers share one.

    Whoever waits gives the count that was read *before* looking, so nothing falls in between.
    """

    def __init__(self, scheduler: Scheduler = THREADS) -> None:
        self._condition = scheduler.condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How often it has been rung."""
        return self._count

    def ring(self) -> None:
        """Wake whoever waits."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait(self, seen: int, timeout: float | None) -> None:
        """Block until it has been rung more than `seen` times, or the time is up."""
        with self._condition:
            self._condition.wait_for(lambda: self._count > seen, timeout)


class Watched:
    """The objects of one path and selector, as this process knows them, by uid.

    Reading before the first list is complete waits for it.

    Args:
        client: reads; how long it endures a fault is its own business.
        path, label_selector, field_selector: which objects.
        bell: rung when something may have changed.
        gives_up: raise what the client gave up for, instead of going on with what was known.
        pause: between two tries, in seconds.
        scheduler: gives the thread and the clock.
    """

    def __init__(
        self,
        client: Reading,
        path: str,
        bell: Bell,
        *,
        label_selector: str = "",
        field_selector: str = "",
        gives_up: bool = False,
        pause: Callable[[Event, float], object] = lambda closed, seconds: closed.wait(seconds),
        scheduler: Scheduler = THREADS,
    ) -> None:
        self._client = client
        self._path = path
        self._bell = bell
        self._selectors = {"label_selector": label_selector, "field_selector": field_selector}
        self._gives_up = gives_up
        self._pause = pause
        self._heard, self._told = scheduler.monotonic(), float("-inf")
        self._lock = threading.Lock()
        self._objects: dict[str, Found] = {}
        self._fault: BodyworkError | None = None
        self._starting = threading.Lock()
        self._scheduler = scheduler
        self._closed = scheduler.event()
        self._version = ""
        self._apart = client.apart(self._sleep)
        self._thread: Thread | None = None

    def objects(self) -> list[Found]:
        """Return what is known.

        Raises:
            EngineUnavailable: the client has given up.
            EngineError: it may not be listed, and why.
        """
        self._start()
        if self._fault is not None:
            raise self._fault
        with self._lock:
            return list(self._objects.values())

    def learn(self, found: Found) -> None:
        """Hear of an object from the answer to a write of our own, before the watch tells."""
        with self._lock:
            self._keep(found)

    def forget(self, uid: str) -> None:
        """Hear that an object is gone, from the answer to a write of our own."""
        with self._lock:
            self._objects.pop(uid, None)

    def relist(self) -> None:
        """List at once, in the caller's thread."""
        self._list(self._client)

    def close(self) -> None:
        """Stop watching; the thread ends at once, whatever it waits for."""
        self._closed.set()
        self._apart.cut()

    def _list(self, client: Reading) -> None:
        items, version = client.list_all(self._path, **self._selectors)
        with self._lock:
            self._objects = {each["metadata"]["uid"]: each for each in items}
            self._version = version
        self._fault = None
        self._heard = self._scheduler.monotonic()

    def _start(self) -> None:
        """List for the first time, and see to it that a thread follows."""
        with self._starting:
            if self._thread is None:
                self.relist()
            if self._thread is None or not self._thread.is_alive():
                self._thread = self._scheduler.thread(f"watch {self._path}", self._follow)
                self._thread.start()

    def _follow(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._closed.is_set():
            began = self._scheduler.monotonic()
            try:
                self._look_again()
            except Interrupted:
                return
            self._bell.ring()
            quick = self._scheduler.monotonic() - began < pause
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS) if quick else FIRST_PAUSE_SECONDS
            if quick:
                self._pause(self._closed, pause)

    def _sleep(self, seconds: float) -> None:
        """Pause between two tries of the client. Raises `Interrupted` as soon as it is closed."""
        if self._closed.wait(seconds):
            raise Interrupted("the watch was closed")

    def _look_again(self) -> None:
        """Watch until that ends, and list; no error leaves this but that of being closed."""
        try:
            try:
                self._watch()
            except Exception as error:
                self._say(error)  # the list decides
            if not self._closed.is_set():
                self._list(self._apart)
        except EngineUnavailable as error:
            self._say(error)
            if self._gives_up:
                self._fault = error
        except EngineError as error:
            self._say(error)
            self._fault = error  # the right to look was taken away: whoever looks must know
        except Exception as error:
            self._say(error)

    def _say(self, error: Exception) -> None:
        """Tell of an error: at once of one that nobody expects, else when it lasts."""
        if self._closed.is_set():
            return
        now = self._scheduler.monotonic()
        expected = isinstance(error, BodyworkError)
        since = max(self._heard, self._told) if expected else self._told
        if now - since < SILENCE_SECONDS:
            LOG.debug("watching %s: %s", self._path, error)
            return
        self._told = now
        LOG.warning(
            "%s cannot be watched (%s); last heard of %d s ago, listing again",
            self._path,
            error if expected else f"{type(error).__name__}: {error}",
            now - self._heard,
        )

    def _watch(self) -> None:
        events = self._apart.watch(
            self._path, self._version, timeout_seconds=WATCH_SECONDS, **self._selectors
        )
        for event in events:
            self._heard = self._scheduler.monotonic()
            if self._closed.is_set():
                return
            if event["type"] == "BOOKMARK":
                continue
            with self._lock:
                if event["type"] == "DELETED":
                    self._objects.pop(event["object"]["metadata"]["uid"], None)
                else:
                    self._keep(event["object"])
            self._bell.ring()

    def _keep(self, found: Found) -> None:
        uid = found["metadata"]["uid"]
        known = self._objects.get(uid)
        if known is None or version_number(known) <= version_number(found):
            self._objects[uid] = found


def version_number(found: Mapping[str, Any]) -> int:
    """Return an object's resourceVersion as a number.

    Versions of one object can be compared as integers: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """
    try:
        return int(found["metadata"]["resourceVersion"])
    except (KeyError, ValueError):
        return 0
