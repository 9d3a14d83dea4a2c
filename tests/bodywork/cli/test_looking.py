"""The commands that look: status, logs, service, validate; and those that say they cannot."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bodywork.cli.screen import Room
from bodywork.cli.services import table
from bodywork.cli.watch import watch
from bodywork.model.run import ServiceStatus
from tests.bodywork.cli.conftest import CommandLine, Project

SERVE = """
import http.server
http.server.HTTPServer(("0.0.0.0", 5000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_an_empty_namespace_tells_how_to_begin(bodywork: CommandLine) -> None:
    said = bodywork("status")
    assert said.out == (
        "no runs in namespace default yet\n"
        "begin one: bodywork workflow GIT_REPO_URL GIT_REPO_BRANCH\n"
    )


def test_the_same_run_as_json_and_yaml(bodywork: CommandLine, shop: Project) -> None:
    bodywork("workflow", shop.url, "main")
    run = bodywork.newest()
    document = bodywork("status", run, "-o", "json").json
    assert (document["schema"], document["run"], document["ended"]) == (1, run, True)
    assert document["created_at"].endswith("+00:00")
    assert yaml.safe_load(bodywork("status", run, "-o", "yaml").out) == document


def test_the_diagram_marks_the_way_of_the_run(bodywork: CommandLine, shop: Project) -> None:
    bodywork("workflow", shop.url, "main")
    drawn = bodywork("status", bodywork.newest(), "-o", "mermaid").out
    assert drawn.startswith("stateDiagram-v2\n")
    assert "step-2-running" in drawn
    assert "current" in drawn
    assert bodywork("status", "-o", "mermaid").code == 2


def test_a_record_that_cannot_be_read_is_told_and_hides_no_other(
    bodywork: CommandLine, shop: Project, home: Path
) -> None:
    for _ in range(2):
        bodywork("workflow", shop.url, "main")
    record = home / "namespaces/default/runs" / bodywork.newest() / "checkpoint.json"
    record.write_text("{")
    said = bodywork("status", "-o", "json")
    assert (said.code, len(said.json["runs"])) == (0, 1)
    assert said.err.startswith("warning: ")
    assert str(record) in said.err


def test_logs_are_bare_for_one_stage_and_titled_for_all(
    bodywork: CommandLine, shop: Project
) -> None:
    bodywork("workflow", shop.url, "main")
    run = bodywork.newest()
    assert bodywork("logs", run, "two").out == "hello from two\n"
    assert bodywork("logs", run, "two", "--attempt=1", "--follow").out == "hello from two\n"
    everything = bodywork("logs", run, "--follow").out.splitlines()
    assert [line for line in everything if not line.startswith("-" * 100)] == [
        "---- pod logs for shop--one",
        "hello from one",
        "---- pod logs for shop--two",
        "hello from two",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["three"], "has no stage three\nhint: its stages: one, two"),
        (["two", "--attempt=2"], "has no attempt 2\nhint: it has 1"),
        (["--attempt=1"], "--attempt needs a STAGE"),
    ],
)
def test_logs_that_are_not_there_say_what_is(
    bodywork: CommandLine, shop: Project, words: list[str], message: str
) -> None:
    bodywork("workflow", shop.url, "main")
    said = bodywork("logs", bodywork.newest(), *words)
    assert (said.code, message in said.err) == (2, True)


def test_cancelling_what_has_ended_changes_nothing(bodywork: CommandLine, shop: Project) -> None:
    bodywork("workflow", shop.url, "main")
    run = bodywork.newest()
    said = bodywork("cancel", run)
    assert (said.code, said.err) == (0, f"note: run {run} has already ended: succeeded\n")


def test_a_service_is_displayed_as_in_the_guide_and_deleted(
    bodywork: CommandLine, shop: Project
) -> None:
    shop.dag("serve")
    shop.service("serve", SERVE)
    shop.commit()
    ran = bodywork("workflow", shop.url, "main")
    shown = bodywork("service", "display")
    [service] = bodywork("service", "display", "-o", "json").json["services"]
    bodywork("service", "delete", "--name=shop--serve")
    assert ran.err == f"note: service shop--serve answers at {service['address']}\n"
    header, line = (line.split() for line in shown.out.splitlines())
    assert header[:4] == ["SERVICE_URL", "EXPOSED", "AVAILABLE_REPLICAS", "UNAVAILABLE_REPLICAS"]
    assert line == ["http://shop--serve:5000", "true", "1", "0", service["address"]]
    assert bodywork("service", "display").out == "no services\n"


def test_without_addresses_the_table_is_exactly_the_guides() -> None:
    url = "http://my-classification-product--model-scoring-service:5000"
    service = ServiceStatus("x", url, "", True, 2, 0, None)
    assert [line.split() for line in table([service]).splitlines()] == [
        ["SERVICE_URL", "EXPOSED", "AVAILABLE_REPLICAS", "UNAVAILABLE_REPLICAS"],
        [url, "true", "2", "0"],
    ]


def test_validate_lists_all_problems_and_fails_for_errors_only(
    bodywork: CommandLine, shop: Project
) -> None:
    folder = str(shop.folder)
    assert bodywork("validate", folder).code == 0
    (shop.folder / "spare").mkdir()
    (shop.folder / "spare" / "config.ini").write_text("[default]\n")
    warned = bodywork("validate", folder)
    assert (warned.code, "warning: " in warned.out) == (0, True)
    shop.dag("one >> tow >> thre")
    failed = bodywork("validate", folder)
    assert failed.code == 2
    assert failed.out.endswith(f"{folder}: 2 errors, 2 warnings\n")
    document = bodywork("validate", folder, "-o", "json").json
    assert (document["schema"], document["valid"], len(document["problems"])) == (1, False, 4)


def test_validate_of_no_folder_says_so(bodywork: CommandLine, tmp_path: Path) -> None:
    said = bodywork("validate", str(tmp_path / "nowhere"))
    assert (said.code, "there is no such folder" in said.err) == (2, True)


def test_a_namespace_is_set_up_once(bodywork: CommandLine) -> None:
    assert bodywork("setup-namespace", "shop").out == "creating namespace=shop\n"
    assert bodywork("setup-namespace", "shop").out == "namespace=shop is there already\n"
    assert bodywork("setup-namespace", "Not_One").code == 2


def test_a_namespace_that_is_not_there_is_never_made_by_looking(bodywork: CommandLine) -> None:
    said = bodywork("status", "--namespace=typo")
    assert (said.code, said.err) == (
        2,
        "error: there is no namespace typo\nhint: make it: bodywork setup-namespace typo\n",
    )
    assert bodywork("status", "--namespace=typo").code == 2


@pytest.mark.parametrize("word", ["create", "update", "display", "history", "logs", "delete"])
def test_the_local_engine_says_that_it_keeps_no_schedules(bodywork: CommandLine, word: str) -> None:
    more = ["--schedule=0 * * * *", "--git-repo-url=repo", "--git-repo-branch=main"]
    more = more if word in ("create", "update") else []
    said = bodywork("cronjob", word, "--namespace=shop", "--name=x", *more)
    assert (said.code, said.err.startswith("error: the local engine keeps no schedules")) == (
        2,
        True,
    )


def test_an_engine_that_is_not_there_names_the_one_that_is(
    bodywork: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BODYWORK_ENGINE")
    said = bodywork("status")
    assert (said.code, "--engine local" in said.err) == (5, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_shells_script(bodywork: CommandLine, shell: str) -> None:
    assert "_BODYWORK_COMPLETE" in bodywork("completion", shell).out


def test_a_shell_is_told_the_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bodywork"],
        env={
            "_BODYWORK_COMPLETE": "fish_complete",
            "COMP_WORDS": "bodywork st",
            "COMP_CWORD": "st",
        },
        capture_output=True,
        text=True,
    )
    assert {line.split(",")[1].split("\t")[0] for line in done.stdout.splitlines() if line} >= {
        "status",
        "stage",
    }


def test_a_stage_runs_by_itself(shop: Project, home: Path) -> None:
    words = [sys.executable, "-m", "bodywork", "stage", shop.url, "main", "one"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "hello from one")


class Looks:
    """A view that changes, and then has ended."""

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)
        self._text = ""
        self.ended = False

    def look(self) -> None:
        self._text = self._texts.pop(0)
        self.ended = not self._texts

    def render(self, room: Room | None = None) -> str:
        return self._text


def test_watching_prints_each_change_once_and_ends_with_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slept: list[float] = []
    watch(Looks("a", "a", "b"), slept.append)
    assert capsys.readouterr().out == "a\nb\n"
    assert len(slept) == 2


def test_ctrl_c_is_how_one_stops_watching(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    watch(Looks("a", "b"), interrupt)
    assert capsys.readouterr().out == "a\n"
