"""Namespaces of a cluster: a typo shows what exists; what nothing enforces is said."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bodywork.cli.cluster_place import describe_run
from bodywork.cluster.restricted import ENFORCE
from tests.bodywork.cli.conftest import CommandLine, Said
from tests.bodywork.workflow.harness import PIPELINE, Office, Repository
from tests.fakes.engine import FAILED
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, api_server

NAMESPACES = "/api/v1/namespaces"
Run = Callable[..., Said]


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as served:
        for name in ("default", "kube-system", "nc-slow"):
            served.objects.create(NAMESPACES, {"metadata": {"name": name}})
        yield served


@pytest.fixture
def run(bodywork: CommandLine, server: ApiServer, tmp_path: Path) -> Run:
    kubeconfig = write_kubeconfig(tmp_path, server.url)

    def on_cluster(*words: str) -> Said:
        return bodywork(*words, "--engine=kubernetes", f"--kubeconfig={kubeconfig}")

    return on_cluster


def test_a_typo_in_a_namespace_shows_those_of_the_cluster(run: Run, server: ApiServer) -> None:
    said = run("status", "-n", "nc-slwo")
    assert (said.code, said.err.splitlines()) == (
        2,
        [
            f"error: there is no namespace nc-slwo in the cluster at {server.url}",
            (
                "hint: did you mean nc-slow? there are: default, nc-slow; "
                "make it: bodywork setup-namespace nc-slwo"
            ),
        ],
    )


def test_a_namespace_that_was_there_and_enforces_nothing_is_left_so_and_told(
    run: Run, server: ApiServer
) -> None:
    note = (
        "note: namespace=nc-slow enforces no Pod Security level; to have it enforce the one that "
        f"stages keep to: kubectl label namespace nc-slow {ENFORCE}=restricted"
    )
    for _ in range(2):
        said = run("setup-namespace", "nc-slow")
        assert said.err.splitlines() == [note]
    assert "labels" not in server.objects.get(NAMESPACES, "nc-slow")["metadata"]


def test_a_namespace_that_is_made_enforces_the_restricted_level(
    run: Run, server: ApiServer
) -> None:
    assert run("setup-namespace", "shop").err == ""
    assert server.objects.get(NAMESPACES, "shop")["metadata"]["labels"][ENFORCE] == "restricted"


@pytest.mark.parametrize(("fails", "step"), [("", "3"), ("a", "2"), ("prepare", "1")])
def test_the_step_that_an_ended_run_has_reached_can_be_read_by_kubectl(
    fails: str, step: str
) -> None:
    office = Office(Repository(c0=PIPELINE))
    if fails:
        office.world.outcomes[fails] = [FAILED]
    assert describe_run(office.run())["step"] == step


def test_a_run_that_has_not_begun_has_no_step() -> None:
    office = Office(Repository(c0=PIPELINE))
    assert describe_run(office.store.load(office.begin()).checkpoint)["step"] == ""
