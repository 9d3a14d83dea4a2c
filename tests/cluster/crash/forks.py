"""Serves command lines that start at once, each forked from this process, which has loaded it all.

    python -m tests.cluster.crash.forks SOCKET

Each is a process of its own in all that matters here: its id and start time, its environment,
files and random numbers; and SIGKILL ends it alone. What is spared is a second of loading modules.
Ends when stdin is closed.
"""

import contextlib
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import threading
from importlib import import_module
from typing import Any, NoReturn

import bodywork.cli
import bodywork.cluster
import bodywork.workflow
import statemachine

PACKAGES = (bodywork.cli, bodywork.cluster, bodywork.workflow, statemachine)
OTHERS = ("bodywork.git", "bodywork.config", "bodywork.snapshot", "kubernetes.client")


def load() -> None:
    """Import what any command may need."""
    for package in PACKAGES:
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            import_module(found.name)
    for name in OTHERS:
        import_module(name)
    gc.freeze()  # so that a child's first collection does not copy all pages


def serve(listener: socket.socket) -> dict[str, Any] | None:
    """Return in a new process for each order, with the order; and here with None at the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return None
        connection, _ = listener.accept()
        with connection:
            if os.fork():
                continue
            order = supervise(connection)
        listener.close()
        return order


def supervise(connection: socket.socket) -> dict[str, Any]:
    """Return in the process that becomes the command; its parent tells how it ended, and ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection.makefile() as lines:
        order: dict[str, Any] = json.loads(lines.readline())
    child = os.fork()
    if not child:
        return order
    connection.sendall(f"{child}\n".encode())
    ended = os.pidfd_open(child)
    ready, _, _ = select.select([connection.fileno(), ended], [], [])
    if connection.fileno() in ready:  # who asked for it is gone
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(order: dict[str, Any]) -> NoReturn:
    """Run the command line and exit with its code, when its threads have ended, as always.

    The interpreter is not taken apart: that costs as much as all else, and changes nothing outside.
    """
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    for descriptor, name in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
        flags = os.O_RDWR if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        file = os.open(name, flags, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
    sys.argv = ["bodywork", *order["arguments"]]
    code = 0
    try:
        bodywork.cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    load()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(sys.argv[1])
        door.listen(64)
        print("ready", flush=True)
        wanted = serve(door)
    if wanted is not None:
        become(wanted)
