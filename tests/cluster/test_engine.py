"""The Kubernetes engine, held to the contract of engines on a real node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.cluster import paths
from bodywork.cluster.client import Client
from bodywork.cluster.engine import KubernetesEngine
from bodywork.model.names import Namespace, RunName
from bodywork.model.run import Checkout
from bodywork.ports import Engine
from tests.cluster.projects import BATCH, SERVICE
from tests.cluster.site import Site
from tests.contract.engines import COMMIT, PROJECT, RUN, SCRIPTS, EngineContract, Lab

SERVICES = ("serve", "broken")


class ClusterLab:
    """A namespace with a run's record in it, and its project as a snapshot."""

    address = ""

    def __init__(self, site: Site) -> None:
        self.namespace = Namespace(site.namespace)
        self.image = site.cluster.image
        self._client = Client.connect(kubeconfig=site.kubeconfig)
        self._engines: list[KubernetesEngine] = []
        record = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": RUN}}
        made = self._client.create(paths.config_maps(self.namespace), record)
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": RUN}
        self._owner = {**owner, "uid": made["metadata"]["uid"]}
        self._folder = site.folder
        self.publish(RUN)

    def publish(self, run: RunName) -> None:
        checkout = make_checkout(self._folder / f"checkout-{run}", self.image)
        self.engine().publish_source(run, checkout)

    def engine(self) -> Engine:
        engine = KubernetesEngine(self._client, self.namespace, owner_of=lambda run: self._owner)
        self._engines.append(engine)
        return engine

    def close(self) -> None:
        for engine in self._engines:
            engine.close()
        self._client.close()


def make_checkout(folder: Path, image: str) -> Checkout:
    """Lay out the project of the contract."""
    for name, script in SCRIPTS.items():
        config = BATCH.format(seconds=60, retries=0)
        if name in SERVICES:
            config = SERVICE.format(seconds=20, replicas=1, port=5000)
        stage = folder / name
        stage.mkdir(parents=True)
        (stage / "main.py").write_text(script)
        (stage / "config.ini").write_text(config)
        (stage / "requirements.txt").touch()
    settings = f"[default]\nPROJECT_NAME={PROJECT}\nDOCKER_IMAGE={image}\n"
    dag = " >> ".join(SCRIPTS)
    (folder / "bodywork.ini").write_text(f"{settings}[workflow]\nDAG={dag}\n")
    return Checkout(folder.as_uri(), "main", COMMIT, folder, {}, local=True)


class TestKubernetesEngine(EngineContract):
    @pytest.fixture
    def lab(self, site: Site) -> Iterator[Lab]:
        lab = ClusterLab(site)
        yield lab
        lab.close()
