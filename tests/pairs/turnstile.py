"""A controller's process, held before each of its effects until the director lets it go on.

What counts as an effect is heard from Python itself (audit events): a file of the state folder is
opened for writing, renamed or removed, a folder made or removed, a signal or a command sent. So no
code under test is changed, and a new effect is held as well. A lock that is taken is told to the
director instead of waited for: whoever has it may be held, too.
"""

import fcntl
import os
import socket
import sys
import threading
import time
from typing import Any

from bodywork.local import claims
from statemachine.stores import locks

GO = b"+"
BLOCKED = "blocked"
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_PAUSE_SECONDS = 0.0005


class Turnstile:
    """The process's line to the director."""

    def __init__(self, channel: socket.socket, root: str) -> None:
        self._channel = channel
        self._root = root
        self._pid = os.getpid()
        self._inside = False

    def install(self) -> None:
        """Hold this process from now on; cannot be undone."""
        sys.addaudithook(self._hear)
        claims.fcntl = _Fcntl(self)  # type: ignore[attr-defined, assignment]
        locks._wait_for = self._wait_for

    def step(self, what: str) -> None:
        """Tell what comes next, and wait until it may."""
        self._inside = True
        try:
            self._channel.sendall(what.encode() + b"\n")
            if self._channel.recv(1) != GO:
                os._exit(1)
        finally:
            self._inside = False

    @property
    def is_held(self) -> bool:
        """Whether the caller is what is held: the controller's own process, and its main thread."""
        main = threading.current_thread() is threading.main_thread()
        return main and not self._inside and os.getpid() == self._pid

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _EFFECTS and self.is_held and (what := self._effect(event, arguments)):
            self.step(what)

    def _effect(self, event: str, arguments: tuple[Any, ...]) -> str:
        """Return how the effect is called, "" for what changes nothing."""
        if event in ("os.kill", "os.killpg"):
            return f"{event} {arguments[1]}" if arguments[1] else ""
        path = os.fsdecode(arguments[0]) if not isinstance(arguments[0], int) else ""
        if not path.startswith(self._root) or path.endswith("lock"):
            return ""
        if event == "open":
            _, mode, flags = arguments
            changes = flags & _WRITING or (mode and set(mode) & set("wax+"))
            return f"write {self._short(path)}" if changes else ""
        if event == "os.rename":
            target = os.fsdecode(arguments[1])
            return f"rename {self._short(path)} {self._short(target)}"
        if event == "os.mkdir" and os.path.isdir(path):
            return ""
        return f"{event.removeprefix('os.')} {self._short(path)}"

    def _short(self, path: str) -> str:
        return path.removeprefix(self._root).lstrip("/")

    def _wait_for(self, descriptor: int, path: Any, deadline: float) -> None:
        """Take a record's lock, in the place of `statemachine.stores.locks._wait_for`."""
        while not locks.try_lock(descriptor):
            self.blocked(str(path))

    def blocked(self, path: str) -> None:
        """Say that a lock is held by another; return when it is worth another look."""
        if self.is_held:
            self.step(f"{BLOCKED} {self._short(path)}")
        else:
            time.sleep(_PAUSE_SECONDS)


class _Fcntl:
    """`fcntl` for claims on services: a lock that is held is not waited for in the kernel."""

    LOCK_EX = fcntl.LOCK_EX

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile = turnstile

    def flock(self, descriptor: int, operation: int) -> None:
        """Take the lock."""
        while True:
            try:
                fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
            except BlockingIOError:
                self._turnstile.blocked("a service's lock")
            else:
                return


_EFFECTS = frozenset(
    {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.kill", "os.killpg"}
)
