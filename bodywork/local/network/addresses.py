"""Which address a version of a service gets, who holds one, and whether anybody answers there.

On Linux the whole of 127.0.0.0/8 is this machine, so each version has an address of its own and
its real port. Elsewhere only 127.0.0.1 is, and a version gets a free port of it.
"""

import contextlib
import errno
import os
import socket
from dataclasses import dataclass

from bodywork.local.network import listeners

CONNECT_SECONDS = 0.5
CANDIDATES = 4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a version really listens, and the port that its stage was given."""

    address: str
    real_port: int
    port: int

    @property
    def url(self) -> str:
        """How a browser of this machine reaches it."""
        return f"http://{self.address}:{self.real_port}"


def choose(port: int) -> Endpoint:
    """Return an endpoint for a version: a random one of millions, where nobody listens.

    Where every candidate is held, somebody holds the port on all addresses: see `find_stranger`.
    """
    if not _has_own_addresses():
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            return Endpoint("127.0.0.1", free.getsockname()[1], port)
    candidates = [Endpoint(_random_address(), port, port) for _ in range(CANDIDATES)]
    return next((each for each in candidates if not _is_taken(each)), candidates[0])


def answers(endpoint: Endpoint) -> bool:
    """Say whether a connection can be made."""
    try:
        socket.create_connection((endpoint.address, endpoint.real_port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def find_stranger(endpoint: Endpoint) -> str:
    """Say who holds the endpoint already, or return "" where it is free."""
    fault = _try_to_listen(endpoint)
    if fault == errno.EADDRINUSE:
        return listeners.find_holder(endpoint.real_port) or "another program"
    return "the system (ports below 1024 are root's)" if fault == errno.EACCES else ""


def _is_taken(endpoint: Endpoint) -> bool:
    return _try_to_listen(endpoint) == errno.EADDRINUSE


def _try_to_listen(endpoint: Endpoint) -> int:
    """Return the error number of an attempt to listen there, 0 where it succeeds."""
    with contextlib.closing(socket.socket()) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((endpoint.address, endpoint.real_port))
            attempt.listen()
        except OSError as error:
            return error.errno or errno.EINVAL
    return 0


def _random_address() -> str:
    """Return an address of 127.2.0.1 to 127.253.255.254, none of which anybody else counts on."""
    second, third, fourth = os.urandom(3)
    return f"127.{2 + second % 252}.{third}.{1 + fourth % 254}"


def _has_own_addresses() -> bool:
    if os.environ.get("BODYWORK_LOCAL_SHARED_ADDRESS"):
        return False
    with contextlib.closing(socket.socket()) as attempt:
        try:
            attempt.bind(("127.2.0.1", 0))
        except OSError:
            return False
    return True
