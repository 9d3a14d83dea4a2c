"""What follows from a fault: one table for looks and one for writes; pure.

What cannot be seen is not a result, and what was refused once is not final: a Role that is being
replaced, a token that is being renewed, or a server behind a proxy that restarts refuses requests
for a moment. So a controller ends an attempt only for what it has seen to have ended, and gives up
only where the tables say so. `Client.endure` reads them; nothing else decides about repeating.
"""

import enum
import re
from collections.abc import Mapping

from bodywork.cluster.errors import (
    AlreadyExists,
    BadAccess,
    BeingDeleted,
    Conflict,
    Expired,
    Forbidden,
    NamespaceEnding,
    QuotaExceeded,
    Sealed,
    Unauthorized,
    Unavailable,
)
from bodywork.errors import BodyworkError, NotFound

_NOT_SERVED = "could not find the requested resource"
_NOT_PERMITTED = r'User ".*" cannot \w+ resource'


class Fault(enum.Enum):
    """The classes of faults."""

    NOT_SENT = "no connection, 429 or 503: not carried out"
    LOST = "reset, time-out, 500, 502, 504, cut short, or no answer that fits the request"
    CREDENTIALS = "401, or credentials or a certificate that do not hold"
    NOT_PERMITTED = "403: the role lacks a right (RBAC)"
    REFUSED = "403: a policy or an admission webhook refuses it"
    QUOTA = "403: a quota of the namespace is used up"
    NAMESPACE_ENDING = "403: the namespace is being deleted"
    NOT_SERVED = "404: of a collection, or of an API that the server does not serve"
    NOT_FOUND = "404: of an object"
    EXISTS = "409: there is an object of that name"
    CONFLICT = "409: the object has changed since it was read"
    BEING_DELETED = "the object has a deletionTimestamp"
    EXPIRED = "410: too old to be listed or watched from"
    SEALED = "422: the object is immutable"
    INVALID = "400, 413, 422 and all others: the API server does not take the request"


class Answer(enum.Enum):
    """What a controller does about a fault."""

    AGAIN = "send it again, within the outage budget; then exit, resumable"
    BRIEFLY = "send it again for a short time; then it is final"
    LOOK = "look whether it was carried out, then decide anew"
    READ_AGAIN = "read the object again, then decide anew"
    CALLER = "the caller knows what it means"
    FINAL = "report it as the reason of a failure"


LOOKS: Mapping[Fault, Answer] = {
    Fault.NOT_SENT: Answer.AGAIN,
    Fault.LOST: Answer.AGAIN,
    Fault.CREDENTIALS: Answer.AGAIN,
    Fault.NOT_PERMITTED: Answer.AGAIN,
    Fault.REFUSED: Answer.AGAIN,
    Fault.QUOTA: Answer.AGAIN,
    Fault.NAMESPACE_ENDING: Answer.AGAIN,
    Fault.NOT_SERVED: Answer.AGAIN,
    Fault.NOT_FOUND: Answer.CALLER,
    Fault.EXISTS: Answer.AGAIN,
    Fault.CONFLICT: Answer.AGAIN,
    Fault.BEING_DELETED: Answer.CALLER,
    Fault.EXPIRED: Answer.CALLER,
    Fault.SEALED: Answer.AGAIN,
    Fault.INVALID: Answer.AGAIN,
}
"""LIST, WATCH, GET: none of them can fail a run."""

WRITES: Mapping[Fault, Answer] = {
    Fault.NOT_SENT: Answer.AGAIN,
    Fault.LOST: Answer.LOOK,
    Fault.CREDENTIALS: Answer.AGAIN,
    Fault.NOT_PERMITTED: Answer.BRIEFLY,
    Fault.REFUSED: Answer.FINAL,
    Fault.QUOTA: Answer.CALLER,
    Fault.NAMESPACE_ENDING: Answer.FINAL,
    Fault.NOT_SERVED: Answer.AGAIN,
    Fault.NOT_FOUND: Answer.CALLER,
    Fault.EXISTS: Answer.READ_AGAIN,
    Fault.CONFLICT: Answer.READ_AGAIN,
    Fault.BEING_DELETED: Answer.BRIEFLY,
    Fault.EXPIRED: Answer.FINAL,
    Fault.SEALED: Answer.CALLER,
    Fault.INVALID: Answer.FINAL,
}
"""POST, PUT, PATCH, DELETE."""

_CLASSES: tuple[tuple[type[BodyworkError], Fault], ...] = (
    (Unauthorized, Fault.CREDENTIALS),
    (BadAccess, Fault.CREDENTIALS),
    (QuotaExceeded, Fault.QUOTA),
    (NamespaceEnding, Fault.NAMESPACE_ENDING),
    (AlreadyExists, Fault.EXISTS),
    (Conflict, Fault.CONFLICT),
    (BeingDeleted, Fault.BEING_DELETED),
    (Expired, Fault.EXPIRED),
    (Sealed, Fault.SEALED),
)


def classify(error: BodyworkError, *, listing: bool = False, dated: bool = True) -> Fault:
    """Return the class of a fault.

    Args:
        error: as `errors` has translated it.
        listing: whether it answers a LIST; a collection of a namespace is always there.
        dated: whether the request names a version or goes on with a list; else nothing of it can
            be too old, and the answer says nothing.
    """
    if isinstance(error, Unavailable):
        return Fault.LOST if error.ambiguous else Fault.NOT_SENT
    if isinstance(error, NotFound):
        unserved = listing or _NOT_SERVED in error.message
        return Fault.NOT_SERVED if unserved else Fault.NOT_FOUND
    if isinstance(error, Expired) and not dated:
        return Fault.LOST
    for kind, fault in _CLASSES:
        if isinstance(error, kind):
            return fault
    if isinstance(error, Forbidden):
        lacks = re.search(_NOT_PERMITTED, error.message)
        return Fault.NOT_PERMITTED if lacks else Fault.REFUSED
    return Fault.INVALID
