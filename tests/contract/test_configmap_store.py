"""The shipped contract suite, held against ConfigMaps behind an API server in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster.client import Client
from bodywork.cluster.objects import ClusterObjects
from statemachine.errors import CheckpointConflict, Fenced, StoreUnavailable
from statemachine.store import CheckpointStore
from statemachine.stores.configmap import TOUCHED, ConfigMapStore
from statemachine.testing.stores import StoreContract, later, sample
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


MAP = "/api/v1/namespaces/space/configmaps/m-1"
TOUCHES: dict[str, dict[str, Any]] = {
    "annotation": {"metadata": {"annotations": {"backup.example/seen": "yes"}}},
    "label": {"metadata": {"labels": {"team": "blue"}}},
    "finalizer": {"metadata": {"finalizers": ["example.org/keep"]}},
}


class Touched(ClusterObjects):
    """ConfigMaps that other people touch right before they are replaced."""

    def __init__(self, client: Client, touch: Callable[[], None], times: int) -> None:
        super().__init__(client, "space", "api/v1", "configmaps")
        self._touch = touch
        self._times = times

    def replace(self, name: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if self._times:
            self._times -= 1
            self._touch()
        return super().replace(name, body)


@pytest.mark.parametrize("seal", [False, True])
@pytest.mark.parametrize("times", [0, 1, TOUCHED - 1])
@pytest.mark.parametrize("touch", TOUCHES)
def test_what_others_put_beside_a_record_is_no_other_writer(
    client: Client, touch: str, times: int, seal: bool
) -> None:
    def act() -> None:
        client.patch(MAP, {**TOUCHES[touch], "spec": {"touched": client.get(MAP)["metadata"]}})

    store = ConfigMapStore(Touched(client, act, times), LABELS)
    created = store.create(sample())
    client.patch(MAP, TOUCHES[touch])
    saved = store.save(later(sample()), created.version, seal=seal)
    assert store.load("m-1") == saved
    found = client.get(MAP)
    ((key, value),) = TOUCHES[touch]["metadata"].items()
    if isinstance(value, dict):
        assert value.items() <= found["metadata"][key].items()
    else:
        assert found["metadata"][key] == value
    assert bool(found.get("immutable")) == seal


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_touch_does_not_hide_another_writer(client: Client, epoch: int) -> None:
    mine, theirs = (
        ConfigMapStore(ClusterObjects(client, "space", "api/v1", "configmaps"), LABELS)
        for _ in range(2)
    )
    created = mine.create(sample())
    client.patch(MAP, TOUCHES["label"])
    loaded = theirs.load("m-1")
    assert loaded.version == created.version
    saved = theirs.save(later(sample(), writer="w2", epoch=epoch), loaded.version)
    client.patch(MAP, TOUCHES["annotation"])
    with pytest.raises(Fenced if epoch > 1 else CheckpointConflict):
        mine.save(later(sample()), created.version)
    assert mine.load("m-1") == saved


def test_a_record_that_never_rests_is_no_reason_to_wait_for_ever(client: Client) -> None:
    def act() -> None:
        client.patch(MAP, {"spec": {"touched": client.get(MAP)["metadata"]}})

    store = ConfigMapStore(Touched(client, act, 10**6), LABELS)
    created = store.create(sample())
    with pytest.raises(StoreUnavailable):
        store.save(later(sample()), created.version)
    assert store.load("m-1") == created
