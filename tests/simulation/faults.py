"""What goes wrong with a request, drawn from the seed; each class counts that it fired."""

import enum
import random
from collections import Counter
from dataclasses import dataclass, field


class Fault(enum.Enum):
    """One class of faults. Those of a watch come when it begins, the others at any request."""

    LOST_BEFORE = "the connection is cut, and nothing was done"
    LOST_AFTER = "it is done, and the answer is lost"
    UNREACHABLE = "no connection can be made"
    FORBIDDEN = "403: a right is missing"
    UNAUTHORIZED = "401: the credentials are not accepted"
    CONFLICT = "409: the object was changed meanwhile"
    EXPIRED = "410: the list or the version is too old"
    BUSY = "429 with Retry-After"
    ERROR_BEFORE = "500, 502, 503 or 504, and nothing was done"
    ERROR_AFTER = "500, 502 or 504, and it is done"
    HANG_BEFORE = "no answer until the time-out, and nothing was done"
    HANG_AFTER = "no answer until the time-out, and it is done"
    LATE = "no answer until the time-out; it is done some time later"
    TRUNCATED = "it is done, and half of the answer arrives"
    FOREIGN = "something else than the API server answers"
    SLOW = "the answer takes its time"
    WATCH_SILENT = "a watch that says nothing until its time-out"
    WATCH_LATE = "a watch that tells each event some time later"
    WATCH_CUT = "a watch that ends after an event"
    WATCH_GARBLED = "a watch with a line that is no event"
    KILLED_BEFORE = "the controller is killed before its request is sent"
    KILLED_AFTER = "the controller is killed before the answer arrives"
    PAUSED_BEFORE = "the controller is stopped for long before it sends"
    PAUSED_AFTER = "the controller is stopped for long before it hears the answer"


OF_WATCHES = frozenset(fault for fault in Fault if fault.name.startswith("WATCH_"))
OF_PROCESSES = frozenset(
    {Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.PAUSED_BEFORE, Fault.PAUSED_AFTER}
)
OF_WRITES = frozenset({Fault.CONFLICT, Fault.LATE})
OF_READS = frozenset({Fault.EXPIRED})
OF_REQUESTS = frozenset(Fault) - OF_WATCHES - OF_PROCESSES
LONGEST_BURST = 6
OF_A_WATCH = 4
"""There are few watches, so each has a greater share of faults."""


@dataclass(slots=True)
class Faults:
    """The faults of one history.

    Attributes:
        kinds: those that may come.
        rate: how likely one is at each request.
        active: whether any comes at all; a history ends in calm.
        fired: how often each came.
    """

    random: random.Random
    kinds: frozenset[Fault]
    rate: float
    active: bool = True
    fired: Counter[Fault] = field(default_factory=Counter)
    _burst: list[Fault] = field(default_factory=list)

    def draw(self, method: str, *, is_list: bool, is_watch: bool) -> Fault | None:
        """Return what goes wrong with a request, if anything does."""
        if not self.active:
            return None
        fault: Fault | None
        if self._burst:
            fault = self._burst.pop()
        elif self.random.random() < (self.rate * OF_A_WATCH if is_watch else self.rate):
            fault = self._one_of(self._possible(method, is_list, is_watch))
            if fault is not None and fault in OF_REQUESTS and self.random.random() < 0.2:
                self._burst = [fault] * self.random.randrange(1, LONGEST_BURST)
        else:
            return None
        if fault not in self._possible(method, is_list, is_watch):
            return None
        self.fired[fault] += 1
        return fault

    def _possible(self, method: str, is_list: bool, is_watch: bool) -> frozenset[Fault]:
        """Return what can go wrong with such a request."""
        if is_watch:
            return self.kinds & (OF_WATCHES | {Fault.EXPIRED, Fault.FORBIDDEN, Fault.UNREACHABLE})
        chosen = self.kinds - OF_WATCHES
        if method == "GET":
            chosen -= OF_WRITES
        if not is_list:
            chosen -= OF_READS
        if method not in ("PUT", "DELETE"):
            chosen -= {Fault.CONFLICT}
        return chosen

    def _one_of(self, kinds: frozenset[Fault]) -> Fault | None:
        ordered = sorted(kinds, key=lambda each: each.name)
        return self.random.choice(ordered) if ordered else None
