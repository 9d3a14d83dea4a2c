"""The commands that look: status, logs, service, validate; and those that say they cannot."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bodywork.cli.screen import Room
from bodywork.cli.services import table
from bodywork.cli.watch import watch
from bodywork.model.repository import identify_repository
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
    assert header[4:] == ["ADDRESS", "REPOSITORY"]
    repository = identify_repository(shop.url)
    assert service["repository"] == repository
    assert line == ["http://shop--serve:5000", "true", "1", "0", service["address"], repository]
    assert bodywork("service", "display").out == "no services\n"


def test_without_addresses_and_repositories_the_table_is_exactly_the_guides() -> None:
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
        (
            "error: there is no namespace typo on this machine\n"
            "hint: make it: bodywork setup-namespace typo\n"
        ),
    )
    assert bodywork("status", "--namespace=typo").code == 2


@pytest.mark.parametrize("command", [["status"], ["secret", "display"], ["service", "display"]])
def test_a_typo_in_a_namespace_shows_those_that_are_there(
    command: list[str], bodywork: CommandLine
) -> None:
    for name in ("shop", "nc-slow"):
        bodywork("setup-namespace", name)
    assert bodywork(*command, "-n", "nc-slwo").err == (
        "error: there is no namespace nc-slwo on this machine\n"
        "hint: did you mean nc-slow? there are: nc-slow, shop; "
        "make it: bodywork setup-namespace nc-slwo\n"
    )


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


def test_latest_stands_for_the_newest_run_wherever_a_run_is_named(
    bodywork: CommandLine, shop: Project
) -> None:
    nothing = bodywork("status", "latest")
    assert (nothing.code, nothing.err.splitlines()[0]) == (
        2,
        "error: there are no runs in namespace default yet",
    )
    bodywork("workflow", shop.url, "main")
    bodywork("workflow", shop.url, "main")
    run = bodywork.newest()
    assert bodywork("status", "latest", "-o", "json").json["run"] == run
    assert bodywork("logs", "latest", "two").out == "hello from two\n"
    assert f"note: run {run} has already ended" in bodywork("cancel", "latest").err
    dry = bodywork("workflow", "--resume", "--run=latest", "--dry-run", "-o", "json")
    assert dry.json["run"] == run
    assert bodywork("workflow", shop.url, "main", "--as=latest").code == 2


def test_the_end_of_a_log_and_an_empty_one(bodywork: CommandLine, shop: Project) -> None:
    shop.batch("one", "print(*range(100), sep='\\n')\n")
    shop.batch("two", "")
    shop.commit()
    bodywork("workflow", shop.url, "main")
    assert bodywork("logs", "latest", "one", "--tail=2").out == "98\n99\n"
    assert bodywork("logs", "latest", "one", "--tail=2", "--follow").out == "98\n99\n"
    said = bodywork("logs", "latest", "two")
    assert (said.code, said.out, said.err) == (0, "", "note: the log of stage two is empty\n")
    everything = bodywork("logs", "latest", "--tail=1")
    assert everything.err == "note: the log of stage two is empty\n"
    assert "99\n" in everything.out
    assert "98\n" not in everything.out


def test_the_runs_of_all_namespaces_are_listed(bodywork: CommandLine, shop: Project) -> None:
    assert bodywork("status", "-A").out == "no runs in any namespace yet\n"
    for namespace in ("b", "a"):
        bodywork("setup-namespace", namespace)
        bodywork("workflow", f"--namespace={namespace}", shop.url, "main")
    said = bodywork("status", "-A")
    header, first, second = (line.split() for line in said.out.splitlines())
    assert header == ["NAMESPACE", "RUN", "STATE", "STEP", "STARTED", "TOOK"]
    assert (first[0], second[0], first[2]) == ("a", "b", "succeeded")
    document = bodywork("status", "--all-namespaces", "-o", "json").json
    assert document["namespace"] is None
    assert [run["namespace"] for run in document["runs"]] == ["a", "b"]
    assert bodywork("status", "-A", "latest").code == 2
    lost = bodywork("status", first[1])
    assert "`bodywork status -A` those of all namespaces" in lost.err


def test_a_secret_that_is_there_is_changed_by_a_command_to_paste(
    bodywork: CommandLine, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("k")
    words = ["--name=store", "--data", "USER=ada", "PASSWORD=s3cret", f"--from-file=KEY={key}"]
    assert bodywork("secret", "create", *words).code == 0
    said = bodywork("secret", "create", *words)
    assert said.code == 1
    assert said.err == (
        "error: the secret store exists already in namespace default\n"
        "hint: change it: bodywork secret update --name=store --data USER=VALUE PASSWORD=VALUE "
        f"--from-file=KEY={key}\n"
    )


def test_an_empty_log_of_a_stage_that_never_ran_says_why(
    bodywork: CommandLine, shop: Project
) -> None:
    file = shop.folder / "one" / "config.ini"
    file.write_text(file.read_text() + "[secrets]\nTOKEN=login\n")
    shop.commit()
    assert bodywork("workflow", shop.url, "main").code == 1
    said = bodywork("logs", "latest", "one")
    assert (said.code, said.out) == (0, "")
    assert said.err == "note: the log of stage one is empty: the secret login does not exist\n"
