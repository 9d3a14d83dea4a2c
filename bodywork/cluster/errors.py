"""The one translator from what the API server and the wire say to errors of ours.

Three classes of faults: the request was certainly not carried out (try again); nobody knows (look,
then decide); it was understood and refused (final, or for the caller to decide). Kubernetes' own
message is kept; what authenticates us never stands in it.
"""

import json
from typing import Any

from bodywork.errors import BodyworkError, EngineError, EngineUnavailable, NotFound
from statemachine.errors import TransientError

_BUSY = frozenset({429, 503})
_AMBIGUOUS = frozenset({500, 502, 504})
_GONE = 410
_MOST_CHARACTERS = 600


class Unavailable(EngineUnavailable, TransientError):
    """The API server did not answer, or not now.

    `ambiguous`: whether a write may have been carried out nevertheless.
    """

    def __init__(self, message: str, *, hint: str = "", ambiguous: bool = True) -> None:
        EngineUnavailable.__init__(self, message, hint=hint)
        self.ambiguous = ambiguous


class AlreadyExists(EngineError):
    """There is an object of that name."""


class Conflict(EngineError):
    """The object has been changed since it was read."""


class Forbidden(EngineError):
    """A right is missing, or a quota exhausted, or a policy forbids it."""


class Unauthorized(EngineError):
    """The API server does not know who we are."""


class Expired(EngineError):
    """What was asked for goes too far back: list again."""


def translate_reply(method: str, path: str, status: int, body: bytes, server: str) -> BodyworkError:
    """Return the error for a reply that is no success."""
    told = _told(body)
    message = str(told.get("message") or f"{method} {path}: HTTP status {status}")
    message = " ".join(message.split())[:_MOST_CHARACTERS]
    reason = told.get("reason", "")
    if status in _BUSY:
        return Unavailable(f"the cluster at {server} is busy: {message}", ambiguous=False)
    if status in _AMBIGUOUS:
        return Unavailable(f"the cluster at {server} failed: {message}")
    if status == 404:
        return NotFound(message)
    if status == 409 and reason == "AlreadyExists":
        return AlreadyExists(message)
    if status == 409:
        return Conflict(message)
    if status == 401:
        return Unauthorized(
            f"the cluster at {server} does not accept our credentials",
            hint="log in again, or check KUBECONFIG and --context: kubectl auth whoami",
        )
    if status == 403:
        return _forbidden(message)
    if status == _GONE:
        return Expired(message)
    return EngineError(f"the cluster refuses: {message}")


def translate_transport(error: Exception, server: str, *, sent: bool) -> Unavailable:
    """Return the error for a request that got no whole reply.

    `sent`: whether it may have reached the server.
    """
    kind = type(error).__name__
    return Unavailable(
        f"the cluster at {server} cannot be reached ({_plain(error) or kind})",
        hint="is it running, and is KUBECONFIG or --context the right one? `bodywork doctor` "
        "tells more; without a cluster: --engine local",
        ambiguous=sent,
    )


def _forbidden(message: str) -> Forbidden:
    if "exceeded quota" in message:
        return Forbidden(message, hint="free something, or have the namespace's quota raised")
    if "cannot " in message:
        hint = "`bodywork doctor` lists the rights that are missing; setup-namespace grants them"
        return Forbidden(message, hint=hint)
    return Forbidden(message)


def _told(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _plain(error: Exception) -> str:
    """Return the innermost reason, which is what people understand."""
    reason: Any = error
    for _ in range(4):
        reason = getattr(reason, "reason", None) or getattr(reason, "__cause__", None) or reason
    text = str(reason).rpartition(": ")[2] if reason is not error else str(error)
    return " ".join(text.split())[:200]
