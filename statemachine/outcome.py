"""All that a handler may return.

A handler looks at a checkpoint, makes the outside world agree with what it records (repeating this
must do no harm), looks at what came of it, and returns one of these values. It never writes the
store: the runner does, and only the runner.
"""

from collections.abc import Callable
from dataclasses import dataclass

from statemachine.checkpoint import Data


@dataclass(frozen=True, slots=True)
class Event:
    """Something that hooks may want to hear of, apart from the moves themselves."""

    topic: str
    data: Data


@dataclass(frozen=True, slots=True)
class Advance:
    """Fire `trigger` and keep `data` from now on; the runner saves both in one write."""

    trigger: str
    data: Data
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to record yet: call `wake_up`, which blocks until another look is worth it."""

    wake_up: Callable[[], None]
