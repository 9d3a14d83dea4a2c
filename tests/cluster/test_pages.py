"""The pages that promise the same on a cluster, run there as they are written."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.projects import Project
from tests.cluster.site import ROOT, Site
from tests.servers.secure_http import https_server
from tests.support.pages import Reader, Shell

pytestmark = pytest.mark.timeout(600)

TUTORIAL = ROOT / "docs" / "getting-started.md"
README = ROOT / "README.md"
NAMESPACE = "hello"


@pytest.fixture
def shell(site: Site, tmp_path: Path) -> Iterator[Shell]:
    """A shell of an administrator in whose PATH is Bodywork, with an empty home folder."""
    home = tmp_path / "home"
    home.mkdir()
    variables = site.environment(site.cluster.kubeconfig)
    path = f"{Path(sys.executable).parent}:{variables['PATH']}"
    own = {"HOME": str(home), "PATH": path, "USER": "ada", "LOGNAME": "ada"}
    shell = Shell(home, variables | own)
    yield shell
    shell.close()


@pytest.fixture
def namespace(site: Site) -> Iterator[str]:
    """The namespace that the tutorial names, which is gone before and afterwards."""
    remove(site, NAMESPACE)
    yield NAMESPACE
    remove(site, NAMESPACE)


def remove(site: Site, namespace: str) -> None:
    site.cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s")
    binding = f"bodywork-workflow-controller--{namespace}"
    site.cluster.kubectl("delete", "clusterrolebinding", binding, "--ignore-not-found")


def test_the_project_of_the_tutorial_works_on_a_cluster_unchanged(
    site: Site, shell: Shell, namespace: str
) -> None:
    replacements = {"registry.example/bodywork:1": site.cluster.image, "/home/ada": home(shell)}
    here = {**replacements, "in local namespace": "in kubernetes namespace"}
    reader = Reader(shell, here)
    shell.run(f"export BODYWORK_NAMESPACE={namespace}")
    reader.follow(TUTORIAL, "A project of three stages", "Commit it")
    assert reader.follow(TUTORIAL, "On a cluster") >= 6
    reader.follow(TUTORIAL, "Break it, mend it, resume", "A new version that fails")


def test_the_commands_of_the_readme_work_on_a_cluster(
    site: Site, shell: Shell, tmp_path: Path
) -> None:
    authority = site.cluster.trusted_authority()
    shop = Project(tmp_path / "repositories" / "shop", "", "train >> serve")
    shop.batch("train", "print('trained')")
    shop.service("serve")
    shop.commit()
    namespace = f"{site.namespace}-2"
    with https_server(
        tmp_path / "repositories", tmp_path / "certificates", site.cluster.gateway, authority
    ) as server:
        reader = Reader(
            shell,
            {
                "registry.example/bodywork:1": site.cluster.image,
                "https://github.com/me/project": server.url("shop/.git"),
                "my-project": namespace,
            },
        )
        shell.run(f"cd {shop.folder}")
        try:
            assert reader.follow(README, "On a cluster") >= 5
            code, shown = shell.run(f"bodywork status -n {namespace} -o json")
            assert (code, shown.count('"state": "succeeded"') > 0) == (0, True), shown
        finally:
            remove(site, namespace)


def home(shell: Shell) -> str:
    return shell.run("printf %s $HOME")[1]
