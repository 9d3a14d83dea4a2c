"""The one translator from what the API server and the wire say to errors of ours.

Three classes of faults: the request was certainly not carried out (try again); nobody knows (look,
then decide); it was understood and refused (final, or for the caller to decide). Kubernetes' own
message is kept; what authenticates us never stands in it.
https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import json
import ssl
from typing import Any

from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationValueError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
)

from bodywork.errors import BodyworkError, EngineError, EngineUnavailable, NoRoom, NotFound
from bodywork.model.redaction import redact
from statemachine.errors import TransientError

_BUSY = frozenset({429, 503})
_AMBIGUOUS = frozenset({500, 502, 504})
_GONE = 410
_MOST_CHARACTERS = 600
_NOT_SENT = (NewConnectionError, ConnectTimeoutError, ProxyError)
_UNREACHABLE_HINT = (
    "is it running, and is KUBECONFIG or --context the right one? `bodywork doctor` tells more; "
    "without a cluster: --engine local"
)


class Unavailable(EngineUnavailable, TransientError):
    """The API server did not answer, or not now.

    Attributes:
        ambiguous: whether a write may have been carried out nevertheless.
        after_seconds: how long the server asks us to stay away; 0 where it does not.
        given_up: whether it was endured for as long as the client's policy says.
    """

    given_up = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        ambiguous: bool = True,
        after_seconds: float = 0.0,
    ) -> None:
        EngineUnavailable.__init__(self, message, hint=hint)
        self.ambiguous = ambiguous
        self.after_seconds = after_seconds


class Refused(Unavailable):
    """The API server refuses a request now; a controller sends it again, as `faults` has it.

    Attributes:
        refusal: what the API server said.
    """

    def __init__(self, refusal: BodyworkError) -> None:
        super().__init__(refusal.message, hint=refusal.hint, ambiguous=False)
        self.refusal = refusal


class AlreadyExists(EngineError):
    """There is an object of that name."""


class Conflict(EngineError):
    """The object has been changed since it was read."""


class Forbidden(EngineError):
    """A right is missing, or a policy forbids it."""


class QuotaExceeded(Forbidden, NoRoom):
    """The namespace's quota is used up: later, there may be room."""


class NamespaceEnding(Forbidden):
    """The namespace is being deleted."""


class Sealed(EngineError):
    """The object is immutable."""


class Unauthorized(EngineError):
    """The API server does not know who we are."""


class BadAccess(EngineError):
    """The address, certificates or keys for the cluster do not hold; nothing was sent."""


class Untrusted(BadAccess):
    """The server's certificate is not one that we are told to trust."""


class BeingDeleted(EngineError):
    """The object has been deleted and is not gone yet: it is neither adopted nor changed."""


class Expired(EngineError):
    """What was asked for goes too far back: list again."""


def translate_reply(
    request: str, status: int, body: bytes, server: str, *, retry_after: str = ""
) -> BodyworkError:
    """Return the error for a reply that is no success.

    Args:
        request: method and path, for where the reply has no words of its own.
        status, body, retry_after: the reply, and its header of that name.
        server: the server's address, for people.
    """
    told = _told(body)
    message = str(told.get("message") or f"{request}: HTTP status {status}")
    message = redact(" ".join(message.split()))[:_MOST_CHARACTERS]
    if status in _BUSY:
        after = float(retry_after) if retry_after.isdecimal() else 0.0
        busy = f"the cluster at {server} is busy: {message}"
        return Unavailable(busy, ambiguous=False, after_seconds=after)
    if status in _AMBIGUOUS:
        return Unavailable(f"the cluster at {server} failed: {message}")
    if status == 401:
        return Unauthorized(
            f"the cluster at {server} does not accept our credentials",
            hint="log in again, or check KUBECONFIG and --context: kubectl auth whoami",
        )
    if not told and status in (404, 409, _GONE):
        # Something before the API server speaks: what is there, nobody knows.
        return Unavailable(f"{server} does not answer as a Kubernetes API server: {message}")
    return _refusal(status, message, told)


def translate_transport(error: Exception, server: str) -> BodyworkError:
    """Return the error for a request that got no whole reply."""
    if _untrusted(error):
        return Untrusted(
            f"the certificate of the cluster at {server} is not trusted: {_plain(error)}",
            hint="check certificate-authority and server of the context in the kubeconfig",
        )
    if _unreadable_certificate(error):
        return BadAccess(
            f"the client certificate or key for the cluster at {server} cannot be read",
            hint="check client-certificate(-data) and client-key(-data) of the user in the "
            "kubeconfig: is one of them empty or cut short?",
        )
    if isinstance(error, LocationValueError):
        return BadAccess(f"{server} is no address of a server", hint="check the kubeconfig")
    if isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    return Unavailable(
        f"the cluster at {server} cannot be reached ({_plain(error)})",
        hint=_UNREACHABLE_HINT,
        ambiguous=not isinstance(error, _NOT_SENT),
    )


def _refusal(status: int, message: str, told: dict[str, Any]) -> BodyworkError:
    """Return the error for what the API server understood and did not do."""
    if status == 404:
        return NotFound(message)
    if status == 409 and told.get("reason") == "AlreadyExists":
        return AlreadyExists(message)
    if status == 409:
        return Conflict(message)
    if status == 403:
        return _forbidden(message, told)
    if status == _GONE:
        return Expired(message)
    if status == 422 and "field is immutable when `immutable` is set" in message:
        return Sealed(message)
    return EngineError(f"the cluster refuses: {message}")


def _forbidden(message: str, told: dict[str, Any]) -> Forbidden:
    causes = (told.get("details") or {}).get("causes") or []
    if any(each.get("reason") == "NamespaceTerminating" for each in causes):
        return NamespaceEnding(message, hint="the namespace is being deleted: wait, or use another")
    if "exceeded quota" in message:
        full = f"the namespace's quota is exhausted: {message}"
        return QuotaExceeded(full, hint="free something, or have the namespace's quota raised")
    from bodywork.cluster.forbidden import hint_for  # late: needed for refusals only

    return Forbidden(message, hint=hint_for(message))


def _told(body: bytes) -> dict[str, Any]:
    """Return the `Status` that an API server answers with; {} where it is none."""
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) and told.get("kind") == "Status" else {}


def _untrusted(error: BaseException | None) -> bool:
    """Say whether the innermost reason is a certificate that fails verification."""
    return any(isinstance(each, ssl.SSLCertVerificationError) for each in _reasons(error))


def _unreadable_certificate(error: BaseException | None) -> bool:
    """Say whether our own certificate or key could not be loaded; nothing was sent then."""
    return any(
        isinstance(each, ssl.SSLError) and (each.library == "PEM" or "PEM lib" in str(each))
        for each in _reasons(error)
    )


def _plain(error: Exception) -> str:
    """Return the innermost reason, which is what people understand."""
    innermost = _reasons(error)[-1]
    text = (innermost.strerror if isinstance(innermost, OSError) else "") or str(innermost)
    plain = redact(" ".join(text.split()))  # the address of a proxy may have a password
    return plain.rpartition(": ")[2][:200] or type(innermost).__name__


def _reasons(error: BaseException | None) -> list[BaseException]:
    """Return the error and what it was made of, outermost first."""
    reasons: list[BaseException] = []
    while error is not None and error not in reasons:
        reasons.append(error)
        inner = [each for each in (*error.args, error.__cause__) if isinstance(each, BaseException)]
        error = inner[0] if inner else None
    return reasons
