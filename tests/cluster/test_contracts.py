"""The contracts of stores and of the API server's semantics, on a real API server.

Under the rights that people have: what a store needs, the shipped Role grants.
"""

from collections.abc import Iterator

import pytest

from bodywork.cluster.client import Client
from bodywork.cluster.objects import ClusterObjects
from statemachine.store import CheckpointStore
from statemachine.stores.configmap import ConfigMapStore
from statemachine.testing.stores import StoreContract
from tests.cluster.site import Site
from tests.contract.kubernetes_api import ApiContract

LABELS = {"app.kubernetes.io/managed-by": "tests"}


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    client = Client.connect(kubeconfig=site.kubeconfig)
    yield client
    client.close()


@pytest.fixture
def space(site: Site) -> str:
    return site.namespace


class TestRealServer(ApiContract):
    pass


class TestConfigMapStore(StoreContract):
    @pytest.fixture
    def store(self, client: Client, space: str) -> CheckpointStore:
        return ConfigMapStore(ClusterObjects(client, space, "api/v1", "configmaps"), LABELS)
