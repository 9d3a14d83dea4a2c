"""Deleting a service, while the cluster's garbage collector or another user deletes it as well."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster import labels
from bodywork.cluster.administration import ClusterAdministration
from bodywork.cluster.client import Client
from bodywork.errors import NotFound
from bodywork.model.names import Namespace
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_answers import Request
from tests.servers.kubernetes_api import ApiServer, api_server

SPACE = Namespace("shop")
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
SERVICES = "/api/v1/namespaces/shop/services"
NAME = "shop--serve"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as server:
        for path in (DEPLOYMENTS, SERVICES):
            server.objects.create(path, ours(NAME))
        yield server


@pytest.fixture
def administration(server: ApiServer, tmp_path: Path) -> Iterator[ClusterAdministration]:
    path = str(write_kubeconfig(tmp_path, server.url))
    client = Client.connect(kubeconfig=path, time_outs=server.time_outs)
    yield ClusterAdministration(client)
    client.close()


def ours(name: str) -> dict[str, Any]:
    marks = {labels.MANAGED_BY: labels.BODYWORK, labels.STAGE: "serve"}
    return {"metadata": {"name": name, "namespace": str(SPACE), "labels": marks}}


def left(server: ApiServer) -> list[str]:
    return [path for path, _ in server.objects.kept]


def vanish(server: ApiServer, *paths: str) -> None:
    for path in paths:
        if (path, NAME) in server.objects.kept:
            server.objects.delete(path, NAME, {})


@pytest.mark.parametrize("vanishes", [(SERVICES,), (DEPLOYMENTS, SERVICES)], ids=["one", "both"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", DEPLOYMENTS), ("GET", SERVICES), ("DELETE", SERVICES)],
    ids=lambda each: each.rpartition("/")[2],
)
def test_what_others_delete_meanwhile_is_deleted(
    server: ApiServer,
    administration: ClusterAdministration,
    method: str,
    path: str,
    vanishes: tuple[str, ...],
) -> None:
    met: list[str] = []

    def gate(asked: Request) -> None:
        if asked.method == method and asked.path.startswith(path) and not met:
            met.append(asked.path)
            vanish(server, *vanishes)

    server.gate = gate
    administration.delete_service(SPACE, NAME)
    assert met
    assert left(server) == []


def test_a_service_that_was_never_there_is_an_error(
    server: ApiServer, administration: ClusterAdministration
) -> None:
    with pytest.raises(NotFound, match="there is no service shop--other in namespace shop"):
        administration.delete_service(SPACE, "shop--other")
    assert sorted(left(server)) == sorted([DEPLOYMENTS, SERVICES])
