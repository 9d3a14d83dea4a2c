"""One cluster for the whole session and all its workers; a namespace of its own for each test.

In this order: the one that KUBECONFIG names, with `--cluster=existing`; else one that
`scripts/cluster` starts on this machine, which stays until `scripts/cluster down`.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.own import start_control_plane, start_node
from tests.cluster.projects import Project
from tests.cluster.site import Cluster, Site
from tests.servers.secure_http import HttpsServer, https_server


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    if request.config.getoption("--cluster") == "existing":
        kubeconfig = os.environ.get("KUBECONFIG", "")
        assert kubeconfig, "--cluster=existing needs KUBECONFIG"
        image = os.environ.get("BODYWORK_TEST_IMAGE", "")
        assert image, "--cluster=existing needs BODYWORK_TEST_IMAGE: this project's, for pods"
        return Cluster(kubeconfig, None, image)
    if sys.platform != "linux":
        pytest.skip("Linux only: the test cluster's node; else --cluster=existing")
    if os.getuid() != 0:
        return _control_plane()
    return start_node()


def _control_plane() -> Cluster:
    """Start what needs no root: the API server and its controllers, without a node."""
    try:
        return start_control_plane()
    except AssertionError as error:
        pytest.skip(f"needs root, or what the message above asks to install: {error}")


@pytest.fixture(autouse=True)
def _enough(request: pytest.FixtureRequest) -> None:
    """Skip what needs a node where there is none."""
    if "cluster" not in request.fixturenames:
        return
    without = request.node.get_closest_marker("control_plane")
    if without is None and not request.getfixturevalue("cluster").node:
        pytest.skip("needs root: the test cluster's node; else --cluster=existing")


@pytest.fixture
def site(cluster: Cluster, tmp_path: Path) -> Iterator[Site]:
    site = Site(cluster, tmp_path)
    yield site
    site.close()


@pytest.fixture
def project(cluster: Cluster, tmp_path: Path) -> Callable[..., Project]:
    def make(dag: str, name: str = "shop") -> Project:
        return Project(tmp_path / "repositories" / name, cluster.image, dag, name)

    return make


@pytest.fixture
def server(site: Site, tmp_path: Path) -> Iterator[HttpsServer]:
    """A Git server that pods reach and trust; it serves the projects of `project`."""
    authority = site.cluster.trusted_authority()
    certificates = tmp_path / "certificates"
    repositories = tmp_path / "repositories"
    with https_server(repositories, certificates, site.cluster.gateway, authority) as server:
        yield server
