"""Which address a version of a service gets, who holds one, and whether anybody answers there.

On Linux the whole of 127.0.0.0/8 is this machine, so each version has an address of its own and
its real port. Elsewhere only 127.0.0.1 is, and a version gets a free port of it.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

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
        return _holder(endpoint.real_port) or "another program"
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


def _holder(port: int) -> str:
    """Name the process that listens on a port, from Linux's /proc; "" where it cannot be told."""
    wanted = {f"socket:[{inode}]" for inode in _listening(port)}
    if not wanted:
        return ""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if wanted & set(_open_by(pid)):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as file:
                return f"{file.read().strip()} (process {pid})"
    return ""


def _open_by(pid: str) -> Iterator[str]:
    """Yield what a process has open; nothing where we may not know."""
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                yield os.readlink(f"/proc/{pid}/fd/{descriptor}")


def _listening(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as file:
                rows = file.read().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
