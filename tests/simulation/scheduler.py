"""Threads that run one at a time, in an order drawn from a seed, in a time that only moves when all
of them wait.

Each actor is a greenlet, which has a stack of its own as a thread has, so the code under test is
the real one; but it only runs while it holds the baton, and it gives the baton away at each
request, sleep and wait. Who goes on is drawn at random from those that could; when nobody could,
the clock jumps to the next one that is due. So the same seed gives the same history, and an hour of
waiting costs nothing. No operating system takes part, so a busy machine makes nothing slow but the
work itself.
"""

import heapq
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from greenlet import greenlet


class Killed(BaseException):
    """The actor's process is gone, as by kill -9: nothing that it does now has an effect."""


@dataclass(slots=True, eq=False)
class Process:
    """What is killed and paused as one: the threads of a controller, or one of the cluster's."""

    name: str
    dead: bool = False
    paused_until: float = 0.0


@dataclass(slots=True, eq=False)
class Actor:
    """One thread. It is alive from `start` until its function has returned."""

    scheduler: "SimulatedTime"
    process: Process
    name: str
    function: Callable[[], None]
    thread: greenlet | None = None
    alive: bool = False
    blocked_on: Hashable = None
    sleeps: int = 0
    error: BaseException | None = None

    def start(self) -> None:
        """Let it take part from now on."""
        self.scheduler.admit(self)

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        deadline = None if timeout is None else self.scheduler.now + timeout
        while self.alive and (deadline is None or self.scheduler.now < deadline):
            self.scheduler.block(self, None if deadline is None else deadline - self.scheduler.now)

    def is_alive(self) -> bool:
        """Say whether it has not ended yet."""
        return self.alive


class SimulatedTime:
    """The baton, the clock, and a `statemachine.scheduling.Scheduler` for the code under test."""

    def __init__(self, seed: int, most_steps: int = 30_000) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.steps = 0
        self.stuck = ""
        self._most_steps = most_steps
        self._ready: list[Actor] = []
        self._timers: list[tuple[float, int, int, Actor]] = []
        self._waiting: dict[Hashable, list[Actor]] = {}
        self._living: list[Actor] = []
        self._count = 0
        self._closing = False
        self._hub: greenlet | None = None
        self.current = Actor(self, Process("outside"), "outside", lambda: None)

    # -- what the code under test uses ------------------------------------------------------------

    def monotonic(self) -> float:
        """Return the simulated time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let others go on for that long."""
        if seconds > 0:
            self.block(None, seconds)
        else:
            self.pass_on()

    def event(self) -> "Event":
        """Return an event of this time."""
        return Event(self)

    def condition(self) -> "Condition":
        """Return a condition of this time."""
        return Condition(self)

    def thread(self, name: str, function: Callable[[], None]) -> Actor:
        """Return a thread of the process that asks."""
        return self.actor(self.current.process, name, function)

    # -- the baton --------------------------------------------------------------------------------

    def actor(self, process: Process, name: str, function: Callable[[], None]) -> Actor:
        """Return a thread that has not started."""
        return Actor(self, process, f"{process.name} {name}", function)

    def run(self, first: Actor) -> None:
        """Let the first actor and all that it starts run until it has ended; end the others."""
        self.admit(first)
        first_ended = first.function

        def to_the_end() -> None:
            try:
                first_ended()
            finally:
                self._close()

        first.function = to_the_end
        self._hub = greenlet(self._run_all)
        self._hub.switch()
        if first.error is not None:
            raise first.error

    def admit(self, actor: Actor) -> None:
        """Start a thread, which waits for the baton."""
        actor.alive = True
        self._living.append(actor)
        self._ready.append(actor)

    def pass_on(self) -> None:
        """Let any actor that could go on, this one included, go on."""
        self._ready.append(self.current)
        self._switch()

    def block(self, key: Hashable, timeout: float | None) -> None:
        """Wait until the key is woken or the time is up."""
        actor = self.current
        self._check(actor)
        actor.blocked_on = key
        actor.sleeps += 1
        if key is not None:
            self._waiting.setdefault(key, []).append(actor)
        if timeout is not None:
            self._count += 1
            due = (self.now + max(timeout, 0.0), self._count, actor.sleeps, actor)
            heapq.heappush(self._timers, due)
        self._switch()

    def wake(self, key: Hashable) -> None:
        """Let all that wait for the key go on, some time."""
        for actor in self._waiting.pop(key, []):
            self._rouse(actor)

    def kill(self, process: Process) -> None:
        """End all threads of a process; each is gone when it would next go on."""
        process.dead = True
        for actor in self._living:
            if actor.process is process and actor is not self.current:
                self._leave(actor)

    # -- inside -----------------------------------------------------------------------------------

    def _run_all(self) -> None:
        """Give the baton away each time that an actor has ended, until there is none."""
        while self._living:
            self._go_on(self._choose())

    def _go_on(self, actor: Actor) -> None:
        """Let an actor hold the baton; return when it comes back to who asks."""
        if actor.thread is None:
            actor.thread = greenlet(partial(self._live, actor), parent=self._hub)
        actor.thread.switch()

    def _live(self, actor: Actor) -> None:
        try:
            self._check(actor)
            actor.function()
        except Killed:
            pass
        except BaseException as error:  # handed to whoever looks at the actor
            actor.error = error
        actor.alive = False
        self._living.remove(actor)
        self.wake(actor)

    def _check(self, actor: Actor) -> None:
        if actor.process.dead or self._closing:
            raise Killed

    def _switch(self) -> None:
        actor = self.current
        chosen = self._choose()
        if chosen is not actor:
            self._go_on(chosen)
        self._check(actor)

    def _choose(self) -> Actor:
        self.steps += 1
        if self.steps > self._most_steps and not self._closing:
            self.stuck = f"no end after {self.steps} steps, at {self.now:.0f} s"
            self._close()
        while True:
            while self._ready:
                place = self.random.randrange(len(self._ready)) if len(self._ready) > 1 else 0
                actor = self._ready.pop(place)
                if actor.process.paused_until <= self.now or self._closing or actor.process.dead:
                    self.current = actor
                    return actor
                self._sleep_on(actor)
            self._advance()

    def _sleep_on(self, actor: Actor) -> None:
        """Put an actor of a paused process off."""
        self._count += 1
        actor.blocked_on = None
        actor.sleeps += 1
        entry = (actor.process.paused_until, self._count, actor.sleeps, actor)
        heapq.heappush(self._timers, entry)

    def _advance(self) -> None:
        """Move the clock to the next actor that is due."""
        while self._timers:
            due, _, sleeps, actor = heapq.heappop(self._timers)
            if actor.alive and actor.sleeps == sleeps and actor not in self._ready:
                self.now = max(self.now, due)
                self._leave(actor)
                return
        waiting = ", ".join(f"{actor.name} for {actor.blocked_on}" for actor in self._living)
        self.stuck = f"all wait for ever: {waiting}"
        self._close()

    def _leave(self, actor: Actor) -> None:
        """Take an actor out of whatever it waits for."""
        waiting = self._waiting.get(actor.blocked_on)
        if waiting and actor in waiting:
            waiting.remove(actor)
        self._rouse(actor)

    def _rouse(self, actor: Actor) -> None:
        actor.blocked_on = None
        actor.sleeps += 1
        if actor.alive and actor not in self._ready:
            self._ready.append(actor)

    def _close(self) -> None:
        """End everybody: what still runs is killed when it would next go on."""
        self._closing = True
        for actor in self._living:
            if actor is not self.current:
                self._leave(actor)


class Event:
    """`threading.Event` in simulated time."""

    def __init__(self, time: SimulatedTime) -> None:
        self._time = time
        self._set = False

    def set(self) -> None:
        """Wake all that wait."""
        self._set = True
        self._time.wake(self)

    def is_set(self) -> bool:
        """Say whether it was set."""
        return self._set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or the time is up."""
        deadline = None if timeout is None else self._time.now + timeout
        while not self._set and (deadline is None or self._time.now < deadline):
            self._time.block(self, None if deadline is None else deadline - self._time.now)
        return self._set


class Condition:
    """`threading.Condition` in simulated time; one actor runs at a time, so it needs no lock."""

    def __init__(self, time: SimulatedTime) -> None:
        self._time = time

    def __enter__(self) -> bool:
        return True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def notify_all(self) -> None:
        """Let all that wait look again."""
        self._time.wake(self)

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until the predicate holds, or the time is up."""
        deadline = None if timeout is None else self._time.now + timeout
        while not predicate() and (deadline is None or self._time.now < deadline):
            self._time.block(self, None if deadline is None else deadline - self._time.now)
        return predicate()
