"""The contracts of stores and of the API server's semantics, on a real API server."""

from collections.abc import Iterator

import pytest

from bodywork.cluster.client import Client
from bodywork.cluster.objects import ClusterObjects
from statemachine.store import CheckpointStore
from statemachine.stores.configmap import ConfigMapStore
from statemachine.testing.stores import StoreContract
from tests.cluster.site import Site
from tests.contract.kubernetes_api import ApiContract

pytestmark = pytest.mark.control_plane
LABELS = {"app.kubernetes.io/managed-by": "tests"}


@pytest.fixture
def space(site: Site) -> str:
    return site.namespace


class TestRealServer(ApiContract):
    @pytest.fixture
    def client(self, site: Site) -> Iterator[Client]:
        client = Client.connect(kubeconfig=site.cluster.kubeconfig)
        yield client
        client.close()


class TestConfigMapStore(StoreContract):
    """Under the rights that a controller has: what a store needs, the shipped Role grants."""

    @pytest.fixture
    def store(self, site: Site) -> Iterator[CheckpointStore]:
        client = Client.connect(kubeconfig=site.kubeconfig)
        objects = ClusterObjects(client, site.namespace, "api/v1", "configmaps")
        yield ConfigMapStore(objects, LABELS)
        client.close()
