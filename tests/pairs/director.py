"""Lets controllers go on one at a time, in an order drawn from the seed, and kills some of them.

A controller is held before each of its effects (see `turnstile`). Nobody but the chosen one moves,
until it has come to its next effect or has ended; so what the others find is the same each time.
"""

import os
import random
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.pairs.controllers import ENDED, FAULT, HELD
from tests.pairs.stories import Command
from tests.pairs.turnstile import BLOCKED, GO

ARRIVAL_SECONDS = 300.0
"""How long a controller may need for its next effect: longer means that it hangs."""
MOST_STEPS = 8000
MOST_STALLS = 1000
"""How often in a row a lock may be found held."""
KEEPS_ON = 0.85
"""How likely the controller that has just moved moves on."""


@dataclass(slots=True, eq=False)
class Actor:
    """A controller's process, held.

    Attributes:
        at: its next effect.
        steps: how many it has had.
        rests_until: up to which step of the director it is held.
        idle: whether it only waits for another run, and did so before.
    """

    name: str
    command: Command
    pid: int
    channel: socket.socket
    at: str = ""
    steps: int = 0
    rests_until: int = 0
    idle: bool = False
    blocked_since: int = -1
    said: bytes = b""


class Watcher(Protocol):
    """Who judges the steps."""

    def before(self, actor: Actor, what: str) -> None:
        """Hear which step comes next."""
        ...

    def after(self, actor: Actor, what: str) -> None:
        """Hear that it was made, and everybody is held again."""
        ...

    def end(self, actor: Actor, how: str) -> None:
        """Hear that a controller has ended by itself."""
        ...


@dataclass(slots=True)
class Director:
    """The controllers of one pair.

    Args:
        random: draws who goes on.
        spawn: forks a controller for a command, and returns its process id and channel.
        watch: hears of each step, before it and after it, and of each end.
    """

    random: random.Random
    spawn: Callable[[Command], tuple[int, socket.socket]]
    watch: "Watcher"
    told: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    steps: int = 0
    kills: int = 0
    _actors: list[Actor] = field(default_factory=list)
    _last: Actor | None = None
    _count: int = 0
    _stalls: int = 0

    def carry_out(self, commands: tuple[Command, ...]) -> None:
        """Begin each command at its step, and go on until all controllers have ended or wait for
        runs that no controller carries on."""
        left = sorted(commands, key=lambda each: each.at)
        first = self.steps
        while left or self._can_move():
            if left and (self.steps - first >= left[0].at or not self._can_move()):
                self._begin(left.pop(0))
            elif self.steps > MOST_STEPS or self._stalls > MOST_STALLS:
                waits = ", ".join(f"{each.name} before {each.at}" for each in self._actors)
                self.faults.append(f"no end after {self.steps} steps: {waits}")
                return
            else:
                self._move(self._choose())

    def kill_all(self) -> None:
        """Kill the controllers that are left."""
        for actor in list(self._actors):
            self._kill(actor)

    def _can_move(self) -> bool:
        return any(not actor.idle for actor in self._actors)

    def _begin(self, command: Command) -> None:
        self._count += 1
        for actor in self._actors:
            actor.idle = False
        pid, channel = self.spawn(command)
        channel.settimeout(ARRIVAL_SECONDS)
        actor = Actor(f"ctl-{self._count}", command, pid, channel)
        self._actors.append(actor)
        self._say(actor, f"--- {command.kind} {command.run}")
        self._arrive(actor)

    def _choose(self) -> Actor:
        """Draw who goes on: not who is blocked or rests, unless there is nobody else."""
        for able in (self._is_free, self._is_unblocked, lambda actor: True):
            found = [actor for actor in self._actors if able(actor)]
            if self._last in found and self.random.random() < KEEPS_ON:
                return self._last
            if found:
                return self.random.choice(found)
        raise AssertionError("there is nobody")

    def _is_free(self, actor: Actor) -> bool:
        return self._is_unblocked(actor) and actor.rests_until <= self.steps

    def _is_unblocked(self, actor: Actor) -> bool:
        return actor.blocked_since < 0 or actor.blocked_since < self.steps

    def _move(self, actor: Actor) -> None:
        """Let the actor have its effect and come to its next one; or kill it before."""
        self._last = actor
        if actor.steps + 1 == actor.command.dies_at:
            self._kill(actor)
            return
        if actor.steps + 1 == actor.command.rests_at and actor.rests_until == 0:
            actor.rests_until = self.steps + actor.command.rest
            self._say(actor, "rests")
            return
        what = actor.at
        self._say(actor, what)
        self._stalls += 1
        if not what.startswith(BLOCKED):
            self._stalls = 0
            actor.steps += 1
            self.steps += 1
        if not what.startswith((BLOCKED, HELD)):
            for other in self._actors:
                other.idle = False
        self.watch.before(actor, what)
        actor.channel.sendall(GO)
        self._arrive(actor)
        self.watch.after(actor, what)

    def _arrive(self, actor: Actor) -> None:
        """Wait until the actor is held before its next effect, or has ended."""
        before, actor.at = actor.at, self._hear(actor)
        actor.blocked_since = self.steps if actor.at.startswith(BLOCKED) else -1
        actor.idle = actor.at.startswith(HELD) and before.startswith(HELD)
        if actor.at.startswith((ENDED, FAULT)):
            self._say(actor, actor.at)
            if actor.at.startswith(FAULT):
                self.faults.append(f"{actor.name}: {actor.at}")
            self.watch.end(actor, actor.at.removeprefix(ENDED).strip())
            self._bury(actor)

    def _hear(self, actor: Actor) -> str:
        while b"\n" not in actor.said:
            try:
                chunk = actor.channel.recv(1 << 16)
            except TimeoutError:
                os.kill(actor.pid, signal.SIGKILL)
                return f"{FAULT} it hangs after {actor.at}"
            if not chunk:
                return f"{FAULT} it is gone after {actor.at}"
            actor.said += chunk
        line, _, actor.said = actor.said.partition(b"\n")
        return line.decode()

    def _kill(self, actor: Actor) -> None:
        self._say(actor, f"is killed before {actor.at}")
        self.kills += 1
        os.kill(actor.pid, signal.SIGKILL)
        self._bury(actor)
        for other in self._actors:
            other.idle = False
            other.blocked_since = -1

    def _bury(self, actor: Actor) -> None:
        os.waitpid(actor.pid, 0)
        actor.channel.close()
        self._actors.remove(actor)

    def _say(self, actor: Actor, what: str) -> None:
        self.told.append(f"{self.steps:5} {actor.name:<6} {actor.command.run:<6} {what}")
