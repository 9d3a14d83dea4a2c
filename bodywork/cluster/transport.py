"""One request to the API server, over the connections of the official client.

It knows nothing of objects, and sends nothing twice: the connections' own repetition of requests is
off. The one exception is a refusal of our credentials, which are then read again, once: a token may
have been renewed on disk, or by a plugin. Every fault leaves as an error of ours.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from bodywork.cluster.configuration import Access
from bodywork.cluster.connections import Connections
from bodywork.cluster.errors import (
    Unauthorized,
    Unavailable,
    translate_reply,
    translate_transport,
)
from bodywork.errors import BodyworkError, UsageError

Found = dict[str, Any]

LOG = logging.getLogger("bodywork.cluster")
_CHUNK = 1 << 16
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class TimeOuts:
    """How long to wait, in seconds.

    Attributes:
        connect: for a connection.
        read: for the next byte of an answer.
        silence: for the next byte of a watch or a log, which may well have nothing to say.
    """

    connect: float = 5.0
    read: float = 30.0
    silence: float = 90.0


@dataclass(frozen=True, slots=True)
class Question:
    """A request. `body`: an object to send as JSON, of the media type `content`."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Found | None = None
    content: str = "application/json"

    @property
    def target(self) -> str:
        """Path and query, as they are sent."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


class Transport:
    """Connections to one API server, safe to share between threads."""

    def __init__(
        self,
        access: Access,
        reload: Callable[[], Access] | None = None,
        time_outs: TimeOuts | None = None,
    ) -> None:
        self._credentials = _Credentials(access, reload)
        self._link = _Link(self._credentials)
        self._time_outs = time_outs or TimeOuts()
        self._cut = False

    @property
    def access(self) -> Access:
        """Where, and as whom."""
        return self._credentials.access

    def close(self) -> None:
        """Let go of idle connections; the next request would open a new one."""
        self._link.pool.clear()

    def apart(self) -> "Transport":
        """Return a transport with the same credentials, and connections of its own."""
        other = copy(self)
        other._cut = False
        other._link = _Link(self._credentials)
        return other

    def cut(self) -> None:
        """End each request that is under way, as one without an answer, and every later one."""
        self._cut = True
        self._link.cut()

    def exchange(self, question: Question) -> Found:
        """Ask, and return the JSON object that is the answer."""
        response = self._open(question, self._time_outs.read)
        try:
            found = json.loads(response.data)
        except (HTTPError, OSError) as error:
            raise translate_transport(error, self.access.server) from error
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Unavailable(f"the cluster at {self.access.server} sent what is no object")
        return found

    def lines(self, question: Question) -> Iterator[bytes]:
        """Yield the lines of a long answer, until it ends, is cut, or is silent for long."""
        try:
            response = self._open(question, self._time_outs.silence)
        except Unavailable as error:
            if isinstance(error.__cause__, ReadTimeoutError):
                return  # it was heard, and there is nothing to say yet
            raise
        try:
            rest = b""
            while chunk := response.read1(_CHUNK):
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                yield from lines
            if rest:
                yield rest
        except (HTTPError, OSError):
            return  # whoever reads asks again from where it stands
        finally:
            response.close()

    def _open(self, question: Question, read_seconds: float) -> urllib3.BaseHTTPResponse:
        link = self._current_link()
        try:
            return link.open(question, self._time_outs.connect, read_seconds)
        except Unauthorized as refused:
            self._credentials.renew(link.access, refused)
        return self._current_link().open(question, self._time_outs.connect, read_seconds)

    def _current_link(self) -> "_Link":
        """Return the connections with the newest credentials."""
        if self._link.access is not self._credentials.access:
            self._link = _Link(self._credentials)
            if self._cut:
                self._link.cut()
        return self._link


class _Credentials:
    """As whom requests are made: read once for all transports that share them."""

    def __init__(self, access: Access, reload: Callable[[], Access] | None) -> None:
        self.access = access
        self._reload = reload
        self._renewing = threading.Lock()

    def renew(self, refused: Access, error: Unauthorized) -> None:
        """Read the credentials anew, unless another thread has just done so.

        Credentials that were read before, and cannot be read now, are being written: a login tool
        writes the kubeconfig in place. That is an answer for this request, and not for the next.

        Raises:
            Unauthorized: the given one, where they cannot be read.
        """
        if self._reload is None:
            raise error
        with self._renewing:
            if self.access is refused:
                try:
                    self.access = self._reload()
                except (BodyworkError, OSError, ValueError) as unread:
                    raise error from unread


class _Link(Connections):
    """A pool of connections with one set of credentials."""

    def __init__(self, credentials: _Credentials) -> None:
        self.access = credentials.access
        self._accepted = False
        super().__init__(self.access.configuration)

    def open(
        self, question: Question, connect_seconds: float, read_seconds: float
    ) -> urllib3.BaseHTTPResponse:
        """Send, and return a response that is a success and not read yet."""
        headers = {"Accept": "application/json", "User-Agent": self.access.agent}
        if question.body is not None:
            headers["Content-Type"] = question.content
        headers |= self._authorization()
        began = time.monotonic()
        try:
            response = self.pool.request(
                question.method,
                f"{self.access.configuration.host}{question.target}",
                body=None if question.body is None else json.dumps(question.body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=connect_seconds, read=read_seconds),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            _log(question, "no answer", began)
            raise translate_transport(error, self.access.server) from error
        _log(question, str(response.status), began)
        self._accepted = self._accepted or response.status in _SUCCESS
        if response.status not in _SUCCESS:
            raise translate_reply(
                f"{question.method} {question.path}",
                response.status,
                _body_of(response),
                self.access.server,
                retry_after=response.headers.get("Retry-After", ""),
            )
        return response

    def _authorization(self) -> dict[str, str]:
        """Return the headers; a token that is spoilt once it was good is being written just now."""
        try:
            headers = self.access.authorization()
        except UsageError as error:
            if not self._accepted:
                raise
            raise Unavailable(error.message, hint=error.hint, ambiguous=False) from error
        return headers


def _log(question: Question, answer: str, began: float) -> None:
    """Record a request for people who look for a fault: without its body, which may be a secret."""
    LOG.debug(
        "%s %s: %s, %d ms",
        question.method,
        question.target,
        answer,
        (time.monotonic() - began) * 1000,
    )


def _body_of(response: urllib3.BaseHTTPResponse) -> bytes:
    try:
        return response.data
    except (HTTPError, OSError):
        return b""  # the status says enough
    finally:
        response.release_conn()
