"""Ctrl-C and SIGTERM: the first asks the controller to stop, the second ends it at once.

The stop is an exception, raised wherever the controller happens to be: it has to survive a kill at
any instant, so it survives that, and a wait ends promptly. A flag is set besides, for the rare
place that swallows exceptions.
"""

import os
import signal
import types

from bodywork.cli.exits import INTERRUPTED
from statemachine.errors import Interrupted


class Signals:
    """Listens for as long as it is installed; `stop` is the flag."""

    def __init__(self) -> None:
        self._name = ""

    def install(self) -> None:
        """Begin to listen."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)

    def stop(self) -> bool:
        """Say whether a signal has come."""
        return bool(self._name)

    def _hear(self, number: int, _: types.FrameType | None) -> None:
        if self._name:
            os._exit(INTERRUPTED)
        self._name = signal.Signals(number).name
        raise Interrupted(f"interrupted by {self._name}")
