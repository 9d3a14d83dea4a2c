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

from bodywork.model.names import short_hash

CONNECT_SECONDS = 0.5


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


def choose(port: int, *identity: str) -> Endpoint:
    """Return an endpoint for a version; the same identity gets the same one where it can."""
    if not _has_own_addresses():
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            return Endpoint("127.0.0.1", free.getsockname()[1], port)
    digest = int(short_hash(*identity, length=12), 16)
    parts = (2 + digest % 252, digest // 252 % 256, 1 + digest // 64512 % 254)
    return Endpoint("127." + ".".join(str(part) for part in parts), port, port)


def answers(endpoint: Endpoint) -> bool:
    """Say whether a connection can be made."""
    try:
        socket.create_connection((endpoint.address, endpoint.real_port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def find_stranger(endpoint: Endpoint) -> str:
    """Say who holds the endpoint already, or return "" where it is free."""
    with contextlib.closing(socket.socket()) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((endpoint.address, endpoint.real_port))
            attempt.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return _holder(endpoint.real_port) or "another program"
            if error.errno == errno.EACCES:
                return "the system (ports below 1024 are root's)"
            raise
    return ""


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
        try:
            for descriptor in os.scandir(f"/proc/{pid}/fd"):
                if os.readlink(descriptor.path) in wanted:
                    with open(f"/proc/{pid}/comm") as file:
                        return f"{file.read().strip()} (process {pid})"
        except OSError:
            continue
    return ""


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
