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
        pytest.skip("needs root: the test cluster's node; else --cluster=existing")
    _cluster("up")
    told = dict(line.split(maxsplit=1) for line in _cluster("status").splitlines()[:1])
    assert told["tier"] == "node"
    state = Path(_cluster("up").partition("KUBECONFIG=")[2].strip()).parent
    image = _cluster("image").strip()
    cache = os.environ.get("BODYWORK_TEST_CACHE") or Path.home() / ".cache" / "bodywork-tests"
    audit = state / "log" / "audit.log"
    return Cluster(str(state / "admin.conf"), audit, image, authority=Path(cache, "authority"))


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
