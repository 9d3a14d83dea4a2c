"""The threads and the time of a controller: those of the machine, or those of a simulation.

Whatever in a controller sleeps, waits for another thread or starts one does it through a
`Scheduler`. So a test can run several controllers in one process, decide at each wait which of them
goes on, and let hours pass at once.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Event(Protocol):
    """As much of `threading.Event` as is needed here."""

    def set(self) -> None:
        """Wake all that wait, now and later."""
        ...

    def is_set(self) -> bool:
        """Say whether it was set."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it is set or `timeout` seconds have passed; say whether it is set."""
        ...


class Condition(AbstractContextManager[bool], Protocol):
    """As much of `threading.Condition` as is needed here."""

    def notify_all(self) -> None:
        """Let all that wait look again."""
        ...

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Block until the predicate holds or `timeout` seconds have passed; say whether it does."""
        ...


class Thread(Protocol):
    """As much of `threading.Thread` as is needed here."""

    def start(self) -> None:
        """Begin to run."""
        ...

    def join(self, timeout: float | None = None) -> None:
        """Block until it has ended, or `timeout` seconds have passed."""
        ...

    def is_alive(self) -> bool:
        """Say whether it still runs."""
        ...


class Scheduler(Protocol):
    """Threads, and time as they see it."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        ...

    def event(self) -> Event:
        """Return a new event."""
        ...

    def condition(self) -> Condition:
        """Return a new condition with a lock of its own."""
        ...

    def thread(self, name: str, function: Callable[[], None]) -> Thread:
        """Return a thread that will call `function`, and does not keep the process alive."""
        ...


class Threads:
    """The machine's own threads and clock."""

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    def event(self) -> threading.Event:
        """Return a new event."""
        return threading.Event()

    def condition(self) -> threading.Condition:
        """Return a new condition."""
        return threading.Condition()

    def thread(self, name: str, function: Callable[[], None]) -> threading.Thread:
        """Return a daemon thread."""
        return threading.Thread(target=function, name=name, daemon=True)


THREADS = Threads()
