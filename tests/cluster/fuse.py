"""What kills a controller at one of its requests: before, within or after it.

Watches and followed logs are not counted: nothing is changed by them.
"""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

When = Literal["before", "middle", "after", "late"]
"""When the process is killed, and what becomes of its request:

- before: it never reaches the API server.
- middle: half of it does, where it has a body (the API server has begun to read it). Of a request
  without a body, half of the answer reaches the process.
- after: the API server has carried it out; the process never reads the answer.
- late: it is on its way while the process dies, and is carried out when another controller is at
  work. Only writes: a late read has no effect.
"""
INSTANTS: tuple[When, ...] = get_args(When)
AIM_SECONDS = 60.0


@dataclass
class Fuse:
    """At request `number` (from 1; 0 for never), kill the process.

    Attributes:
        requests: all that were counted, each as `GET /path`.
        deliver: carries out the request that is late; does nothing where there is none.
        on_save: called once, after the first save of a checkpoint was answered.
    """

    number: int = 0
    when: When = "before"
    on_save: Callable[[], None] = lambda: None
    requests: list[str] = field(default_factory=list)
    burnt: threading.Event = field(default_factory=threading.Event)
    deliver: Callable[[], None] = lambda: None
    _victim: int = 0
    _aimed: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def aim(self, process: int) -> None:
        """Say which process is to be killed; a request that comes earlier waits for this."""
        self._victim = process
        self._aimed.set()

    def count(self, request: str) -> bool:
        """Count a request; return whether it is the one."""
        with self._lock:
            self.requests.append(request)
            return len(self.requests) == self.number

    def burn(self) -> None:
        """Kill."""
        assert self._aimed.wait(AIM_SECONDS), "nothing was aimed at"
        os.kill(self._victim, signal.SIGKILL)
        self.burnt.set()

    def note_save(self) -> None:
        """Call `on_save`, the first time."""
        with self._lock:
            call, self.on_save = self.on_save, lambda: None
        call()
