"""The cluster as the stores of `statemachine` want it: answers to judge instead of errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from bodywork.cluster.client import Client
from bodywork.cluster.errors import AlreadyExists, Conflict, Sealed
from bodywork.cluster.paths import in_namespace
from bodywork.errors import BodyworkError, EngineUnavailable, NotFound
from statemachine.errors import StoreFull, StoreUnavailable

Found = dict[str, Any]


class ClusterObjects:
    """Objects of one kind in one namespace; implements `statemachine.stores.objects.Objects`.

    Args:
        prefix, kind: as of `in_namespace`.
    """

    def __init__(self, client: Client, namespace: str, prefix: str, kind: str) -> None:
        self.namespace = namespace
        self._client = client
        self._prefix = prefix
        self._kind = kind

    def get(self, name: str) -> Found | None:
        """Return the newest version; None where there is none."""
        with _translated(), suppress(NotFound):
            return self._client.get(self._path(name))
        return None

    def list_all(self, labels: Mapping[str, str]) -> list[Found]:
        """Return all objects that bear these labels."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        with _translated():
            return self._client.list_all(self._path(), label_selector=selector)[0]

    def create(self, body: Found) -> Found | None:
        """Create it; None where the name is taken."""
        with _translated(), suppress(AlreadyExists):
            return self._client.create(self._path(), body, sure=False)
        return None

    def replace(self, name: str, body: Found) -> Found | None:
        """Replace the version that `body` bears; None where that is not there any more."""
        with _translated(), suppress(Conflict, NotFound, Sealed):
            return self._client.replace(self._path(name), body)
        return None

    def merge(self, name: str, body: Found) -> Found | None:
        """Merge into whatever version there is; None where there is none."""
        with _translated(), suppress(NotFound):
            return self._client.patch(self._path(name), body)
        return None

    def delete(self, name: str, uid: str) -> None:
        """Delete it and all that it owns."""
        with _translated(), suppress(NotFound, Conflict):
            self._client.delete(self._path(name), uid=uid)

    def _path(self, name: str = "") -> str:
        return in_namespace(self._prefix, self.namespace, self._kind, name)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what a store has no answer to into the errors that stores may raise."""
    try:
        yield
    except EngineUnavailable as error:
        raise StoreUnavailable(error.message, hint=error.hint) from error
    except BodyworkError as error:
        raise StoreFull(error.message, hint=error.hint) from error
