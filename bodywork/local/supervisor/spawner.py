"""Forks a supervisor for each attempt's folder that it is told of, and ends with its controller.

One for each controller: small, with a single thread, so that forking it is cheap and safe, which
forking the controller itself is not.
"""

import os
import signal
import socket
import traceback

from bodywork.local.supervisor import files
from bodywork.local.supervisor.supervise import Supervisor, claim

STARTED, KNOWN, FAILED = b"+", b"=", b"!"


def serve(channel: socket.socket) -> None:
    """Read one folder a line; for each, a supervisor answers with one byte."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with channel.makefile("rb") as requests:
        for request in requests:
            folder = os.fsdecode(request[:-1])
            first = os.fork()
            if first == 0:
                _detach(folder, channel)
            os.waitpid(first, 0)


def _detach(folder: str, channel: socket.socket) -> None:
    """Become a grandchild that belongs to nobody, and supervise."""
    os.setsid()
    if os.fork():
        os._exit(0)
    try:
        _supervise(folder, channel)
    except BaseException:
        with open(os.path.join(folder, files.LOG), "a") as log:
            traceback.print_exc(file=log)
        os._exit(1)
    os._exit(0)


def _supervise(folder: str, channel: socket.socket) -> None:
    try:
        spec = files.read_json(os.path.join(folder, files.SPEC))
        control = claim(folder)
    except OSError:
        channel.send(FAILED)
        raise
    channel.send(KNOWN if control is None else STARTED)
    channel.close()
    for descriptor in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    if control is not None:
        Supervisor(folder, spec, control).run()


def main(descriptor: int) -> None:
    """Serve on an inherited socket until its other end is closed."""
    serve(socket.socket(fileno=descriptor))
