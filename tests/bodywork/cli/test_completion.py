"""What a shell completes: names of what is there, quickly or not at all, and nothing else."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.cli import completing
from tests.bodywork.cli.conftest import CommandLine, Project
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, api_server
from tests.support.completing import completed as answered

SERVE = """
import http.server
http.server.HTTPServer(("0.0.0.0", 5000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def completed(*words: str) -> list[str]:
    return answered(list(words), os.environ)


@pytest.fixture
def ran(bodywork: CommandLine, shop: Project) -> Iterator[str]:
    """A run of two stages in namespace default, and one with a service in namespace other."""
    assert bodywork("workflow", shop.url, "main").code == 0
    run = bodywork.newest()
    bodywork("setup-namespace", "other")
    bodywork("secret", "create", "-n", "other", "--name=store", "--data", "A=1")
    shop.dag("serve")
    shop.service("serve", SERVE)
    shop.commit()
    assert bodywork("workflow", "-n", "other", shop.url, "main").code == 0
    yield run
    bodywork("service", "delete", "-n", "other", "--name=shop--serve")


def test_names_of_this_machine_are_completed(ran: str) -> None:
    for command in (["status"], ["logs"], ["cancel"], ["workflow", "--resume", "--run"]):
        assert completed(*command, "") == ["latest", ran]
        assert completed(*command, "shop-2") == [ran]
    assert completed("logs", ran, "") == ["one", "two"]
    assert completed("logs", "latest", "t") == ["two"]
    assert completed("workflow", "--resume", "--from", "") == ["one", "two"]
    assert completed("status", "-n", "") == ["default", "other"]
    assert completed("service", "delete", "-n", "other", "--name", "") == ["shop--serve"]
    assert completed("secret", "display", "-n", "other", "--name", "s") == ["store"]
    assert completed("service", "delete", "--name", "") == []
    assert completed("cronjob", "display", "--name", "") == []


def test_nothing_is_made_by_completing(home: Path) -> None:
    assert completed("status", "-n", "nowhere", "") == []
    assert completed("logs", "no-such-run", "") == []
    assert not home.exists()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    monkeypatch.setenv("BODYWORK_ENGINE", "kubernetes")
    with api_server() as server:
        monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path, server.url)))
        for name in ("shop", "other"):
            server.objects.create("/api/v1/namespaces", {"metadata": {"name": name}})
        path = "/api/v1/namespaces/shop/secrets"
        body = {
            "metadata": {"name": "store", "labels": {"app.kubernetes.io/managed-by": "bodywork"}}
        }
        server.objects.create(path, body)
        yield server


def test_names_of_a_cluster_are_completed(home: Path, cluster: ApiServer) -> None:
    assert completed("status", "-n", "") == ["other", "shop"]
    assert completed("secret", "display", "-n", "shop", "--name", "") == ["store"]
    assert completed("status", "-n", "shop", "") == []


@pytest.mark.parametrize("kubeconfig", ["missing", "broken", "refused"])
def test_a_cluster_that_fails_is_silent(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kubeconfig: str
) -> None:
    monkeypatch.setenv("BODYWORK_ENGINE", "kubernetes")
    path = write_kubeconfig(tmp_path, "http://127.0.0.1:9")
    if kubeconfig == "missing":
        path.unlink()
    if kubeconfig == "broken":
        path.write_text("{")
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert completed("status", "-n", "") == []


def test_a_cluster_that_does_not_answer_is_not_waited_for(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completing, "LIMIT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        path = write_kubeconfig(tmp_path, f"http://{host}:{port}")
        monkeypatch.setenv("KUBECONFIG", str(path))
        assert completing.find_names("namespace", {"engine": "kubernetes"}) == []


def test_the_options_of_the_command_line_choose_the_cluster(
    home: Path, cluster: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = os.environ["KUBECONFIG"]
    monkeypatch.setenv("BODYWORK_ENGINE", "local")
    monkeypatch.delenv("KUBECONFIG")
    words = ["status", "--engine", "kubernetes", "--kubeconfig", kubeconfig, "-n", ""]
    assert completed(*words) == ["other", "shop"]


def test_zsh_completes_without_any_setting_of_its_own(home: Path, ran: str, tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "bodywork"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bodywork "$@"\n')
    program.chmod(0o755)
    script = """
eval "$(bodywork completion zsh)"
print -r -- "registered: ${_comps[bodywork]}"
words=(bodywork logs "") CURRENT=3
compadd() { print -r -- "offered: ${completions}"; }
_bodywork_completion
"""
    environ = {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "ZDOTDIR": str(tmp_path),
    }
    done = subprocess.run(
        ["zsh", "-f", "-c", script], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "registered: _bodywork_completion"
    assert lines[1] == f"offered: latest {ran}"


def test_the_script_for_a_folder_of_zsh_begins_as_zsh_wants_it(bodywork: CommandLine) -> None:
    assert bodywork("completion", "zsh").out.startswith("#compdef bodywork\n")
