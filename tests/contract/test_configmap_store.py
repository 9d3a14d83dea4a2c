"""The shipped contract suite, held against ConfigMaps behind an API server in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.cluster.client import Client
from bodywork.cluster.objects import ClusterObjects
from statemachine.store import CheckpointStore
from statemachine.stores.configmap import ConfigMapStore
from statemachine.testing.stores import StoreContract
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import api_server

LABELS = {"app.kubernetes.io/managed-by": "tests"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with api_server() as server:
        client = Client.connect(kubeconfig=str(write_kubeconfig(tmp_path, server.url)))
        yield client
        client.close()


class TestConfigMapStore(StoreContract):
    @pytest.fixture
    def store(self, client: Client) -> CheckpointStore:
        return ConfigMapStore(ClusterObjects(client, "space", "api/v1", "configmaps"), LABELS)


class TestConfigMapStoreOfManyProcesses(StoreContract):
    """Each call on a new object, so that nothing is remembered from one call to the next."""

    @pytest.fixture
    def store(self, client: Client) -> CheckpointStore:
        return _Forgetful(ClusterObjects(client, "space", "api/v1", "configmaps"), LABELS)


class _Forgetful(ConfigMapStore):
    def __getattribute__(self, name: str) -> object:
        if name in ("create", "load", "save", "delete", "list"):
            fresh = ConfigMapStore(object.__getattribute__(self, "_objects"), LABELS)
            return getattr(fresh, name)
        return super().__getattribute__(name)
