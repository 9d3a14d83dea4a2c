"""One cluster for the whole session and all its workers; a namespace of its own for each test.

In this order: the one that KUBECONFIG names, with `--cluster=existing`; else one that
`scripts/cluster` starts on this machine, which stays until `scripts/cluster down`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.projects import Project
from tests.cluster.site import ROOT, Cluster, Site
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
    _cluster("up")
    cache = os.environ.get("BODYWORK_TEST_CACHE") or Path.home() / ".cache" / "bodywork-tests"
    state = _state()
    return Cluster(
        str(state / "admin.conf"),
        state / "log" / "audit.log",
        _cluster("image").strip(),
        authority=Path(cache, "authority"),
    )


def _control_plane() -> Cluster:
    """Start what needs no root: the API server and its controllers, without a node."""
    try:
        _cluster("up", "--control-plane")
    except AssertionError as error:
        pytest.skip(f"needs root, or what the message above asks to install: {error}")
    state = _state()
    return Cluster(str(state / "admin.conf"), state / "log" / "audit.log", "no-image", node=False)


@pytest.fixture(autouse=True)
def _enough(request: pytest.FixtureRequest) -> None:
    """Skip what needs a node where there is none."""
    if "cluster" not in request.fixturenames:
        return
    without = request.node.get_closest_marker("control_plane")
    if without is None and not request.getfixturevalue("cluster").node:
        pytest.skip("needs root: the test cluster's node; else --cluster=existing")


def _state() -> Path:
    """Return the folder of the cluster that runs."""
    told = dict(line.split(maxsplit=1) for line in _cluster("status").splitlines()[:2])
    return Path(told["kubeconfig"]).parent


def _cluster(*arguments: str) -> str:
    """Run scripts/cluster; what it says while it works is for whoever watches the tests."""
    done = subprocess.run(
        [str(ROOT / "scripts" / "cluster"), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=3000,
    )
    assert done.returncode == 0, f"scripts/cluster {' '.join(arguments)} failed"
    return done.stdout


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
