"""Who listens where on this machine, from Linux's /proc; elsewhere nothing is known.

https://docs.kernel.org/networking/proc_net_tcp.html
"""

import contextlib
import ipaddress
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_LISTEN, _ESTABLISHED = "0A", "01"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket.

    Attributes:
        address: such as 127.0.0.1, ::1 or 0.0.0.0.
        inode: the kernel's number of the socket.
    """

    address: str
    port: int
    inode: str

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


def find_holder(port: int) -> str:
    """Name the process that listens on a port; "" where it cannot be found out."""
    wanted = {f"socket:[{each.inode}]" for each in _sockets(_LISTEN) if each.port == port}
    if not wanted:
        return ""
    for pid in _processes():
        if wanted & set(_open_by(pid)):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as file:
                return f"{file.read().strip()} (process {pid})"
    return ""


def find_listeners(group: int) -> tuple[Listener, ...] | None:
    """Return where the processes of a group listen; None where it cannot be found out."""
    if not os.path.exists(_TABLES[0]):
        return None
    members = [pid for pid in _processes() if _group_of(pid) == group]
    opened = {name for pid in members for name in _open_by(pid)}
    found = {each for each in _sockets(_LISTEN) if f"socket:[{each.inode}]" in opened}
    return tuple(sorted(found, key=lambda each: (each.port, each.address)))


def is_connected(address: str, port: int) -> bool:
    """Say whether there is a connection to this place; False where that cannot be found out."""
    found = _sockets(_ESTABLISHED)
    return any((each.address, each.port) == (address, port) for each in found)


def _processes() -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield from filter(str.isdigit, os.listdir("/proc"))


def _group_of(pid: str) -> int:
    """Return the process group; 0 where the process has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()  # its name may hold anything
        return int(fields[2])
    return 0


def _open_by(pid: str) -> Iterator[str]:
    """Yield what a process has open; nothing where we may not look."""
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                yield os.readlink(f"/proc/{pid}/fd/{descriptor}")


def _sockets(state: str) -> Iterator[Listener]:
    """Yield the sockets in that state, by their own end."""
    for table in _TABLES:
        try:
            with open(table) as file:
                rows = file.read().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == state:
                address, _, port = fields[1].rpartition(":")
                yield Listener(_readable(address), int(port, 16), fields[9])


def _readable(digits: str) -> str:
    """Return an address, which the kernel writes as words of 32 bits in its own byte order."""
    words = [int(digits[n : n + 8], 16) for n in range(0, len(digits), 8)]
    address = ipaddress.ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
