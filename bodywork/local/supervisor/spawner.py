"""Forks a supervisor for each attempt's folder that it is told of, and ends with its controller.

One for each controller: small, with a single thread, so that forking it is cheap and safe, which
forking the controller itself is not.
"""

import contextlib
import os
import signal
import socket
import traceback

from bodywork.local.supervisor import files
from bodywork.local.supervisor.log import Log
from bodywork.local.supervisor.supervise import Supervisor, claim_folder

STARTED, KNOWN, FAILED = b"+", b"=", b"!"


def serve(channel: socket.socket) -> None:
    """Read one folder a line; for each, a supervisor answers with one byte."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for supervisors
    # A controller that is stopped while it waits for an answer closes its end with that unread.
    with contextlib.suppress(ConnectionError), channel.makefile("rb") as requests:
        for request in requests:
            if os.fork() == 0:
                _detach(os.fsdecode(request[:-1]), channel)


def _detach(folder: str, channel: socket.socket) -> None:
    """Leave the spawner's session, and supervise."""
    os.setsid()
    try:
        _supervise(folder, channel)
    except BaseException:
        with contextlib.suppress(OSError):
            log = Log(os.path.join(folder, files.LOG))
            for line in traceback.format_exc().splitlines():
                log.say(line)
    finally:
        os._exit(0)  # never back into the spawner's loop


def _supervise(folder: str, channel: socket.socket) -> None:
    try:
        spec = files.read_json(os.path.join(folder, files.SPEC))
        claim = claim_folder(folder)
    except BaseException:
        channel.send(FAILED)  # whoever asked waits for an answer
        raise
    with contextlib.suppress(ConnectionError):  # who asked may be gone; what it asked for is done
        channel.send(KNOWN if claim is None else STARTED)
    channel.close()
    for descriptor in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    if claim is not None:
        supervisor = Supervisor(folder, spec, claim)
        supervisor.run()
        claim.give_up()
        supervisor.clean_up()


def main(descriptor: int) -> None:
    """Serve on an inherited socket until its other end is closed."""
    serve(socket.socket(fileno=descriptor))
    os._exit(0)  # the controller waits for this, and there is nothing to tidy up
