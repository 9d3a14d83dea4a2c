"""A registry that the node may pull from: plain HTTP on this machine's loopback address.

It serves one image, as `ctr images export` writes it, under any name and the tags that it has; with
a password, only to whoever knows it.
https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import base64
import contextlib
import http.server
import json
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Registry:
    """The running registry.

    Attributes:
        tags: those that it has.
        password: of the user `ada`; "" lets everybody in.
    """

    layout: Path
    port: int = 0
    tags: set[str] = field(default_factory=set)
    password: str = ""

    def image(self, tag: str) -> str:
        """Return the name of the image with that tag."""
        return f"localhost:{self.port}/shop/bodywork:{tag}"

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"localhost:{self.port}"


@contextlib.contextmanager
def registry(archive: Path, folder: Path) -> Iterator[Registry]:
    """Serve the image in the archive until the context ends; `folder` is for its files."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    served = Registry(folder)
    handler = type("Handler", (_Handler,), {"served": served})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        served.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Registry

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        if not self._is_let_in():
            self._send(401, b"", {"WWW-Authenticate": 'Basic realm="tests"'}, body=body)
            return
        path = self.path.rstrip("/")
        kind, _, reference = path.rpartition("/")
        if path == "/v2":
            self._send(200, b"", {}, body=body)
            return
        [entry, *_] = json.loads((self.served.layout / "index.json").read_text())["manifests"]
        if kind.endswith("/manifests") and reference in self.served.tags:
            reference = entry["digest"]
        kind = entry["mediaType"] if reference == entry["digest"] else "application/octet-stream"
        self._send_blob(reference, kind, body=body)

    def _is_let_in(self) -> bool:
        if not self.served.password:
            return True
        wanted = base64.b64encode(f"ada:{self.served.password}".encode()).decode()
        return self.headers.get("Authorization", "") == f"Basic {wanted}"

    def _send_blob(self, digest: str, kind: str, *, body: bool) -> None:
        file = self.served.layout / "blobs" / "sha256" / digest.removeprefix("sha256:")
        if not digest.startswith("sha256:") or not file.exists():
            self._send(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', {}, body=body)
            return
        headers = {"Docker-Content-Digest": digest, "Content-Type": kind}
        self._send(200, file.read_bytes(), headers, body=body)

    def _send(self, status: int, content: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)
