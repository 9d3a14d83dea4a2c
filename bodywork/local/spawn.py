"""This controller's line to its spawner, which is started early and used late."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from bodywork.errors import EngineError
from bodywork.local.supervisor.spawner import FAILED
from bodywork.model.pods import withhold

_ROOT = str(Path(__file__).resolve().parents[2])
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from bodywork.local.supervisor.spawner import main; main(int(sys.argv[2]))"
)


class Spawner:
    """Starts supervisors. One a controller; a spawner that died is started anew."""

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def warm_up(self) -> None:
        """Start the spawner without waiting for it."""
        if self._channel is not None:
            return
        ours, theirs = socket.socketpair()
        number = str(theirs.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT, number],
            env=withhold(os.environ),  # scripts can read that of their supervisor in /proc
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._channel = ours

    def supervise(self, folder: Path) -> None:
        """Have the attempt of this folder started, unless it ever was; return when it is sure.

        Raises:
            EngineError: no supervisor can be started on this machine.
        """
        for _ in range(2):
            self.warm_up()
            answer = self._ask(folder)
            if answer and answer != FAILED:
                return
            if answer == FAILED:
                break
            self.close()
        raise EngineError(
            "a stage's supervisor cannot be started",
            hint="is there memory, and room for processes and files, left on this machine?",
        )

    def close(self) -> None:
        """End the spawner; supervisors go on."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _ask(self, folder: Path) -> bytes:
        if self._channel is None:
            return b""
        try:
            self._channel.sendall(os.fsencode(folder) + b"\n")
            return self._channel.recv(1)
        except OSError:
            return b""
