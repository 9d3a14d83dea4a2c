"""Objects as an API server keeps them: versions, uids, preconditions, merge patches, a history.

Pure; `kubernetes_api` puts HTTP before it. The answers (status, reason, wording where a client goes
by it) are those of a real API server, and a suite in tests/contract holds both to the same.
"""

import marshal
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


@dataclass(slots=True)
class Objects:
    """All objects, by collection path and name.

    Attributes:
        history: every change as (version, collection, event); `compact` cuts it.
        oldest: watching from before this version is refused.
        new_uid, now: give a new object its uid and the time of its creation.
    """

    kept: dict[tuple[str, str], Object] = field(default_factory=dict)
    version: int = 100
    oldest: int = 0
    history: list[tuple[int, str, Object]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    new_uid: Callable[[], str] = lambda: str(uuid.uuid4())
    now: Callable[[], str] = lambda: "2026-01-01T00:00:00Z"

    def get(self, collection: str, name: str) -> Object:
        with self.changed:
            return copied(self._found(collection, name))

    def list(self, collection: str, labels: dict[str, str]) -> tuple[list[Object], int]:
        with self.changed:
            found = [
                copied(each)
                for (place, _), each in sorted(self.kept.items())
                if place == collection and bears(each, labels)
            ]
            return found, self.version

    def create(self, collection: str, body: Object) -> Object:
        metadata = body["metadata"]
        name = metadata["name"]
        with self.changed:
            if (collection, name) in self.kept:
                raise Refusal(409, "AlreadyExists", f'{_kind(collection)} "{name}" already exists')
            made = copied(body)
            made["metadata"]["uid"] = self.new_uid()
            made["metadata"]["creationTimestamp"] = self.now()
            return self._keep(collection, name, made, "ADDED")

    def replace(self, collection: str, name: str, body: Object) -> Object:
        with self.changed:
            current = self._found(collection, name)
            _check(collection, current, body["metadata"])
            _check_immutable(current, body)
            new = copied(body)
            if "status" in current:  # a subresource: who replaces the object leaves it alone
                new.setdefault("status", copied(current["status"]))
            new["metadata"]["uid"] = current["metadata"]["uid"]
            new["metadata"]["creationTimestamp"] = current["metadata"]["creationTimestamp"]
            return self._keep(collection, name, new, "MODIFIED")

    def merge(self, collection: str, name: str, patch: Object) -> Object:
        with self.changed:
            current = self._found(collection, name)
            _check(collection, current, patch.get("metadata", {}))
            new = merged(current, patch)
            _check_immutable(current, new)
            return self._keep(collection, name, new, "MODIFIED")

    def delete(self, collection: str, name: str, preconditions: Object) -> Object:
        with self.changed:
            current = self._found(collection, name)
            _check(collection, current, preconditions)
            del self.kept[collection, name]
            self._note(collection, "DELETED", current)
            return copied(current)

    def compact(self) -> None:
        """Forget the history: who watches from now on must list first."""
        with self.changed:
            self.version += 1
            self.oldest = self.version
            self.history.clear()

    def _found(self, collection: str, name: str) -> Object:
        try:
            return self.kept[collection, name]
        except KeyError:
            message = f'{_kind(collection)} "{name}" not found'
            raise Refusal(404, "NotFound", message) from None

    def _keep(self, collection: str, name: str, new: Object, event: str) -> Object:
        old = self.kept.get((collection, name))
        if old is not None and _bare(old) == _bare(new):
            return copied(old)  # a write that changes nothing makes no version
        self.kept[collection, name] = new
        self._note(collection, event, new)
        return copied(new)

    def _note(self, collection: str, event: str, found: Object) -> None:
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, collection, {"type": event, "object": copied(found)}))
        self.changed.notify_all()


def copied(found: Object) -> Object:
    """Return a copy of what is JSON, some ten times as fast as `copy.deepcopy`."""
    return dict(marshal.loads(marshal.dumps(found)))  # noqa: S302 — our own bytes


def bears(found: Object, labels: dict[str, str]) -> bool:
    """Say whether an object bears these labels."""
    return labels.items() <= (found["metadata"].get("labels") or {}).items()


def merged(current: Any, patch: Any) -> Any:
    """Apply a merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _check(collection: str, current: Object, named: Object) -> None:
    """Refuse what is meant for another object or version than the current one."""
    for key, what in (("uid", "UID"), ("resourceVersion", "resourceVersion")):
        wanted, is_there = named.get(key), current["metadata"][key]
        if wanted and wanted != is_there:
            name = current["metadata"]["name"]
            message = (
                f'Operation cannot be fulfilled on {_kind(collection)} "{name}": Precondition '
                f"failed: {what} in precondition: {wanted}, {what} in object meta: {is_there}"
            )
            raise Refusal(409, "Conflict", message)


def _check_immutable(current: Object, new: Object) -> None:
    if current.get("immutable") and (
        not new.get("immutable") or current.get("data") != new.get("data")
    ):
        name = current["metadata"]["name"]
        message = f'ConfigMap "{name}" is invalid: data: Forbidden: field is immutable when '
        raise Refusal(422, "Invalid", message + "`immutable` is set")


def _bare(found: Object) -> Object:
    metadata = {k: v for k, v in found["metadata"].items() if k != "resourceVersion"}
    return {**found, "metadata": metadata}


def _kind(collection: str) -> str:
    return collection.rpartition("/")[2]
