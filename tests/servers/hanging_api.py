"""A small API server with its controllers that hangs at a chosen request, and from then on."""

import contextlib
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.servers.kubernetes_answers import Request
from tests.servers.kubernetes_api import ApiServer, Fault, Misbehaviour, api_server
from tests.servers.kubernetes_controllers import Controllers, controllers

LINE = b"2026-01-01T00:00:00.000000000Z hello\n"


@dataclass(slots=True)
class From(Fault):
    """A fault at the n-th request, and at all that follow.

    Attributes:
        begun: set when the n-th request has arrived.
    """

    number: int = 1
    count: int = 0
    begun: threading.Event = field(default_factory=threading.Event)

    def takes(self, asked: Request) -> bool:
        """Say whether this request is the n-th or a later one."""
        self.count += 1
        if self.count < self.number:
            return False
        self.fired += 1
        self.begun.set()
        return True


@dataclass(slots=True)
class Site:
    """The server, its controllers, and the fault that is planned, if any."""

    server: ApiServer
    cluster: Controllers

    def hang(self, number: int, kind: Misbehaviour = Misbehaviour.HANG_BEFORE) -> From:
        """Let the n-th request from now on, and all later ones, hang in this way."""
        fault = From(kind, number=number)
        self.server.faults[:] = [fault]
        return fault


@contextlib.contextmanager
def hanging_api() -> Iterator[Site]:
    """Serve until the context ends; each stage's pod has a log of one line."""
    with api_server() as server, controllers(server) as cluster:
        server.logs = defaultdict(lambda: [LINE])
        yield Site(server, cluster)


@contextlib.contextmanager
def unfinished_handshake() -> Iterator[tuple[int, threading.Event]]:
    """Serve nothing: accept connections, and never answer a word of TLS.

    Yields the port, and an event that is set with the first connection.
    """
    accepted, open_ones = threading.Event(), []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                open_ones.append(listener.accept()[0])
                accepted.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, name="accept", daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], accepted
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for each in open_ones:
                each.close()
