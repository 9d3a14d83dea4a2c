"""One kind of objects in one namespace of a Kubernetes API server, as the stores here need it.

Who connects to the server implements it; `None` stands for an answer that a store has to judge.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

Object: TypeAlias = dict[str, Any]


class Objects(Protocol):
    """Raw JSON objects of one kind.

    Every call may raise `StoreUnavailable`, and `StoreFull` where the server refuses it for good: a
    right is missing, a quota used up, the object too large.
    """

    namespace: str

    def get(self, name: str) -> Object | None:
        """Return the newest version (a linearizable read); None where there is none."""
        ...

    def list_all(self, labels: Mapping[str, str]) -> Sequence[Object]:
        """Return all objects that bear these labels."""
        ...

    def create(self, body: Object) -> Object | None:
        """Create it; None where the name is taken, be it by our own lost request."""
        ...

    def replace(self, name: str, body: Object) -> Object | None:
        """Replace the version that `body` bears (uid and resourceVersion); None where it is not
        that any more, is gone, or may not be changed.

        Raises:
            StoreUnavailable: also where nobody knows whether it was carried out.
        """
        ...

    def merge(self, name: str, body: Object) -> Object | None:
        """Merge into whatever version there is; None where there is none."""
        ...

    def delete(self, name: str, uid: str) -> None:
        """Delete it and all that it owns; nothing to delete is fine."""
        ...
