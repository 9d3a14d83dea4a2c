"""The one adapter to the API server: plain dicts in and out, over the official client's transport.

The official client finds the cluster (kubeconfig, contexts, exec plugins, in-cluster tokens,
proxies) and makes the connections; its typed models are not used, so their versions do not matter.
Each request has time-outs, and is repeated in one place only, by one policy: the transport's own
silent repetition of writes is off.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from bodywork.cluster.configuration import Access, find_access
from bodywork.cluster.errors import Expired, Refused, Unavailable
from bodywork.cluster.faults import LOOKS, WRITES, Answer, classify
from bodywork.cluster.transport import Question, TimeOuts, Transport
from bodywork.errors import BodyworkError
from statemachine.retries import RetryPolicy, call

Found = dict[str, Any]
T = TypeVar("T")
Waiting = Callable[[Unavailable, float], None]
"""Told of a fault and of the seconds until the next try."""

PAGE = 500
QUICK = RetryPolicy(attempts=4, deadline_seconds=8.0, maximum_wait_seconds=3.0)
"""For people who wait at a prompt."""
GRACE = 1 / 30
"""The part of the outage budget (30 s of 15 minutes) for which a missing right is not final."""
_PATIENCE = frozenset({Answer.AGAIN, Answer.BRIEFLY})
_FINAL = frozenset({Answer.CALLER, Answer.FINAL})
_VERSION = "/version"


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

    Args:
        transport: makes the requests.
        policy: how often and how long a request is repeated; a server that asks for patience
            (`Retry-After`) gets it, up to the policy's longest pause.
        sleep: pauses; what it raises ends the call.
        waiting: told before each pause, so that people know why nothing happens.
        monotonic: the clock of the policy.
        candid: tell of a refusal at once, whatever the policy: for what no run depends on.
    """

    def __init__(
        self,
        transport: Transport,
        policy: RetryPolicy = QUICK,
        sleep: Callable[[float], None] = time.sleep,
        waiting: Waiting = lambda fault, seconds: None,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        candid: bool = False,
    ) -> None:
        self._transport = transport
        self._policy = policy
        self._sleep = sleep
        self._waiting = waiting
        self._monotonic = monotonic
        self.patient = policy.attempts > QUICK.attempts and not candid
        self.require_ownership: Callable[[], None] = lambda: None
        """Called after each pause, before a write is sent again, and after the looks that decide
        on a service; what it raises ends the call."""
        self.require_recent_ownership: Callable[[], None] = lambda: None
        """Called before each write; what it raises ends the call."""

    @classmethod
    def connect(
        cls,
        context: str = "",
        kubeconfig: str = "",
        *,
        policy: RetryPolicy = QUICK,
        sleep: Callable[[float], None] = time.sleep,
        waiting: Waiting = lambda fault, seconds: None,
        time_outs: TimeOuts | None = None,
    ) -> "Client":
        """Return a client of the cluster that kubectl would use; nothing is sent yet.

        Raises:
            UsageError: the kubeconfig or the context is wrong.
            EngineUnavailable: no cluster is configured.
        """

        def find() -> Access:
            return find_access(context, kubeconfig)

        return cls(Transport(find(), find, time_outs), policy, sleep, waiting)

    def hurried(self, policy: RetryPolicy = QUICK) -> "Client":
        """Return a client that shares the connections and gives up sooner, without a word."""
        return Client(self._transport, policy)

    def candid(self) -> "Client":
        """Return a client that endures outages as long, and tells of refusals at once."""
        return Client(
            self._transport,
            self._policy,
            self._sleep,
            self._waiting,
            self._monotonic,
            candid=True,
        )

    def apart(self, sleep: Callable[[float], None]) -> "Client":
        """Return a client that endures as this one, pauses with `sleep`, and can be cut off alone.

        It shares the credentials, and has connections of its own.
        """
        return Client(
            self._transport.apart(),
            self._policy,
            sleep,
            self._waiting,
            self._monotonic,
            candid=not self.patient,
        )

    def cut(self) -> None:
        """End each request of this client that is under way, and every later one, as `Unavailable`;
        from any thread."""
        self._transport.cut()

    @property
    def server(self) -> str:
        """The API server's address, for people."""
        return self._transport.access.server

    @property
    def namespace(self) -> str:
        """The namespace that the context names, "" for none."""
        return self._transport.access.namespace

    @property
    def origin(self) -> str:
        """Where the address and our credentials come from, for people."""
        return self._transport.access.origin

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
        try:
            return self._pages(path, query)
        except Expired:  # the rest of the pages is gone; all at once is not
            return _listed(self._send("GET", path, query=query, listing=True))[:2]

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

    def delete(
        self, path: str, *, uid: str = "", version: str = "", propagation: str = "Background"
    ) -> None:
        """Delete an object and, by default, all that it owns.

        Raises:
            NotFound: it is not there; after a lost answer that is what was wanted.
            Conflict: the object of that name has another uid, or another resourceVersion.
        """
        body: Found = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        preconditions = {"uid": uid, "resourceVersion": version}
        if wanted := {key: value for key, value in preconditions.items() if value}:
            body["preconditions"] = wanted
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
        all for long, or sends what is no event: to list again is right in each case. Never
        repeated here.

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
            for line in self._transport.lines(Question("GET", path, query)):
                event = _parse_event(line)
                if event is None:
                    return
                yield event
        except Expired:
            return

    def stream(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """Yield the lines of an endless text; ends when it ends or is silent for long."""
        yield from self._transport.lines(Question("GET", path, dict(query)))

    def version(self) -> str:
        """Return the server's version, as `v1.34.4`."""
        return str(self._send("GET", _VERSION).get("gitVersion", ""))

    # -- one request ----------------------------------------------------------------------------

    def _pages(self, path: str, query: dict[str, str]) -> tuple[list[Found], str]:
        items: list[Found] = []
        page = {**query, "limit": str(PAGE)}
        while True:
            found, version, more = _listed(self._send("GET", path, query=page, listing=True))
            items += found
            if not more:
                return items, version
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
        listing: bool = False,
    ) -> Found:
        """Send, and again while that may help; an ambiguous end is only repeated if `sure`."""
        writes = method != "GET"
        if writes:
            self.require_recent_ownership()
        question = Question(method, path, query or {}, body, content)
        table = WRITES if writes else LOOKS
        dated = writes or "continue" in question.query

        def answer(error: BodyworkError) -> Answer:
            what = table[classify(error, listing=listing, dated=dated)]
            return what if what in _PATIENCE else Answer.CALLER

        def attempt() -> Found:
            try:
                return _whole(self._transport.exchange(question), path)
            except Unavailable as error:
                if error.ambiguous and not sure:
                    raise _Carried(error) from error
                raise

        return self.endure(attempt, answer, writes=writes)

    def endure(
        self,
        attempt: Callable[[], T],
        answer: Callable[[BodyworkError], Answer],
        *,
        writes: bool = True,
    ) -> T:
        """Call `attempt` until it returns, by this client's policy, as the tables of faults say.

        Args:
            attempt: raises `Unavailable` for "again".
            answer: what follows from another error. AGAIN and BRIEFLY are heeded by a patient
                client alone, LOOK and READ_AGAIN by each: the next `attempt` does so.
            writes: `attempt` changes something: `require_ownership` is asked after each pause.

        Raises:
            Unavailable: the policy is used up.
            EngineError, NotFound: it is final, or for the caller to decide.
        """
        began, last = self._monotonic(), Unavailable("")
        grace = GRACE * self._policy.deadline_seconds

        def once() -> T:
            nonlocal last
            try:
                return attempt()
            except Unavailable as error:
                if error.given_up:
                    raise _Carried(error) from error
                last = error
                raise
            except BodyworkError as error:
                what = answer(error)
                late = what is Answer.BRIEFLY and self._monotonic() - began >= grace
                if what in _FINAL or late or (what in _PATIENCE and not self.patient):
                    raise
                last = Refused(error)
                raise last from error

        def pause(seconds: float) -> None:
            self._pause(seconds, last, writes)

        try:
            return call(self._policy, once, sleep=pause, clock=self._monotonic)
        except _Carried as carried:
            raise carried.fault from carried.fault.__cause__
        except Unavailable as error:
            if isinstance(error, Refused) and answer(error.refusal) is Answer.BRIEFLY:
                raise error.refusal from error.refusal.__cause__
            error.given_up = True
            raise

    def _pause(self, seconds: float, fault: Unavailable, writes: bool) -> None:
        seconds = max(seconds, min(fault.after_seconds, self._policy.maximum_wait_seconds))
        self._waiting(fault, seconds)
        self._sleep(seconds)
        if writes:
            self.require_ownership()


class _Carried(Exception):
    """Carries a fault past the policy: an ambiguous one, or one that was endured already."""

    def __init__(self, fault: Unavailable) -> None:
        super().__init__()
        self.fault = fault


def _selectors(labels: str, fields: str) -> dict[str, str]:
    chosen = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in chosen.items() if value}


def _whole(found: Found, path: str) -> Found:
    """Refuse JSON that is no object of Kubernetes: something else has answered."""
    if path != _VERSION and not isinstance(found.get("metadata"), dict):
        raise Unavailable("the cluster answered with what is no object of Kubernetes")
    return found


def _listed(found: Found) -> tuple[list[Found], str, str]:
    """Return a page's objects, its version, and where the next one begins ("" for no more)."""
    try:
        metadata = found["metadata"]
        items, version = found.get("items") or [], str(metadata["resourceVersion"])
        return list(items), version, str(metadata.get("continue") or "")
    except (KeyError, TypeError, AttributeError):
        raise Unavailable("the cluster answered with what is no list") from None


def _parse_event(line: bytes) -> Found | None:
    """Return an event; None for what means that listing again is due."""
    try:
        event = json.loads(line)
        if event["type"] == "ERROR" or not event["object"]["metadata"]:
            return None
    except (ValueError, KeyError, TypeError):
        return None
    return dict(event)
