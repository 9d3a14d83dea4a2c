"""A spawner whose processes die or hang at a point of their work; run in place of the real one.

A point is the n-th time that the spawner, a keeper or a supervisor opens, makes or removes a file
or forks. Standard library only.
"""

import os
import signal
import sys
from collections.abc import Callable

ROLES = SPAWNER, KEEPER, SUPERVISOR = ("spawner", "keeper", "supervisor")
_EVENTS = frozenset({"open", "os.fork", "os.mkdir", "os.rename", "os.remove", "os.kill"})


class Fault:
    """Ends or stops the process of a role at a point."""

    def __init__(self, role: str, point: int, number: int) -> None:
        self.role = SPAWNER
        self._at = role
        self._left = point
        self._signal = number

    def hear(self, event: str, _arguments: object) -> None:
        """Count an event."""
        if event in _EVENTS and self.role == self._at and self._left >= 0:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), self._signal)

    def enter(self, role: str, work: Callable[..., None]) -> Callable[..., None]:
        """Return the work of a role, which is entered with it."""

        def entered(*arguments: object) -> None:
            self.role = role
            work(*arguments)

        return entered


def main(descriptor: int, role: str, point: int, number: int) -> None:
    """Be the spawner."""
    from bodywork.local.supervisor import keeper, spawner, supervise

    fault = Fault(role, point, number)
    spawner._detach = fault.enter(KEEPER, spawner._detach)
    keeper._supervise = fault.enter(SUPERVISOR, keeper._supervise)  # type: ignore[assignment]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    supervise.Supervisor._hold_environment = lambda self: True  # type: ignore[method-assign]
    sys.addaudithook(fault.hear)
    spawner.main(descriptor)
