"""What LOG_LEVEL=DEBUG adds, on both engines; and that no secret stands in it."""

import logging
import time
from pathlib import Path

import pytest

from bodywork.cli.logs import set_level
from bodywork.git.command import Git, build_environment
from tests.bodywork.cli.conftest import CommandLine, Project
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import api_server

PASSWORD = "s3cret-of-ada"


def test_a_run_on_this_machine_tells_its_saves_and_what_stages_run(
    bodywork: CommandLine, shop: Project
) -> None:
    shop.dag("one >> two", log_level="DEBUG")
    shop.commit()
    said = bodywork("workflow", shop.url, "main")
    records = [line for line in said.out.splitlines() if " - DEBUG - " in line]
    run = bodywork.newest()
    assert any(f"saved run={run} state=step-1-running sequence=" in line for line in records)
    assert any(f"saved run={run} state=succeeded" in line for line in records)
    [first] = [line for line in records if "stage=one attempt 1 runs `" in line]
    assert "bodywork.local" in first
    assert "main.py`; its environment is to be built" in first
    assert any("stage=two" in line and "its environment is there" in line for line in records)


def test_each_request_to_a_cluster_is_told_without_what_was_sent(
    bodywork: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with api_server() as server:
        kubeconfig = write_kubeconfig(tmp_path, server.url, user={"token": PASSWORD})
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        monkeypatch.setenv("BODYWORK_ENGINE", "kubernetes")
        server.objects.create("/api/v1/namespaces", {"metadata": {"name": "shop"}})
        with caplog.at_level(logging.DEBUG):
            set_level("DEBUG")
            words = ["-n", "shop", "--name=store", "--data", f"KEY={PASSWORD}"]
            assert bodywork("secret", "create", *words).code == 0
            assert bodywork("secret", "create", *words).code == 1
    told = [record.getMessage() for record in caplog.records if record.name == "bodywork.cluster"]
    post = "POST /api/v1/namespaces/shop/secrets: "
    assert [line.split(", ")[0] for line in told if line.startswith(post)] == [
        f"{post}201",
        f"{post}409",
    ]
    assert all(line.endswith(" ms") for line in told)
    assert PASSWORD not in caplog.text
    assert {record.name for record in caplog.records} == {"bodywork.cluster"}


def test_each_command_of_git_is_told_without_passwords(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    git = Git(tmp_path, build_environment({"PATH": "/usr/bin:/bin"}), time.monotonic() + 60)
    address = f"file://ada:{PASSWORD}@localhost{tmp_path}/nothing"
    with caplog.at_level(logging.DEBUG, "bodywork.git"):
        git.run("ls-remote", address, say=lambda _: None)
        git.read("version")
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("git ls-remote ")
    assert "exit code 128" in first
    assert second.startswith("git version: exit code 0, ")
    assert PASSWORD not in caplog.text


def test_other_levels_tell_none_of_it(bodywork: CommandLine, shop: Project) -> None:
    said = bodywork("workflow", shop.url, "main")
    assert " - DEBUG - " not in said.out
