"""Sources of runs: whoever publishes, however late, mixes nothing and takes nothing away."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster.client import Client
from bodywork.cluster.manifests import StageSource
from bodywork.cluster.sources import Sources
from bodywork.errors import EngineError, SourceLost
from bodywork.model.names import Namespace, RunName
from bodywork.model.run import Checkout
from bodywork.stage import UnpackedSource
from statemachine.retries import ONCE
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, api_server

MAPS = "/api/v1/namespaces/shop/configmaps"
RUN = RunName("run-1")
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as served:
        yield served


class Desk:
    """The sources as several controllers see them."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        path = write_kubeconfig(folder, server.url)
        self.client = Client.connect(kubeconfig=str(path), policy=ONCE)

    def sources(self, record: str = "uid-of-run-1") -> Sources:
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": RUN, "uid": record}
        return Sources(self.client, Namespace("shop"), lambda run: owner)

    def checkout(self, commit: str, *, local: bool) -> Checkout:
        folder = self.folder / commit
        folder.mkdir(exist_ok=True)
        (folder / "main.py").write_text(f"print({commit!r})")
        return Checkout("repository", "main", commit, folder, {}, local=local)

    def names(self) -> list[str]:
        return sorted(each["metadata"]["name"] for each in self.server.objects.list(MAPS, {})[0])

    def state(self) -> list[tuple[str, Any]]:
        found = self.server.objects.list(MAPS, {})[0]
        return sorted((each["metadata"]["name"], each["metadata"]) for each in found)

    def unpacked(self, source: StageSource, commit: str) -> str:
        """Return the script as a stage's pod finds it."""
        mount = self.folder / "mount"
        mount.mkdir(exist_ok=True)
        for name in source.chunks:
            for key, value in self.server.objects.get(MAPS, name)["binaryData"].items():
                (mount / key).write_bytes(base64.b64decode(value))
        with UnpackedSource(mount, source.digest).checkout("r", "main", commit, say=print) as found:
            return (found.folder / "main.py").read_text()


@pytest.fixture
def desk(server: ApiServer, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(server, tmp_path)
    yield desk
    desk.client.close()


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_two_commits_of_a_run_stay_apart(desk: Desk, local: bool, late: bool) -> None:
    first, second = desk.sources(), desk.sources()
    for each, commit in [(second, NEW), (first, OLD)] if late else [(first, OLD), (second, NEW)]:
        each.publish(RUN, desk.checkout(commit, local=local))
    for reader in (second, desk.sources()):
        for commit in (NEW, OLD, NEW):
            source = reader.of(RUN, commit)
            assert source.commit == commit
            if local:
                assert desk.unpacked(source, commit) == f"print({commit!r})"


def test_publishing_twice_makes_nothing_new(desk: Desk) -> None:
    desk.sources().publish(RUN, desk.checkout(OLD, local=True))
    before = desk.names()
    desk.sources().publish(RUN, desk.checkout(OLD, local=True))
    assert desk.names() == before


def test_a_source_of_another_commit_is_not_taken(desk: Desk) -> None:
    desk.sources().publish(RUN, desk.checkout(OLD, local=False))
    with pytest.raises(SourceLost):
        desk.sources().of(RUN, NEW)


@pytest.mark.parametrize("commit", [OLD, NEW])
def test_the_source_of_an_earlier_version_counts_for_its_own_commit(
    desk: Desk, commit: str
) -> None:
    desk.sources().publish(RUN, desk.checkout(OLD, local=False))
    [name] = desk.names()
    index = desk.server.objects.get(MAPS, name)
    desk.server.objects.delete(MAPS, name, {})
    index["metadata"] |= {"name": "run-1-source", "resourceVersion": ""}
    desk.server.objects.create(MAPS, index)
    if commit == OLD:
        assert desk.sources().of(RUN, OLD).commit == OLD
    else:
        with pytest.raises(SourceLost):
            desk.sources().of(RUN, NEW)


@pytest.mark.parametrize("local", [False, True])
def test_a_late_release_takes_nothing_from_a_later_run_of_the_same_name(
    desk: Desk, local: bool
) -> None:
    late, later = desk.sources("uid-of-run-1"), desk.sources("uid-of-another")
    later.publish(RUN, desk.checkout(OLD, local=local))
    before = desk.names()
    late.release(RUN)
    assert desk.names() == before
    later.release(RUN)
    assert desk.names() == [f"run-1-source-{OLD[:12]}"]
    later.forget(RUN)
    assert desk.names() == []


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("published", [False, True])
def test_nothing_is_published_after_the_release(desk: Desk, local: bool, published: bool) -> None:
    late, ender = desk.sources(), desk.sources()
    if published:
        desk.sources().publish(RUN, desk.checkout(OLD, local=local))
    ender.release(RUN, OLD)
    ender.release(RUN, OLD)
    before = desk.state()
    assert [name for name, _ in before] == [f"run-1-source-{OLD[:12]}"]
    with pytest.raises(EngineError, match="only has to end"):
        late.publish(RUN, desk.checkout(OLD, local=local))
    assert desk.state() == before
    with pytest.raises(SourceLost):
        late.of(RUN, OLD)
