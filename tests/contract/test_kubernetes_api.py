"""The small API server of the tests is held to what is asked of a real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.cluster.client import Client
from tests.contract.kubernetes_api import ApiContract
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import api_server


class TestSmallServer(ApiContract):
    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[Client]:
        with api_server() as server:
            client = Client.connect(kubeconfig=str(write_kubeconfig(tmp_path, server.url)))
            yield client
            client.close()

    @pytest.fixture
    def space(self) -> str:
        return "space"
