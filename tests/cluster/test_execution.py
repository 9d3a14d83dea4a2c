"""Stages in containers of a real node, held to the contract of what a script meets."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.cluster import paths
from bodywork.cluster.client import Client
from bodywork.cluster.engine import KubernetesEngine
from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.run import Checkout, Phase, StageRun
from bodywork.model.stage import Batch, Stage
from tests.cluster.projects import BATCH
from tests.cluster.site import Cluster, Site
from tests.contract.execution import Bench, ExecutionContract, Outcome
from tests.contract.scripts import ALL, LONG_LINE, Script

RUN, PROJECT, COMMIT = RunName("run-1"), ProjectName("odd"), "c" * 40


class ClusterBench(Bench):
    """A namespace with a run's record in it, and one project of all scripts."""

    short_seconds = 30

    def __init__(self, site: Site) -> None:
        self.namespace = Namespace(site.namespace)
        self.image = site.cluster.image
        self.seen: dict[str, Outcome] = {}
        self._client = Client.connect(kubeconfig=site.kubeconfig)
        record = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": RUN}}
        made = self._client.create(paths.config_maps(self.namespace), record)
        uid = made["metadata"]["uid"]
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": str(RUN), "uid": str(uid)}
        self._engine = KubernetesEngine(self._client, self.namespace, owner_of=lambda run: owner)
        scripts = (*ALL, LONG_LINE)
        self._engine.publish_source(RUN, lay_out(site.folder / "checkout", scripts, self.image))

    def outcome(self, script: Script) -> Outcome:
        """Run it, unless it has run: the tests of this file are spread over several processes."""
        if script.name not in self.seen:
            self.seen[script.name] = self._run(script)
        return self.seen[script.name]

    def close(self) -> None:
        self._engine.close()
        self._client.close()

    def _run(self, script: Script) -> Outcome:
        attempt = StageRun(self.namespace, PROJECT, RUN, StageName(script.name), 1)
        stage = Stage(attempt.stage, Batch(self.seconds(script), 0), "main.py", script.args)
        self._engine.ensure_job(attempt, stage, COMMIT, self.image)
        while not (ended := self._engine.observe_job(attempt)).phase.ended:
            self._engine.wait([attempt], None)
        assert (ended.phase is Phase.SUCCEEDED) == (script.exit_code == 0), ended
        lines = tuple(line.text for line in self._engine.read_log(attempt, follow=True))
        return Outcome(ended.exit_code, ended.reason, lines)


def lay_out(folder: Path, scripts: tuple[Script, ...], image: str) -> Checkout:
    """Lay out the project of the scripts; their time limits are given to the engine."""
    for script in scripts:
        stage = folder / script.name
        stage.mkdir(parents=True)
        (stage / "main.py").write_text(script.code)
        (stage / "config.ini").write_text(config_of(script))
        (stage / "requirements.txt").touch()
    settings = f"[default]\nPROJECT_NAME={PROJECT}\nDOCKER_IMAGE={image}\n"
    dag = " >> ".join(script.name for script in scripts)
    (folder / "bodywork.ini").write_text(f"{settings}[workflow]\nDAG={dag}\n")
    return Checkout(folder.as_uri(), "main", COMMIT, folder, {}, local=True)


def config_of(script: Script) -> str:
    """Return a stage's config.ini."""
    config = BATCH.format(seconds=60, retries=0)
    name = 'EXECUTABLE_SCRIPT="main.py"\n'
    arguments = f"ARGS={shlex.join(script.args)}\n" if script.args else ""
    return config.replace(name, name + arguments)


@pytest.fixture(scope="module")
def node(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterBench]:
    if not cluster.node:
        pytest.skip("needs root: the test cluster's node; else --cluster=existing")
    site = Site(cluster, tmp_path_factory.mktemp("execution"))
    bench = ClusterBench(site)
    yield bench
    bench.close()
    site.close()


class TestContainer(ExecutionContract):
    @pytest.fixture
    def bench(self, node: ClusterBench) -> Bench:
        return node
