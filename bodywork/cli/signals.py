"""Signals to a controller: the first asks it to stop, the second ends it at once.

Stopping is safe at any instant, since everything is on record before it is done; so the request is
raised right where the main thread is. The flag beside it is for the case that some library swallows
what was raised.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from statemachine.errors import Interrupted

_WANTED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AT_ONCE = 4
"""The exit code of a second signal: the run is as resumable as after the first."""


@dataclass
class Stop:
    """Whether somebody asked us to stop.

    Attributes:
        asked: what the runner looks at.
        at_once: called right before a second signal ends the process, to leave a tidy terminal.
    """

    asked: bool = False
    at_once: Callable[[], None] = field(default=lambda: None)

    def __call__(self) -> bool:
        """Answer as the runner's `stop`."""
        return self.asked

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal. Raises `Interrupted` the first time."""
        if self.asked:
            self.at_once()
            os._exit(AT_ONCE)
        self.asked = True
        raise Interrupted(f"stopped by {signal.Signals(number).name}")


_in_force: list[Stop] = []


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Handle signals for as long as the context lasts; one that is ignored (nohup) stays so.

    Within another such context it is the same: a second signal is the second one in both.
    """
    if _in_force:
        yield _in_force[0]
        return
    stop = Stop()
    before = {number: signal.getsignal(number) for number in _WANTED}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop.receive)
    _in_force.append(stop)
    try:
        yield stop
    finally:
        _in_force.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
