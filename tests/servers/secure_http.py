"""A real Git server over HTTPS: git's own http-backend behind Python's http.server.

TLS from a throw-away authority (made with the openssl program); repositories under `private/` want
a user and a password. `refuse` makes it answer everything with one status, for the unhappy paths.
"""

import base64
import contextlib
import http.server
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

LOOPBACK = "127.0.0.1"
_CURVE = ("-pkeyopt", "ec_paramgen_curve:prime256v1")  # made in no time, unlike an RSA key
USER, PASSWORD = "grace", "s3cr:t@/ %"


@dataclass(slots=True)
class HttpsServer:
    """A running server; `root` holds its repositories.

    Attributes:
        authority: file with the certificate of the authority (for GIT_SSL_CAINFO).
        refuse: a status to answer with instead of serving; None to serve.
        silent: set, to take requests and never answer them, until it is cleared.
        name: the host's, in its addresses.
        seen: paths asked for; `asked` is set with the first.
    """

    root: Path
    authority: Path
    port: int = 0
    refuse: HTTPStatus | None = None
    silent: bool = False
    name: str = "localhost"
    stopped: threading.Event = field(default_factory=threading.Event)
    seen: list[str] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, userinfo: str = "") -> str:
        """Return the address of a repository, given relative to the root."""
        return f"https://{userinfo}{'@' if userinfo else ''}{self.name}:{self.port}/{path}"


@contextlib.contextmanager
def https_server(
    root: Path, certificates: Path, address: str = LOOPBACK, authority: Path | None = None
) -> Iterator[HttpsServer]:
    """Serve the repositories under `root` until the context ends.

    `authority` is a folder with an authority's `authority.pem` and `.key`, for clients that trust
    it already; else a new one is made.
    """
    make_certificates(certificates, address, authority)
    served = HttpsServer(root, certificates / "authority.pem")
    if address != LOOPBACK:
        served.name = address
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    handler = type("Handler", (_Handler,), {"served": served})
    with http.server.ThreadingHTTPServer((address, 0), handler) as server:
        # The handshake is left to each request's own thread.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        served.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield served
        finally:
            served.stopped.set()
            server.shutdown()
            thread.join()


def make_certificates(folder: Path, address: str = LOOPBACK, authority: Path | None = None) -> None:
    """Make an authority, where none is given, and a certificate of it for localhost."""
    folder.mkdir(parents=True)
    if authority is None:
        _openssl(
            folder,
            *("req", "-x509", "-newkey", "ec", *_CURVE, "-nodes", "-days", "2"),
            *("-keyout", "authority.key", "-out", "authority.pem", "-subj", "/CN=Throw-away"),
        )
    else:
        for name in ("authority.key", "authority.pem"):
            shutil.copy(authority / name, folder / name)
    _openssl(
        folder,
        *("req", "-newkey", "ec", *_CURVE, "-nodes", "-keyout", "server.key"),
        *("-out", "server.csr", "-subj", "/CN=localhost"),
    )
    (folder / "names").write_text(f"subjectAltName=DNS:localhost,IP:{address}\n")
    _openssl(
        folder,
        *("x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-days", "2"),
        *("-CAkey", "authority.key", "-CAcreateserial", "-extfile", "names", "-out", "server.pem"),
    )


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    served: HttpsServer

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (the base's name)
        """Keep the tests' output clean."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.served.seen.append(self.path)
        self.served.asked.set()
        if self.served.silent:
            self.served.stopped.wait()
        elif self.served.refuse is not None:
            self._plain(self.served.refuse)
        elif self.path.startswith("/private/") and not self._is_let_in():
            self._plain(HTTPStatus.UNAUTHORIZED, ("WWW-Authenticate", 'Basic realm="git"'))
        else:
            self._serve()

    def _is_let_in(self) -> bool:
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return self.headers["Authorization"] == f"Basic {token}"

    def _plain(self, status: HTTPStatus, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length) if length else self._read_chunks()
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.served.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "CONTENT_LENGTH": str(len(body)),
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        self._relay(head.decode(), content)

    def _read_chunks(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return b""
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _relay(self, head: str, content: bytes) -> None:
        headers = dict(line.split(": ", 1) for line in head.splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
