"""The connections of one transport, which can all be cut at once, from any thread.

urllib3 closes idle connections only. A thread that waits for an answer, or for the next line of a
watch, is woken by shutting its socket down: it then sees the end of the connection.
"""

import socket
import weakref
from contextlib import suppress
from typing import Any

import urllib3
from kubernetes.client.rest import RESTClientObject
from urllib3.connection import HTTPConnection


class Connections:
    """A pool of connections, as the client's configuration (proxy, certificates) wants it."""

    def __init__(self, configuration: Any) -> None:
        self.pool: urllib3.PoolManager = RESTClientObject(configuration).pool_manager
        kinds: dict[str, Any] = self.pool.pool_classes_by_scheme
        self.pool.pool_classes_by_scheme = {
            scheme: type(kind.__name__, (kind,), {"ConnectionCls": self._noted(kind.ConnectionCls)})
            for scheme, kind in kinds.items()
        }
        self._made: list[weakref.ref[HTTPConnection]] = []
        self._cut = False

    def cut(self) -> None:
        """End each request that is under way, as one without an answer, and every later one.

        One that is still being connected ends when it is, or at its time-out.
        """
        self._cut = True
        for known in self._made:
            if connection := known():
                _shut_down(connection)

    def _noted(self, kind: Any) -> type:
        """Return the class of connections whose open ones are known here."""

        def connect(connection: Any) -> None:
            left = [known for known in self._made if known() is not None]
            self._made = [*left, weakref.ref(connection)]
            kind.connect(connection)
            if self._cut:
                _shut_down(connection)

        return type(kind.__name__, (kind,), {"connect": connect})


def _shut_down(connection: HTTPConnection) -> None:
    """Wake whoever reads from the connection; its own thread closes it."""
    outer = connection.sock
    inner = getattr(outer, "socket", outer)  # TLS to a proxy, and within that to the API server
    with suppress(OSError):  # it is closed already
        if isinstance(inner, socket.socket):
            socket.socket.shutdown(inner, socket.SHUT_RDWR)  # an SSLSocket's own drops its state
