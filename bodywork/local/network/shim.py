"""Inside a stage's interpreter: services' names resolve, and wildcard binds go to one's address.

Copied into each environment and imported by its `.pth` file, so it must cost nothing where it is
not needed: without BODYWORK_LOCAL_NETWORK in the environment it does nothing, and with it, it waits
until something imports `socket`. It must never be why a stage fails.

BODYWORK_LOCAL_NETWORK is the folder of the namespace's services; BODYWORK_LOCAL_BIND is
"PORT ADDRESS REAL_PORT" for a service: what it binds on all addresses, and where that really goes.
"""

import os
import sys

TYPE_CHECKING = False  # as typing's, without loading it
if TYPE_CHECKING:
    from typing import Any

WILDCARDS = ("", "0.0.0.0", "::", "<any>", None)  # noqa: S104  (recognised, not bound)


class Network:
    """What the services' folder says, and where this service may listen."""

    def __init__(self, services: str, bind: str) -> None:
        self.services = services
        port, self.address, real_port = (*bind.split(), "0", "", "0")[:3]
        self.port, self.real_port = int(port), int(real_port)
        self.bound = False

    def find(self, host: "Any") -> "Any":
        """Return a service's live version; None for all other names."""
        if isinstance(host, (bytes, bytearray)):
            host = bytes(host).decode("ascii", "replace")
        if not isinstance(host, str) or "--" not in host or "/" in host or host[0] == ".":
            return None
        import json

        try:
            with open(os.path.join(self.services, host.lower(), "live.json"), "rb") as file:
                return json.loads(file.read())
        except (OSError, ValueError):
            return None

    def to_connect(self, address: "Any") -> "Any":
        """Return where a connection to a service's name really goes."""
        if not isinstance(address, tuple) or len(address) < 2:
            return address
        live = self.find(address[0])
        return (
            address
            if live is None
            else (live["address"], real_port(live, address[1]), *address[2:])
        )

    def to_bind(self, address: "Any", six: bool) -> "Any":
        """Return where a bind of all addresses on the service's own port really goes."""
        if not isinstance(address, tuple) or len(address) < 2 or address[0] not in WILDCARDS:
            return address
        if not self.port or address[1] != self.port:
            return address
        if not six:
            self.bound = True
            return (self.address, self.real_port)
        if self.bound:
            return ("::1", 0, *address[2:])  # beside the IPv4 one: nobody is led there
        return (f"::ffff:{self.address}", self.real_port, *address[2:])


def real_port(live: "Any", port: "Any") -> "Any":
    """Return the port behind a service's PORT; others stay as they are."""
    return live["real_port"] if str(port) == str(live["port"]) else port


def patch(socket: "Any", network: Network) -> None:
    """Replace the module's class and its look-ups by redirected ones."""

    # the module that is patched is only known when it runs
    class Socket(socket.socket):  # type: ignore[misc]
        """The module's socket, redirected."""

        __slots__ = ()

        def bind(self, address: "Any") -> None:
            """Bind, to the version's own address where all were asked for."""
            six = self.family == socket.AF_INET6
            found = network.to_bind(address, six)
            if six and str(found[0]).startswith("::ffff:"):
                self.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            super().bind(found)

        def connect(self, address: "Any") -> None:
            """Connect, to the live version where a service is named."""
            super().connect(network.to_connect(address))

        def connect_ex(self, address: "Any") -> int:
            """Connect, to the live version where a service is named."""
            return int(super().connect_ex(network.to_connect(address)))

    Socket.__name__ = Socket.__qualname__ = "socket"
    Socket.__module__ = "socket"
    socket.socket = socket.SocketType = Socket
    patch_lookups(socket, network)


def patch_lookups(socket: "Any", network: Network) -> None:
    """Replace the look-ups that go from a name to addresses."""
    getaddrinfo, gethostbyname = socket.getaddrinfo, socket.gethostbyname
    gethostbyname_ex = socket.gethostbyname_ex

    def resolve(host: "Any", port: "Any", *arguments: "Any", **more: "Any") -> "Any":
        live = network.find(host)
        if live is None:
            return getaddrinfo(host, port, *arguments, **more)
        return getaddrinfo(live["address"], real_port(live, port), *arguments, **more)

    def resolve_name(host: "Any") -> "Any":
        live = network.find(host)
        return gethostbyname(host) if live is None else live["address"]

    def resolve_name_ex(host: "Any") -> "Any":
        live = network.find(host)
        return gethostbyname_ex(host) if live is None else (host, [], [live["address"]])

    socket.getaddrinfo = resolve
    socket.gethostbyname = resolve_name
    socket.gethostbyname_ex = resolve_name_ex


class Finder:
    """Finds `socket` as ever, and has it patched as soon as it is loaded."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """Answer for `socket` only, and only once."""
        if name != "socket":
            return None
        sys.meta_path.remove(self)
        from importlib.machinery import PathFinder

        spec: Any = PathFinder.find_spec(name, path)
        if spec is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: "Any") -> None:
            execute(module)
            patch(module, self.network)

        spec.loader.exec_module = exec_module
        return spec


def activate(services: str, bind: str) -> None:
    """Patch `socket` now if it is loaded, else when it is."""
    network = Network(services, bind)
    if "socket" in sys.modules:
        patch(sys.modules["socket"], network)
    else:
        sys.meta_path.insert(0, Finder(network))


if os.environ.get("BODYWORK_LOCAL_NETWORK"):
    activate(os.environ["BODYWORK_LOCAL_NETWORK"], os.environ.get("BODYWORK_LOCAL_BIND", ""))
