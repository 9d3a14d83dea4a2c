"""A small API server in this process, which can be told to misbehave at a chosen request.

It keeps objects of any kind (`kubernetes_objects`), serves lists in pages, watches and logs, and
counts each fault that fired, so that no test passes because its fault never came.
"""

import contextlib
import enum
import http.server
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bodywork.cluster.transport import TimeOuts
from tests.servers.kubernetes_answers import Request, answer, events_since, failure
from tests.servers.kubernetes_objects import Object, Objects, Refusal


class Misbehaviour(enum.Enum):
    """What goes wrong with one request."""

    REFUSE = "answers with a status, and does nothing"
    FAIL_AFTERWARDS = "does it, and answers with a status"
    RESET_BEFORE = "cuts the connection, and does nothing"
    RESET_AFTERWARDS = "does it, and cuts the connection"
    HANG_BEFORE = "says nothing, and does nothing"
    HANG_AFTERWARDS = "does it, and says nothing"
    TRUNCATE = "does it, and answers half"
    HANG_HALFWAY = "does it, answers half, and says nothing more"
    GARBLE = "does it, and answers with `body` in place of JSON"


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_BEFORE = {Misbehaviour.REFUSE, Misbehaviour.RESET_BEFORE, Misbehaviour.HANG_BEFORE}


@dataclass(slots=True)
class Fault:
    """A misbehaviour at the next `times` requests of a method whose path contains a text.

    Attributes:
        only_with: spoil only requests whose query has this key.
        raw: answer with `body` in place of a `Status`.
        fired: how often it came.
    """

    kind: Misbehaviour
    method: str = ""
    path: str = ""
    only_with: str = ""
    status: int = 500
    reason: str = "InternalError"
    message: str = "it was not to be"
    details: dict[str, Any] = field(default_factory=dict)
    raw: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"<html>proxy</html>"
    times: int = 1
    fired: int = 0

    def takes(self, asked: "Request") -> bool:
        """Say whether this request is one to spoil, and count it."""
        if self.fired >= self.times or self.method not in ("", asked.method):
            return False
        if self.path not in asked.path or (self.only_with and self.only_with not in asked.query):
            return False
        self.fired += 1
        return True


@dataclass(slots=True)
class ApiServer:
    """The running server.

    Attributes:
        tokens: those that are accepted; empty: everybody is.
        logs: pod's name → its log, chunk by chunk; None in it: silence until the server stops.
        watch_lines: sent to each watch before the events, as they are.
        version: what it says it is.
        rules: what everybody may do, as a SelfSubjectRulesReview lists it; nothing is enforced.
        unlisted: rules that such a list does not have, and a SelfSubjectAccessReview heeds.
        requests: all that arrived, oldest first.
        gate: called with each request before it is answered, in a thread of its own.
    """

    port: int = 0
    objects: Objects = field(default_factory=Objects)
    faults: list[Fault] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    logs: dict[str, list[bytes | None]] = field(default_factory=dict)
    watch_lines: list[bytes] = field(default_factory=list)
    version: str = "v1.34.4"
    rules: list[Object] = field(default_factory=lambda: [rule("*", "*", "*")])
    unlisted: list[Object] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    gate: Callable[[Request], None] = lambda asked: None
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def time_outs(self) -> TimeOuts:
        """How long a client waits for it: briefly only once a hang is planned.

        A machine that is busy with other tests can take a second for a good answer.
        """
        hangs = {each for each in Misbehaviour if "HANG" in each.name}
        seconds = 0.5 if any(fault.kind in hangs for fault in self.faults) else 30.0
        return TimeOuts(connect=30.0, read=seconds, silence=seconds)

    def will(self, kind: Misbehaviour, method: str = "", **more: Any) -> Fault:
        """Plan a fault."""
        fault = Fault(kind, method, **more)
        self.faults.append(fault)
        return fault

    def sent(self, method: str) -> list[Request]:
        """Return the requests of a method."""
        return [each for each in self.requests if each.method == method]


def rule(group: str, resource: str, *verbs: str) -> Object:
    """Return a rule as the API server lists it."""
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}


@contextlib.contextmanager
def api_server() -> Iterator[ApiServer]:
    """Serve until the context ends."""
    served = ApiServer()
    methods = {f"do_{name}": _Handler.serve for name in _METHODS}
    handler = type("Handler", (_Handler,), {"served": served, **methods})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        served.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            served.stopped.set()
            with served.objects.changed:
                served.objects.changed.notify_all()
            server.shutdown()
            thread.join()


class _Cut(Exception):
    """The connection is gone by intent."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    served: ApiServer

    def log_message(self, *_: object) -> None:
        pass

    def serve(self) -> None:
        split = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Request(
            self.command,
            split.path,
            dict(parse_qsl(split.query)),
            {key.lower(): value for key, value in self.headers.items()},
            json.loads(raw) if raw else {},
        )
        self.served.requests.append(asked)
        self.served.gate(asked)
        fault = next((f for f in self.served.faults if f.takes(asked)), None)
        with contextlib.suppress(_Cut, OSError):
            if fault is not None:
                self._misbehave(fault, asked)
            elif "watch" in asked.query:
                self._watch(asked)
            elif asked.path.endswith("/log"):
                self._log(asked)
            else:
                status, found = self._answer(asked)
                self._reply(status, json.dumps(found).encode())

    def _misbehave(self, fault: Fault, asked: Request) -> None:
        status, found = (0, {}) if fault.kind in _BEFORE else self._answer(asked)
        whole = json.dumps(found).encode()
        match fault.kind:
            case Misbehaviour.REFUSE | Misbehaviour.FAIL_AFTERWARDS:
                told = failure(fault.status, fault.reason, fault.message, fault.details)
                body = fault.body if fault.raw else json.dumps(told).encode()
                self._reply(fault.status, body, fault.headers)
            case Misbehaviour.RESET_BEFORE | Misbehaviour.RESET_AFTERWARDS:
                self._reset()
            case Misbehaviour.HANG_BEFORE | Misbehaviour.HANG_AFTERWARDS:
                self.served.stopped.wait()
                self.close_connection = True
            case Misbehaviour.TRUNCATE:
                self._send(status, whole[: len(whole) // 2], {"Content-Length": str(len(whole))})
                self.wfile.flush()
                self._reset()
            case Misbehaviour.HANG_HALFWAY:
                self._send(status, whole[: len(whole) // 2], {"Content-Length": str(len(whole))})
                self.served.stopped.wait()
                self.close_connection = True
            case Misbehaviour.GARBLE:
                self._send(status, fault.body, {"Content-Length": str(len(fault.body))})

    def _answer(self, asked: Request) -> tuple[int, Object]:
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if self.served.tokens and token not in self.served.tokens:
            return 401, failure(401, "Unauthorized", "Unauthorized")
        assert scheme.lower() in ("", "bearer")
        try:
            return self._answer_well(asked)
        except Refusal as refusal:
            return refusal.status, failure(refusal.status, refusal.reason, refusal.message)

    def _answer_well(self, asked: Request) -> tuple[int, Object]:
        if asked.path == "/version":
            return 200, {"gitVersion": self.served.version}
        if asked.path.startswith("/apis/authorization.k8s.io/v1/"):
            return 201, {**asked.body, "metadata": {}, "status": self._review(asked)}
        return answer(self.served.objects, asked)

    def _review(self, asked: Request) -> Object:
        """Answer what somebody asks of himself."""
        served = self.served
        if asked.path.endswith("/selfsubjectrulesreviews"):
            listed = {"resourceRules": served.rules, "nonResourceRules": []}
            return {**listed, "incomplete": bool(served.unlisted)}
        about = asked.body["spec"]["resourceAttributes"]
        kind = "/".join(filter(None, (about["resource"], about.get("subresource"))))
        wanted = rule(about["group"], kind, about["verb"])
        return {"allowed": any(each == wanted for each in served.unlisted)}

    def _watch(self, asked: Request) -> None:
        objects, since = self.served.objects, int(asked.query["resourceVersion"])
        self._begin_chunks()
        for line in self.served.watch_lines:
            self._chunk(line)
        if since < objects.oldest:
            gone = failure(410, "Expired", f"too old resource version: {since}")
            self._event({"type": "ERROR", "object": gone})
            return self._end_chunks()
        with objects.changed:
            while not self.served.stopped.is_set():
                found, since = events_since(objects, asked, since)
                for event in found:
                    self._event(event)
                objects.changed.wait()
        return self._end_chunks()

    def _log(self, asked: Request) -> None:
        self._begin_chunks("text/plain")
        for chunk in self.served.logs[asked.path.split("/")[-2]]:
            if chunk is None:
                self.served.stopped.wait()
            else:
                self._chunk(chunk)
        self._end_chunks()

    def _event(self, event: Object) -> None:
        self._chunk(json.dumps(event).encode() + b"\n")

    def _begin_chunks(self, kind: str = "application/json") -> None:
        self._send(200, b"", {"Transfer-Encoding": "chunked", "Content-Type": kind})

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _end_chunks(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._send(status, body, {"Content-Length": str(len(body)), **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{key}: {value}" for key, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

    def _reset(self) -> None:
        """Close at once, so that the other side sees a reset and no orderly end."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        socket.socket(fileno=self.connection.detach()).close()
        self.close_connection = True
        raise _Cut
