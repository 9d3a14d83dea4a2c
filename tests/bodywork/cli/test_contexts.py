"""--context and --kubeconfig choose the cluster of one command, and of all that it starts."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.cli import advice
from bodywork.cli.contexts import chosen_cluster
from bodywork.errors import UsageError
from tests.bodywork.cli.conftest import CommandLine
from tests.bodywork.cli.places import MemoryPlace
from tests.bodywork.workflow.harness import Office, Repository
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, api_server

SHOW = "import os; print(os.environ.get('KUBECONFIG'), os.environ.get('BODYWORK_CONTEXT'))"


@pytest.fixture
def servers(
    bodywork: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ApiServer, ApiServer]]:
    """Two clusters; nothing in the environment names one."""
    for name in ("BODYWORK_ENGINE", "KUBECONFIG", "BODYWORK_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    with api_server() as first, api_server() as second:
        for server, secret in ((first, "of-the-first"), (second, "of-the-second")):
            server.objects.create("/api/v1/namespaces", {"metadata": {"name": "shop"}})
            server.objects.create("/api/v1/namespaces/shop/secrets", {"metadata": {"name": secret}})
        yield first, second


def both(folder: Path, first: ApiServer, second: ApiServer) -> Path:
    """Write a kubeconfig whose current context is the first, and that has `other` as well."""
    path = write_kubeconfig(folder, first.url, namespace="shop")
    told = json.loads(path.read_text())
    told["clusters"].append({"name": "there", "cluster": {"server": second.url}})
    context = {"cluster": "there", "user": "me", "namespace": "shop"}
    told["contexts"].append({"name": "other", "context": context})
    path.write_text(json.dumps(told))
    return path


def test_a_kubeconfig_is_used_with_its_current_context(
    bodywork: CommandLine, servers: tuple[ApiServer, ApiServer], tmp_path: Path
) -> None:
    kubeconfig = both(tmp_path, *servers)
    said = bodywork("secret", "display", "--kubeconfig", str(kubeconfig))
    assert (said.code, "of-the-first" in said.out) == (0, True), said.err


def test_a_context_chooses_among_the_clusters_of_the_environment(
    bodywork: CommandLine,
    servers: tuple[ApiServer, ApiServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(both(tmp_path, *servers)))
    assert "of-the-second" in bodywork("secret", "display", "--context=other").out
    assert "of-the-first" in bodywork("secret", "display").out
    monkeypatch.setenv("BODYWORK_CONTEXT", "other")
    assert "of-the-first" in bodywork("secret", "display", "--context=here").out


def test_a_context_that_is_not_there_is_named_with_those_that_are(
    bodywork: CommandLine, servers: tuple[ApiServer, ApiServer], tmp_path: Path
) -> None:
    kubeconfig = both(tmp_path, *servers)
    said = bodywork("status", f"--kubeconfig={kubeconfig}", "--context=prod")
    assert said.code == 2
    assert "there is no context prod" in said.err
    assert "there are: here, other" in said.err
    near = bodywork("status", f"--kubeconfig={kubeconfig}", "--context=othr")
    assert "did you mean other?" in near.err


def test_a_kubeconfig_that_is_not_there_is_a_usage_error(bodywork: CommandLine) -> None:
    said = bodywork("status", "--engine=kubernetes", "--kubeconfig=no-such-file")
    assert said.code == 2
    assert "no-such-file" in said.err


@pytest.mark.parametrize("words", [["--context=prod"], ["--kubeconfig", __file__]])
@pytest.mark.parametrize("command", [["status"], ["secret", "display"], ["setup-namespace", "a"]])
def test_who_names_a_cluster_is_not_served_by_this_machine(
    bodywork: CommandLine, command: list[str], words: list[str]
) -> None:
    said = bodywork(*command, *words)  # BODYWORK_ENGINE=local
    assert said.code == 2
    assert words[0].partition("=")[0] in said.err
    assert "--engine kubernetes" in said.err


def test_what_the_environment_says_of_clusters_does_not_concern_this_machine(
    bodywork: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODYWORK_CONTEXT", "prod")
    monkeypatch.setenv("KUBECONFIG", "no-such-file")
    assert bodywork("status").code == 0


def test_what_the_command_starts_works_on_the_same_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with chosen_cluster("kubernetes", "other", "mine.conf"):
        seen = subprocess.run(
            [sys.executable, "-c", SHOW], cwd="/", capture_output=True, text=True, check=True
        )
    assert seen.stdout.split() == [str(tmp_path / "mine.conf"), "other"]


def test_the_choice_ends_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "earlier")
    monkeypatch.delenv("BODYWORK_CONTEXT", raising=False)
    with (
        pytest.raises(UsageError, match="on purpose"),
        chosen_cluster("kubernetes", "other", "mine.conf"),
    ):
        raise UsageError("on purpose")
    assert (os.environ["KUBECONFIG"], "BODYWORK_CONTEXT" in os.environ) == ("earlier", False)


def test_the_next_command_to_type_names_the_same_cluster() -> None:
    place = MemoryPlace(Office(Repository()))
    place.engine_name = "kubernetes"
    with chosen_cluster("kubernetes", "other", "my clusters.conf"):
        advised = advice.command(place, "status", environ={"BODYWORK_NAMESPACE": place.namespace})
    assert advised == "bodywork status --context=other '--kubeconfig=my clusters.conf'"
    advised = advice.command(place, "status", environ={"BODYWORK_NAMESPACE": place.namespace})
    assert advised == "bodywork status"
