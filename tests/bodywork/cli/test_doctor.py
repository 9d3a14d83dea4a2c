"""`bodywork doctor` prints a line for each thing, a hint for each that is amiss, and a code."""

from pathlib import Path

import pytest

from tests.bodywork.cli.conftest import CommandLine, Project
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import api_server, rule

SECRETS = "[secrets]\nUSER=store\n"


def statuses(bodywork: CommandLine, *words: str) -> dict[str, str]:
    checks = bodywork("doctor", "-o", "json", *words).json["checks"]
    return {each["name"]: each["status"] for each in checks}


def test_a_machine_that_is_ready_is_said_to_be_and_nothing_is_made_on_it(
    bodywork: CommandLine, home: Path
) -> None:
    said = bodywork("doctor")
    lines = said.out.splitlines()
    assert said.code == 0, said.out
    assert [line.split()[1] for line in lines[:3]] == ["python", "git", "packages"]
    assert {line.index(line.split()[1]) for line in lines[:-1]} == {9}
    assert lines[-1] == "nothing failed, no warnings"
    assert not home.exists()


def test_each_failure_has_a_hint_below_it(bodywork: CommandLine) -> None:
    said = bodywork("doctor", "-n", "typo")
    assert said.code == 1
    lines = said.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("FAIL"))
    assert lines[at].split(maxsplit=2) == ["FAIL", "namespace", "there is no namespace typo"]
    assert lines[at + 1].strip() == "hint: make it: bodywork setup-namespace --engine local typo"


def test_what_the_stages_of_a_project_need_is_looked_for(
    bodywork: CommandLine, shop: Project
) -> None:
    with (shop.folder / "one" / "config.ini").open("a") as config:
        config.write(SECRETS)
    found = statuses(bodywork, str(shop.folder), "--secret=vault")
    assert (found["project"], found["image"]) == ("ok", "skipped")
    assert (found["secret: store"], found["secret: vault"]) == ("fail", "fail")
    bodywork("secret", "create", "--name=store", "--data", "USER=ada")
    bodywork("secret", "create", "--name=vault", "--data", "ANY=1")
    assert "fail" not in statuses(bodywork, str(shop.folder), "--secret=vault").values()


def test_a_project_that_is_not_sound_is_named_and_the_rest_is_looked_at(
    bodywork: CommandLine, shop: Project
) -> None:
    (shop.folder / "one" / "config.ini").unlink()
    found = statuses(bodywork, str(shop.folder))
    assert (found["project"], found["git"]) == ("fail", "ok")


def test_a_folder_that_is_not_there_is_a_usage_error(bodywork: CommandLine) -> None:
    assert bodywork("doctor", "no-such-folder").code == 2


@pytest.mark.parametrize("engine", ["local", "kubernetes"])
def test_a_name_that_no_namespace_can_have_is_a_usage_error(
    bodywork: CommandLine, engine: str
) -> None:
    assert bodywork("doctor", "--engine", engine, "-n", "Not_One").code == 2


def test_a_state_folder_that_cannot_be_one_is_named(bodywork: CommandLine, home: Path) -> None:
    home.write_text("a file")
    said = bodywork("doctor")
    assert said.code == 1
    assert "FAIL     state folder" in said.out


def test_a_folder_that_cannot_be_written_to_is_named(
    bodywork: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODYWORK_HOME", "/proc/none")  # not even root makes files there
    said = bodywork("doctor")
    assert said.code == 1
    assert "/proc/none cannot be written to" in said.out
    assert "set BODYWORK_HOME" in said.out


def test_a_machine_without_git_is_named(
    bodywork: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = bodywork("doctor")
    assert (said.code, "git-scm.com" in said.out) == (1, True)


def test_a_cluster_is_examined_as_whom_the_kubeconfig_says(
    bodywork: CommandLine, tmp_path: Path
) -> None:
    with api_server() as server:
        server.objects.create("/api/v1/namespaces", {"metadata": {"name": "shop"}})
        server.rules = [rule("", "namespaces", "get")]
        kubeconfig = write_kubeconfig(tmp_path, server.url, namespace="shop")
        where = ("--engine=kubernetes", f"--kubeconfig={kubeconfig}")
        said = bodywork("doctor", *where)
    assert said.code == 1
    lines = said.out.splitlines()
    expected = f"ok       cluster               {server.url}, context here of {kubeconfig}"
    assert lines[0] == expected
    assert lines[-1] == "9 failed, 4 warnings"
    hints = [line for line in lines if "--role=bodywork-workflow-controller" in line]
    assert len(hints) == 1  # nine rights lack the same
    assert "s3cr3t" not in said.out + said.err


def test_a_cluster_that_does_not_answer_has_a_code_of_its_own(
    bodywork: CommandLine, tmp_path: Path
) -> None:
    with api_server() as server:
        kubeconfig = write_kubeconfig(tmp_path, server.url)
    said = bodywork("doctor", "--engine=kubernetes", f"--kubeconfig={kubeconfig}")
    assert (said.code, said.out.startswith("FAIL     cluster")) == (5, True)


def test_a_context_that_is_not_there_is_a_failed_check(
    bodywork: CommandLine, tmp_path: Path
) -> None:
    kubeconfig = write_kubeconfig(tmp_path, "http://127.0.0.1:1")
    where = ("--engine=kubernetes", f"--kubeconfig={kubeconfig}", "--context=prod")
    said = bodywork("doctor", *where, "-o", "json")
    assert (said.code, said.json["ready"]) == (1, False)
    assert [each["name"] for each in said.json["checks"]] == ["kubeconfig"]
