"""The one adapter to the API server: plain dicts in and out, over the official client's transport.

The official client finds the cluster (kubeconfig, contexts, exec plugins, in-cluster tokens,
proxies) and makes the connections; its typed models are not used, so their versions do not matter.
Each request has time-outs, and is repeated in one place only, by one policy: the transport's own
silent repetition of writes is off.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import urllib3
from kubernetes.client.rest import RESTClientObject
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
)

from bodywork.cluster.configuration import Access, find_access
from bodywork.cluster.errors import (
    Expired,
    Unauthorized,
    Unavailable,
    translate_reply,
    translate_transport,
)
from statemachine.retries import RetryPolicy, call

Found = dict[str, Any]

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
SILENCE_SECONDS = 90.0
"""A watch that says nothing for so long (not even a bookmark) is given up."""
PAGE = 500
QUICK = RetryPolicy(attempts=4, deadline_seconds=8.0)
"""For people who wait at a prompt."""
_CHUNK = 1 << 16
_SUCCESS = range(200, 300)


def enduring(seconds: float) -> RetryPolicy:
    """Return the policy of a controller, which outlasts an outage of that many seconds."""
    return RetryPolicy(
        attempts=10_000,
        deadline_seconds=seconds,
        initial_wait_seconds=0.2,
        maximum_wait_seconds=15.0,
    )


class Client:
    """A connection to one cluster, safe to share between threads.

    Every method may raise `Unavailable` (an `EngineUnavailable`), `Forbidden`, `Unauthorized` and
    other `EngineError`s.
    """

    def __init__(
        self,
        access: Access,
        policy: RetryPolicy = QUICK,
        sleep: Callable[[float], None] = time.sleep,
        reload: Callable[[], Access] | None = None,
    ) -> None:
        self._access = access
        self._policy = policy
        self._sleep = sleep
        self._reload = reload
        self._transport = RESTClientObject(access.configuration)

    @classmethod
    def connect(
        cls,
        context: str = "",
        kubeconfig: str = "",
        *,
        policy: RetryPolicy = QUICK,
        sleep: Callable[[float], None] = time.sleep,
    ) -> "Client":
        """Return a client of the cluster that kubectl would use; nothing is sent yet.

        Raises:
            UsageError: the kubeconfig or the context is wrong.
            EngineUnavailable: no cluster is configured.
        """

        def find() -> Access:
            return find_access(context, kubeconfig)

        return cls(find(), policy, sleep, find)

    @property
    def server(self) -> str:
        """The API server's address, for people."""
        return self._access.server

    @property
    def namespace(self) -> str:
        """The namespace that the context names, "" for none."""
        return self._access.namespace

    def close(self) -> None:
        """Let go of idle connections; the next request would open a new one."""
        self._transport.close()

    def get(self, path: str) -> Found:
        """Return the object (a linearizable read). Raises `NotFound`."""
        return self._send("GET", path)

    def list_all(
        self, path: str, *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[list[Found], str]:
        """Return all objects of a collection, and the version from which to watch."""
        query = _selectors(label_selector, field_selector)
        while True:
            try:
                return self._pages(path, query)
            except Expired:  # between two pages; begin again
                continue

    def create(self, path: str, body: Found, *, sure: bool = True) -> Found:
        """Create an object in a collection.

        Raises:
            AlreadyExists: there is one of that name; after a lost answer it may be our own.
            Unavailable: with `sure=False` also at once after a lost answer: look first.
        """
        return self._send("POST", path, body, sure=sure)

    def replace(self, path: str, body: Found) -> Found:
        """Replace an object; it must bear the resourceVersion that was read.

        Raises:
            Conflict: it has been changed since.
            Unavailable: where the answer was lost it is `ambiguous`: look before another try.
        """
        return self._send("PUT", path, body, sure=False)

    def patch(self, path: str, body: Found) -> Found:
        """Merge into an object (RFC 7386): repeated after a lost answer, so say absolute things."""
        return self._send("PATCH", path, body, content="application/merge-patch+json")

    def delete(self, path: str, *, uid: str = "", propagation: str = "Background") -> None:
        """Delete an object and, by default, all that it owns.

        Raises:
            NotFound: it is not there; after a lost answer that is what was wanted.
            Conflict: the object of that name has another uid.
        """
        body: Found = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        if uid:
            body["preconditions"] = {"uid": uid}
        self._send("DELETE", path, body)

    def watch(
        self,
        path: str,
        resource_version: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 240,
    ) -> Iterator[Found]:
        """Yield `{"type": …, "object": …}` from that version on.

        Ends quietly when the server closes it, says that the version is too old, says nothing at
        all for long, or sends what is no event: to list again is right in each case.

        Raises:
            Unavailable: it cannot even be begun.
        """
        query = {
            **_selectors(label_selector, field_selector),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }
        try:
            for line in self._lines(path, query, SILENCE_SECONDS):
                event = _parse_event(line)
                if event is None:
                    return
                yield event
        except Expired:
            return

    def stream(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """Yield the lines of an endless text; ends when it ends or is silent for long."""
        yield from self._lines(path, dict(query), SILENCE_SECONDS)

    def version(self) -> str:
        """Return the server's version, as `v1.34.4`."""
        return str(self._send("GET", "/version").get("gitVersion", ""))

    # -- one request ----------------------------------------------------------------------------

    def _pages(self, path: str, query: dict[str, str]) -> tuple[list[Found], str]:
        items: list[Found] = []
        page = {**query, "limit": str(PAGE)}
        while True:
            found = self._send("GET", path, query=page)
            items += found.get("items") or []
            more = found["metadata"].get("continue")
            if not more:
                return items, str(found["metadata"]["resourceVersion"])
            page = {**query, "limit": str(PAGE), "continue": more}

    def _send(
        self,
        method: str,
        path: str,
        body: Found | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        sure: bool = True,
    ) -> Found:
        """Send, and again while that may help; an ambiguous end is only repeated if `sure`."""

        def attempt() -> Found:
            try:
                return self._exchange(method, path, body, query or {}, content)
            except Unavailable as error:
                if error.ambiguous and not sure:
                    raise _Undecided(error) from error
                raise

        try:
            return call(self._policy, attempt, sleep=self._sleep)
        except _Undecided as undecided:
            raise undecided.fault from undecided.fault.__cause__

    def _exchange(
        self, method: str, path: str, body: Found | None, query: Mapping[str, str], content: str
    ) -> Found:
        try:
            raw = self._once(method, path, body, query, content)
        except Unauthorized:
            if self._reload is None:
                raise
            self._access = self._reload()  # a token that was renewed on disk, or by a plugin
            self._transport = RESTClientObject(self._access.configuration)
            raw = self._once(method, path, body, query, content)
        try:
            found = json.loads(raw)
        except ValueError:
            raise Unavailable(f"the cluster at {self.server} sent what is no JSON") from None
        return dict(found)

    def _once(
        self, method: str, path: str, body: Found | None, query: Mapping[str, str], content: str
    ) -> bytes:
        response = self._open(method, path, query, READ_SECONDS, body, content)
        try:
            raw = bytes(response.data)
        except (HTTPError, OSError) as error:
            raise translate_transport(error, self.server, sent=True) from error
        if response.status not in _SUCCESS:
            raise translate_reply(method, path, response.status, raw, self.server)
        return raw

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        read_seconds: float,
        body: Found | None = None,
        content: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": self._access.agent}
        if body is not None:
            headers["Content-Type"] = content
        headers |= self._access.authorization()
        url = f"{self._access.configuration.host}{path}{_encoded(query)}"
        try:
            return self._transport.pool_manager.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
                retries=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            raise translate_transport(error, self.server, sent=_was_sent(error)) from error

    def _lines(self, path: str, query: Mapping[str, str], silence: float) -> Iterator[bytes]:
        response = self._open("GET", path, query, silence)
        try:
            if response.status not in _SUCCESS:
                raise translate_reply("GET", path, response.status, response.data, self.server)
            rest = b""
            while chunk := response.read1(_CHUNK):
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                yield from lines
            if rest:
                yield rest
        except (HTTPError, OSError):
            return  # cut, or silent for long: whoever reads asks again from where it stands
        finally:
            response.close()


class _Undecided(Exception):
    """Carries an ambiguous fault past the policy."""

    def __init__(self, fault: Unavailable) -> None:
        super().__init__()
        self.fault = fault


def _selectors(labels: str, fields: str) -> dict[str, str]:
    chosen = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in chosen.items() if value}


def _encoded(query: Mapping[str, str]) -> str:
    from urllib.parse import urlencode

    return f"?{urlencode(query)}" if query else ""


def _parse_event(line: bytes) -> Found | None:
    """Return an event; None for what means that listing again is due."""
    try:
        event = json.loads(line)
        if event["type"] == "ERROR" or not event["object"]["metadata"]:
            return None
    except (ValueError, KeyError, TypeError):
        return None
    return dict(event)


def _was_sent(error: Exception) -> bool:
    if isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    return not isinstance(error, (NewConnectionError, ConnectTimeoutError))
