"""Each write of the engine: look, decide, write by version; again over conflicts and lost answers.

After a reset, a time-out or a 5xx nobody knows whether a write was carried out, and after a
conflict nobody knows what the object is now. Both are answered alike: read the object again, and
decide anew from what is there. So what decides is told of the newest object each time, wants
nothing where its wish is fulfilled already, and raises where it is no more for us to fulfil. Which
fault leads where is said in `faults`.

https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from collections.abc import Callable
from typing import Any

from bodywork.cluster.client import Client
from bodywork.cluster.errors import AlreadyExists, BeingDeleted, Conflict, Forbidden, Unavailable
from bodywork.cluster.faults import WRITES, Answer, Fault, classify
from bodywork.cluster.verdicts import is_being_deleted
from bodywork.errors import BodyworkError, NotFound

Found = dict[str, Any]
CONFLICTS = 10
"""How often a change is decided anew, because the object was changed meanwhile."""
Decide = Callable[[Found | None], Found | None]
"""Takes the newest object (None: there is none), returns the object to write (None: nothing)."""


def converge(
    client: Client,
    collection: str,
    name: str,
    decide: Decide,
    *known: Found | None,
    once: bool = False,
) -> Found | None:
    """Bring an object to what `decide` wants of it; return it as it is then, None for none.

    An object that is being deleted is neither adopted nor changed: its end is waited for, a while.

    Args:
        client, collection, name: where it is.
        decide: may raise what is final, such as `Foreign`.
        known: the object as it was just read, which saves a first look.
        once: what is being deleted has taken its name for good: it is returned as any other.

    Raises:
        Unavailable: the API server did not answer for as long as the client endures.
        EngineError, NotFound: it refuses the write for good.
    """
    path, heard = f"{collection}/{name}", list(known)

    def attempt() -> Found | None:
        try:
            return once_over()
        except (AlreadyExists, Conflict):
            return once_over()  # again at once; if that was in vain, with the policy's pauses

    def once_over() -> Found | None:
        given = bool(heard)
        found = heard.pop() if heard else look(client, path)
        if not once:
            require_staying(found)
        wanted = decide(found)
        if wanted is None:
            return found
        try:
            if found is None:
                return client.create(collection, wanted, sure=False)
            return client.replace(path, wanted)
        except Forbidden as refusal:  # a quota refuses what exists as if it did not
            raise Conflict(refusal.message) if given else refusal from refusal
        except NotFound as gone:
            raise Conflict(gone.message) if found else gone from gone

    return client.endure(attempt, _decide_anew)


def change(client: Client, collection: str, name: str, decide: Callable[[Found], Found | None],
           *known: Found) -> Found:  # fmt: skip
    """Bring an object that must be there to what `decide` wants of it; return it as it is then.

    Raises:
        NotFound: it is not there; else as `converge`.
    """

    def decide_or_raise(found: Found | None) -> Found | None:
        if found is None:
            raise NotFound(f"{name} is not there any more")
        return decide(found)

    changed = converge(client, collection, name, decide_or_raise, *known)
    assert changed is not None  # noqa: S101  decide_or_raise has seen to it
    return changed


def merge(client: Client, path: str, uid: str, body: Found, *, version: str = "") -> Found | None:
    """Merge absolute values into the object of that uid; None where it is not there any more.

    Args:
        version: the resourceVersion that it must have, too; after a lost answer it has another.
    """
    metadata = {**body.get("metadata", {}), "uid": uid}
    if version:
        metadata["resourceVersion"] = version
    try:
        return client.patch(path, {**body, "metadata": metadata})
    except (NotFound, Conflict):
        return None


def is_merged(found: Found, patch: Found) -> bool:
    """Say whether an object is already as a merge patch wants it."""
    return all(
        is_merged(found.get(key) or {}, value) if isinstance(value, dict)
        else found.get(key) == value
        for key, value in patch.items()
    )  # fmt: skip


def discard(client: Client, path: str, uid: str) -> None:
    """Delete the one object of that uid, however it has changed; nothing to delete is fine."""
    _delete(client, path, uid)


def discard_unchanged(client: Client, path: str, found: Found) -> bool:
    """Delete exactly the object that was read; return False where it has changed or is gone."""
    metadata = found["metadata"]
    return _delete(client, path, metadata["uid"], metadata["resourceVersion"])


def look(client: Client, path: str) -> Found | None:
    """Return the object as it is now; None is believed of the API server alone."""
    try:
        return client.get(path)
    except NotFound:
        return None


def look_staying(client: Client, path: str) -> Found | None:
    """Return the object as it is now; of one that is being deleted, the end is waited for."""

    def attempt() -> Found | None:
        found = look(client, path)
        require_staying(found)
        return found

    return client.endure(attempt, _decide_anew)


def require_staying(found: Found | None) -> None:
    """Refuse an object that is being deleted. Raises `BeingDeleted`."""
    if found is not None and is_being_deleted(found):
        name, kind = found["metadata"]["name"], found.get("kind", "object")
        raise BeingDeleted(
            f"the {kind} {name} is being deleted",
            hint=f"wait until it is gone; what holds it: kubectl get {kind.lower()} {name} "
            "-o jsonpath='{.metadata.finalizers}'",
        )


def _delete(client: Client, path: str, uid: str, version: str = "") -> bool:
    try:
        client.delete(path, uid=uid, version=version)
    except (NotFound, Conflict):
        return False
    return True


def _decide_anew(error: BodyworkError) -> Answer:
    """Return what the table says; what the client below has tried long enough is final here."""
    fault = classify(error)
    if isinstance(error, Unavailable) or fault is Fault.NOT_PERMITTED:
        return Answer.FINAL
    return WRITES[fault]
