"""A plain-HTTP proxy before the API server, which counts requests and kills at one of them.

The controller is the real command line in a process of its own; nothing in it knows of the test.
Watches and followed logs are passed on and not counted: nothing is changed by them.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

When = Literal["before", "after"]
CHUNK = 1 << 16


@dataclass
class Fuse:
    """At request `number` (from 1; 0 for never), kill the process before or after it is applied."""

    number: int = 0
    when: When = "before"
    victim: int = 0
    requests: list[str] = field(default_factory=list)
    burnt: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, request: str) -> bool:
        """Count a request; return whether it is the one."""
        with self.lock:
            self.requests.append(request)
            return len(self.requests) == self.number

    def burn(self) -> None:
        os.kill(self.victim, signal.SIGKILL)
        self.burnt.set()


class Proxy:
    """Serves until it is closed; `write_kubeconfig` says how to reach it."""

    def __init__(self, kubeconfig: str) -> None:
        config: dict[str, Any] = json.loads(Path(kubeconfig).read_text())
        cluster = config["clusters"][0]["cluster"]
        self.config = config
        self.fuse = Fuse()
        self.down = False
        self.server = _Server(self, urlsplit(cluster["server"]).netloc)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def write_kubeconfig(self, file: Path) -> str:
        """Write a kubeconfig with the same credentials that goes through here."""
        config = json.loads(json.dumps(self.config))
        config["clusters"][0]["cluster"] = {"server": self.url}
        file.write_text(json.dumps(config))
        return str(file)

    def go_down(self) -> None:
        """Answer nobody any more, and end what streams; until `down` is unset."""
        self.down = True
        self._cut()

    def close(self) -> None:
        self.server.shutdown()
        self._cut()
        self.server.server_close()

    def _cut(self) -> None:
        for connection in list(self.server.endless):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # also of a watch whose reader was killed


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

    def handle_error(self, request: object, client_address: object) -> None:
        """Killed controllers leave half a request behind; that is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.proxy.down:
            self.close_connection = True
            return
        endless = "watch=true" in self.path or "follow=true" in self.path
        fuse = self.server.proxy.fuse
        fatal = not endless and fuse.count(f"{self.command} {self.path}")
        if fatal and fuse.when == "before":
            self._burn(fuse)
            return
        with contextlib.closing(
            http.client.HTTPSConnection(
                self.server.target, context=self.server.context, timeout=300
            )
        ) as connection:
            kept = {key: each for key, each in self.headers.items() if key.lower() != "connection"}
            connection.request(self.command, self.path, body or None, kept)
            with connection.getresponse() as reply:
                if fatal:
                    reply.read()
                    self._burn(fuse)
                elif endless:
                    self._stream(connection.sock, reply)
                else:
                    self._answer(reply, reply.read())

    def _burn(self, fuse: Fuse) -> None:
        fuse.burn()
        self.close_connection = True

    def _answer(self, reply: http.client.HTTPResponse, content: bytes) -> None:
        self.send_response(reply.status)
        for key, value in reply.getheaders():
            if key.lower() in ("content-type", "retry-after"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, upstream: socket.socket, reply: http.client.HTTPResponse) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.getheader("Content-Type", ""))
        self.send_header("Connection", "close")
        self.end_headers()
        self.server.endless.add(upstream)
        try:
            while chunk := reply.read1(CHUNK):
                self.wfile.write(chunk)
                self.wfile.flush()
        finally:
            self.server.endless.discard(upstream)
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        pass


for _verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
    setattr(_Handler, f"do_{_verb}", _Handler.pass_on)
