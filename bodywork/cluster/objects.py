"""The cluster as the stores of `statemachine` want it: answers to judge instead of errors."""

from collections.abc import Mapping
from typing import Any

from bodywork.cluster.client import Client
from bodywork.cluster.errors import AlreadyExists, Conflict, Sealed
from bodywork.cluster.paths import in_namespace
from bodywork.errors import EngineUnavailable, NotFound
from statemachine.errors import StoreUnavailable

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
        try:
            return self._client.get(self._path(name))
        except NotFound:
            return None
        except EngineUnavailable as error:
            raise _unavailable(error) from error

    def list_all(self, labels: Mapping[str, str]) -> list[Found]:
        """Return all objects that bear these labels."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        try:
            return self._client.list_all(self._path(), label_selector=selector)[0]
        except EngineUnavailable as error:
            raise _unavailable(error) from error

    def create(self, body: Found) -> Found | None:
        """Create it; None where the name is taken."""
        try:
            return self._client.create(self._path(), body, sure=False)
        except AlreadyExists:
            return None
        except EngineUnavailable as error:
            raise _unavailable(error) from error

    def replace(self, name: str, body: Found) -> Found | None:
        """Replace the version that `body` bears; None where that is not there any more."""
        try:
            return self._client.replace(self._path(name), body)
        except (Conflict, NotFound, Sealed):
            return None
        except EngineUnavailable as error:
            raise _unavailable(error) from error

    def merge(self, name: str, body: Found) -> Found | None:
        """Merge into whatever version there is; None where there is none."""
        try:
            return self._client.patch(self._path(name), body)
        except NotFound:
            return None
        except EngineUnavailable as error:
            raise _unavailable(error) from error

    def delete(self, name: str, uid: str) -> None:
        """Delete it and all that it owns."""
        try:
            self._client.delete(self._path(name), uid=uid)
        except (NotFound, Conflict):
            return
        except EngineUnavailable as error:
            raise _unavailable(error) from error

    def _path(self, name: str = "") -> str:
        return in_namespace(self._prefix, self.namespace, self._kind, name)


def _unavailable(error: EngineUnavailable) -> StoreUnavailable:
    return StoreUnavailable(error.message, hint=error.hint)
