"""Forks a keeper for each attempt's folder that it is told of, and ends with its controller.

One for each controller: small, with a single thread, so that forking it is cheap and safe, which
forking the controller itself is not.

A request is the folder's path, with the writing end of a pipe. The answer comes through that pipe:
nothing but its end where the attempt has been begun with, else why not. The end comes by itself
whenever the process that should have answered has died.
"""

import contextlib
import os
import signal
import socket
from typing import Any

from bodywork.local.supervisor import files
from bodywork.local.supervisor.keeper import claim_folder, keep, log_fault
from statemachine.os_errors import describe

LONGEST_REQUEST_BYTES = 1 << 16


def serve(channel: socket.socket) -> None:
    """Take one folder after the other, until the controller's end is closed."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    files.started_at(os.getpid())  # loads what each keeper would else load anew
    while True:
        try:
            request, answers, _, _ = socket.recv_fds(channel, LONGEST_REQUEST_BYTES, 1)
        except ConnectionError:
            return
        if not request:
            return
        for answer in answers:
            os.set_inheritable(answer, False)
            _begin(os.fsdecode(request), answer, channel)
            os.close(answer)


def _begin(folder: str, answer: int, channel: socket.socket) -> None:
    try:
        pid = os.fork()
    except OSError as error:
        _say(answer, f"no process can be started: {describe(error)}")
        return
    if pid == 0:
        _detach(folder, answer, channel)


def _detach(folder: str, answer: int, channel: socket.socket) -> None:
    """Leave the spawner's session, and keep the attempt."""
    os.setsid()
    try:
        channel.close()
        _keep(folder, answer)
    except BaseException:
        log_fault(folder)
    finally:
        os._exit(0)  # never back into the spawner's loop


def _keep(folder: str, answer: int) -> None:
    try:
        spec = _read_spec(os.path.join(folder, files.SPEC))
        claim = claim_folder(folder)
    except BaseException as error:
        _say(answer, describe(error) if isinstance(error, OSError) else str(error))
        raise
    os.close(answer)
    for descriptor in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    if claim is not None:
        keep(folder, spec, claim)


def _read_spec(path: str) -> dict[str, Any]:
    try:
        spec = files.read_json(path)
    except ValueError:
        spec = None
    if not isinstance(spec, dict):
        raise ValueError(f"{path} is missing or damaged")
    return spec


def _say(answer: int, reason: str) -> None:
    with contextlib.suppress(OSError):  # who asked may be gone
        os.write(answer, reason.encode(errors="replace"))


def main(descriptor: int) -> None:
    """Serve on an inherited socket until its other end is closed."""
    os.set_inheritable(descriptor, False)  # it came by inheritance; scripts must not get it
    serve(socket.socket(fileno=descriptor))
    os._exit(0)  # the controller waits for this, and there is nothing to tidy up
