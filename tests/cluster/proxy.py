"""A plain-HTTP proxy before the API server, with a fuse in it.

The controller is the real command line in a process of its own; nothing in it knows of the test.
"""

import contextlib
import http.client
import json
import re
import socket
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.cluster.fuse import Fuse

CHUNK = 1 << 16
TIMEOUT_SECONDS = 300
_SAVE = re.compile(r"/api/v1/namespaces/[^/]+/configmaps/[^/?]+$")


class Proxy:
    """Serves until it is closed; `write_kubeconfig` says how to reach it.

    Args:
        scheduler: put into the pod templates that are sent, as an admission webhook would do it;
            "" leaves them alone.
    """

    def __init__(self, kubeconfig: str, scheduler: str = "") -> None:
        cluster = _read(kubeconfig)["clusters"][0]["cluster"]
        self.kubeconfig = kubeconfig
        self.scheduler = scheduler
        self.fuse = Fuse()
        self.down = False
        self.server = _Server(self, urlsplit(cluster["server"]).netloc)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def write_kubeconfig(self, file: Path, like: str = "") -> str:
        """Write a kubeconfig that goes through here, with the credentials of `like` (or ours)."""
        config = _read(like or self.kubeconfig)
        config["clusters"][0]["cluster"] = {"server": self.url}
        file.write_text(json.dumps(config))
        return str(file)

    def go_down(self) -> None:
        """Answer nobody any more, and end what streams; until `down` is unset."""
        self.down = True
        self.cut()

    def cut(self) -> None:
        """End what streams; the watch of a killed reader would last for minutes."""
        for connection in list(self.server.endless):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.server.shutdown()
        self.cut()
        self.server.server_close()


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def endless(self) -> bool:
        return "watch=true" in self.path or "follow=true" in self.path

    @property
    def is_save(self) -> bool:
        return self.method == "PUT" and bool(_SAVE.search(self.path))


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them

    def __init__(self, proxy: Proxy, target: str) -> None:
        self.proxy = proxy
        self.target = target
        self.endless: set[socket.socket] = set()
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE  # our own test cluster, on this machine
        super().__init__(("127.0.0.1", 0), _Handler)

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self.target, context=self.context, timeout=TIMEOUT_SECONDS
        )

    def handle_error(self, request: object, client_address: object) -> None:
        """Killed controllers leave half a request behind; that is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, with one of its own to the API server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.upstream = self.server.connect()

    def finish(self) -> None:
        self.upstream.close()
        super().finish()

    def pass_on(self) -> None:
        asked = self._read_request()
        proxy = self.server.proxy
        if proxy.down:
            self.close_connection = True
        elif asked.endless:
            self._stream(asked)
        elif proxy.fuse.count(str(asked)):
            self.close_connection = True
            self._die(asked, proxy.fuse)
        else:
            status, headers, content = self._forward(asked)
            if asked.is_save and status == http.HTTPStatus.OK:
                proxy.fuse.note_save()
            self._answer(status, headers, content)

    def _read_request(self) -> _Request:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = _scheduled_by(self.server.proxy.scheduler, body)
        headers = {key: each for key, each in self.headers.items() if key.lower() not in _HOPS}
        return _Request(self.command, self.path, headers, body)

    def _die(self, asked: _Request, fuse: Fuse) -> None:
        """Kill the client at this request."""
        if fuse.when == "late":
            fuse.deliver = lambda: self._deliver(asked)
        elif fuse.when == "after":
            self._forward(asked)
        elif fuse.when == "middle" and asked.body:
            self._send_half(asked)
        elif fuse.when == "middle":
            self._answer(*self._forward(asked), part=0.5)
        fuse.burn()

    def _deliver(self, asked: _Request) -> None:
        with contextlib.closing(self.server.connect()) as connection:
            connection.request(asked.method, asked.path, asked.body or None, asked.headers)
            connection.getresponse().read()

    def _send_half(self, asked: _Request) -> None:
        self.upstream.putrequest(asked.method, asked.path, skip_accept_encoding=True)
        for key, value in asked.headers.items():
            self.upstream.putheader(key, value)
        self.upstream.putheader("Content-Length", str(len(asked.body)))
        self.upstream.endheaders()
        self.upstream.send(asked.body[: len(asked.body) // 2])

    def _forward(self, asked: _Request) -> tuple[int, list[tuple[str, str]], bytes]:
        self.upstream.request(asked.method, asked.path, asked.body or None, asked.headers)
        with self.upstream.getresponse() as reply:
            return reply.status, reply.getheaders(), reply.read()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, part: float = 1.0
    ) -> None:
        self.send_response(status)
        for key, value in headers:
            if key.lower() in ("content-type", "retry-after"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: int(len(content) * part)])
        self.wfile.flush()

    def _stream(self, asked: _Request) -> None:
        self.close_connection = True
        self.upstream.request(asked.method, asked.path, asked.body or None, asked.headers)
        connection = self.upstream.sock
        with self.upstream.getresponse() as reply:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.getheader("Content-Type", ""))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.flush()
            self._copy(connection, reply)

    def _copy(self, upstream: socket.socket, reply: http.client.HTTPResponse) -> None:
        self.server.endless.add(upstream)
        try:
            while chunk := reply.read1(CHUNK):
                self.wfile.write(chunk)
                self.wfile.flush()
        finally:
            self.server.endless.discard(upstream)

    def log_message(self, *arguments: object) -> None:
        pass


_HOPS = ("connection", "content-length", "host")


def _scheduled_by(scheduler: str, body: bytes) -> bytes:
    """Return the body with another scheduler in its pod template, if it has one."""
    if not scheduler or b'"template"' not in body:
        return body
    content = json.loads(body)
    template = (content.get("spec") or {}).get("template") or {}
    if "spec" not in template:
        return body
    template["spec"]["schedulerName"] = scheduler
    return json.dumps(content).encode()


def _read(kubeconfig: str) -> dict[str, Any]:
    return dict(json.loads(Path(kubeconfig).read_text()))


for _verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
    setattr(_Handler, f"do_{_verb}", _Handler.pass_on)
