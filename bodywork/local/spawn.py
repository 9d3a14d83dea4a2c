"""This controller's line to its spawner, which is started early and used late."""

import os
import select
import socket
import subprocess
import sys
from pathlib import Path

from bodywork.errors import EngineError
from bodywork.execution import clock
from bodywork.local import processes
from bodywork.local.supervisor import files
from bodywork.model.pods import withhold

ANSWER_SECONDS = 15.0
"""How long a supervisor may take to begin. It takes a millisecond; a busy machine has patience."""
_ROOT = str(Path(__file__).resolve().parents[2])
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from bodywork.local.supervisor.spawner import main; main(int(sys.argv[2]))"
)
_HINT = "is there memory, and room for processes and files, left on this machine?"


class Spawner:
    """Starts supervisors. One a controller; a spawner that died, or hangs, is started anew."""

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

        What decides is the folder's claim, and not the answer. Where there is no answer in time,
        the claim is made here: what hangs, and goes on one day, finds itself too late.

        Raises:
            EngineError: no supervisor can be started on this machine.
        """
        hangs = False
        for _ in range(2):
            self.warm_up()
            answer = self._ask(folder)
            if processes.was_claimed(folder):
                return
            if answer:
                raise _refused(answer)
            hangs = hangs or answer is None
            self._kill()
        if not hangs:
            raise _refused("it was killed")
        if files.claim(str(folder)):
            raise _refused(f"it did not begin within {ANSWER_SECONDS:g} seconds")

    def close(self) -> None:
        """End the spawner; supervisors go on."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            try:
                self._process.wait(ANSWER_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill()
            self._process = None

    def _kill(self) -> None:
        """End a spawner that does not do its work."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _ask(self, folder: Path) -> str | None:
        """Send a request and wait for its end; return why it was refused, "" where it was not, and
        None where there was no answer in time."""
        if self._channel is None:
            return ""
        reading, writing = os.pipe()
        try:
            self._channel.settimeout(ANSWER_SECONDS)
            socket.send_fds(self._channel, [os.fsencode(folder)], [writing])
            os.close(writing)
            writing = -1
            return _read(reading, clock.now() + ANSWER_SECONDS)
        except TimeoutError:
            return None
        except OSError:
            return ""
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)


def _refused(why: str) -> EngineError:
    return EngineError(f"a stage's supervisor cannot be started: {why}", hint=_HINT)


def _read(reading: int, deadline: float) -> str | None:
    """Return what is told until the end of a pipe; None if that does not come in time."""
    told = b""
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    while poll.poll(max(0.0, 1000 * (deadline - clock.now()))):
        if not (chunk := os.read(reading, 1 << 12)):
            return told.decode(errors="replace")
        told += chunk
    return None
