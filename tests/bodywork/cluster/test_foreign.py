"""What carries a name of ours and is not ours is an error: it is neither adopted nor changed."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster import labels
from bodywork.cluster.client import Client
from bodywork.cluster.engine import KubernetesEngine
from bodywork.cluster.labels import Foreign
from bodywork.model.names import Namespace, ProjectName, RunName, StageName, job_name
from bodywork.model.repository import Deployer
from bodywork.model.run import Checkout, Claim, StageRun
from statemachine.retries import ONCE
from tests.bodywork.workflow.harness import batch, service
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, api_server

NAMESPACE = Namespace("shop")
RUN = RunName("run-1")
COMMIT = "a" * 40
TRAIN = StageRun(NAMESPACE, ProjectName("shop"), RUN, StageName("train"), 1)
SERVE = StageRun(NAMESPACE, ProjectName("shop"), RUN, StageName("serve"), 1)
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": RUN, "uid": "uid-of-run-1"}

JOBS, JOB = "/apis/batch/v1/namespaces/shop/jobs", job_name(RUN, "shop", "train", 1)
MAPS, SOURCE = "/api/v1/namespaces/shop/configmaps", f"{RUN}-source-{COMMIT[:12]}"
DEPLOYMENTS, SERVICES = (
    "/apis/apps/v1/namespaces/shop/deployments",
    "/api/v1/namespaces/shop/services",
)
NAME = "shop--serve"

MARKS: dict[str, dict[str, str]] = {
    "nobody's": {},
    "another program's": {labels.MANAGED_BY: "another"},
    "another project's": {
        labels.MANAGED_BY: labels.BODYWORK,
        labels.PROJECT: "another",
        labels.STAGE: "another",
        labels.RUN: "another",
    },
}


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as served:
        yield served


@pytest.fixture
def engine(server: ApiServer, tmp_path: Path) -> Iterator[KubernetesEngine]:
    path = write_kubeconfig(tmp_path, server.url)
    client = Client.connect(kubeconfig=str(path), policy=ONCE)
    engine = KubernetesEngine(client, NAMESPACE, owner_of=lambda run: OWNER)
    yield engine
    engine.close()
    client.close()


def publish(engine: KubernetesEngine, folder: Path) -> None:
    checkout = Checkout("https://git.example/shop", "main", COMMIT, folder, {})
    engine.publish_source(RUN, checkout)


def claim(engine: KubernetesEngine) -> Claim:
    answer = engine.claim_service(SERVE, "image", Deployer("git.example/shop"), lambda run: False)
    assert isinstance(answer, Claim)
    return answer


def deploy(engine: KubernetesEngine) -> None:
    engine.ensure_version(SERVE, service("serve"), COMMIT, "image")


ACTS: dict[str, tuple[str, str, Callable[[KubernetesEngine], Any]]] = {
    "start of a Job": (
        JOBS,
        JOB,
        lambda engine: engine.ensure_job(TRAIN, batch("train"), COMMIT, "image"),
    ),
    "look at a Job": (JOBS, JOB, lambda engine: engine.observe_job(TRAIN)),
    "end of a Job": (JOBS, JOB, lambda engine: engine.stop_job(TRAIN)),
    "claim": (DEPLOYMENTS, NAME, claim),
    "claim given up": (DEPLOYMENTS, NAME, lambda engine: engine.abandon_claim(SERVE, "image")),
    "look at a version": (DEPLOYMENTS, NAME, lambda engine: engine.observe_version(SERVE)),
    "live version": (
        DEPLOYMENTS,
        NAME,
        lambda engine: engine.live_version(SERVE.project, SERVE.stage),
    ),
    "deployment": (SERVICES, NAME, deploy),
}


NO_CHUNKS = {"chunks": "[]"}


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("act", ACTS)
def test_it_is_refused_and_stays_as_it_is(
    act: str, mark: str, server: ApiServer, engine: KubernetesEngine, tmp_path: Path
) -> None:
    collection, name, call = ACTS[act]
    publish(engine, tmp_path)
    if act == "deployment":
        claim(engine)
    assert_refused(server, collection, name, MARKS[mark], lambda: call(engine))


@pytest.mark.parametrize("mark", MARKS)
def test_a_source_is_not_published_over_it(
    mark: str, server: ApiServer, engine: KubernetesEngine, tmp_path: Path
) -> None:
    assert_refused(server, MAPS, SOURCE, MARKS[mark], lambda: publish(engine, tmp_path))


def assert_refused(
    server: ApiServer, collection: str, name: str, borne: dict[str, str], act: Callable[[], Any]
) -> None:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": dict(borne)}
    empty = {"containers": [{"name": "x", "image": "x"}]}
    body = {
        "metadata": metadata,
        "spec": {
            "template": {"metadata": {"labels": dict(borne)}, "spec": empty},
            "ports": [{"port": 80}],
        },
        "data": dict.fromkeys(("repository", "reference", "commit", "digest"), "") | NO_CHUNKS,
    }
    server.objects.create(collection, body)
    before = copy.deepcopy(server.objects.get(collection, name))
    with pytest.raises(Foreign):
        act()
    assert server.objects.get(collection, name) == before
