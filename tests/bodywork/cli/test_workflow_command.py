"""Whole outputs of real runs, with what differs from run to run filtered out."""

import re

from tests.bodywork.cli.conftest import CommandLine, Project

RULE = "-" * 100
FILTERS = {
    "TIME": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}",
    "GIT": r"git version \S+( \(.*\))?",
}


def filtered(text: str, project: Project) -> str:
    text = text.replace(project.url, "URL")
    for name, pattern in FILTERS.items():
        text = re.sub(pattern, name, text)
    return text


def test_a_run_is_told_as_in_the_guide(bodywork: CommandLine, shop: Project) -> None:
    said = bodywork("workflow", shop.url, "main")
    where = "local namespace=default"
    log = "TIME - INFO - workflow.run_workflow -"
    assert said.code == 0
    assert said.err == ""
    assert filtered(said.out, shop).splitlines() == [
        f"{log} attempting to run workflow for project=URL on branch=main in {where}",
        "GIT",
        "Cloning into 'bodywork_project'...",
        f"{log} attempting to execute DAG step=['one']",
        f"{log} creating job=shop--one in namespace=default",
        RULE,
        "---- pod logs for shop--one",
        RULE,
        "hello from one",
        f"{log} completed stage=one (shop--one, attempt 1)",
        f"{log} attempting to execute DAG step=['two']",
        f"{log} creating job=shop--two in namespace=default",
        RULE,
        "---- pod logs for shop--two",
        RULE,
        "hello from two",
        f"{log} completed stage=two (shop--two, attempt 1)",
        f"{log} successfully ran workflow for project=URL on branch=main in namespace=default",
    ]


def test_a_resume_keeps_what_succeeded_and_runs_the_fixed_code(
    bodywork: CommandLine, shop: Project
) -> None:
    shop.batch("two", "raise SystemExit(7)\n")
    shop.commit()
    bodywork("workflow", shop.url, "main")
    first = bodywork.newest()
    shop.batch("two", "print('baked')\n")
    fixed = shop.commit()
    plan = bodywork("workflow", "--resume", "--branch=main", "--dry-run", "-o", "json")
    assert [(each["name"], each["action"]) for each in plan.json["stages"]] == [
        ("one", "reuse"),
        ("two", "run"),
    ]
    assert bodywork("workflow", "--resume", "--branch=main").code == 0
    status = bodywork("status", bodywork.newest(), "-o", "json").json
    assert (status["continues"], status["commit"], status["state"]) == (first, fixed, "succeeded")
    assert [stage["state"] for stage in status["stages"]] == ["reused", "succeeded"]
    assert bodywork("logs", bodywork.newest(), "one").out == "hello from one\n"


def test_a_dry_run_leaves_no_record(bodywork: CommandLine, shop: Project) -> None:
    said = bodywork("workflow", shop.url, "main", "--dry-run")
    assert (said.code, said.out.split()[:4]) == (0, ["STEP", "STAGE", "ACTION", "REASON"])
    assert bodywork("status", "-o", "json").json["runs"] == []


def test_a_wrong_project_lists_every_problem_and_is_a_usage_error(
    bodywork: CommandLine, shop: Project
) -> None:
    shop.dag("one >> tow >> thre")
    shop.commit()
    said = bodywork("workflow", shop.url, "main")
    assert said.code == 2
    assert "bodywork.ini:5: [workflow] DAG: stage tow has no folder" in said.out
    assert "bodywork.ini:5: [workflow] DAG: stage thre has no folder" in said.out
    assert said.err.startswith("error: the run could not begin: the project's configuration has 2")


def test_a_missing_branch_is_a_usage_error_that_names_it(
    bodywork: CommandLine, shop: Project
) -> None:
    said = bodywork("workflow", shop.url, "nosuch")
    assert (said.code, "'nosuch'" in said.err, "Traceback" in said.err) == (2, True, False)


def test_a_succeeded_run_is_not_run_again(bodywork: CommandLine, shop: Project) -> None:
    bodywork("workflow", shop.url, "main")
    run = bodywork.newest()
    said = bodywork("workflow", "--resume", "--run", run)
    assert (said.code, said.out) == (0, "")
    assert said.err == f"run {run} has succeeded; there is nothing to resume\n"
    assert bodywork.newest() == run


def test_old_runs_are_forgotten_beyond_the_history(bodywork: CommandLine, shop: Project) -> None:
    for _ in range(3):
        bodywork("workflow", shop.url, "main", "--history=2")
    assert len(bodywork("status", "-o", "json").json["runs"]) == 2


def test_the_log_level_of_the_project_is_honoured(bodywork: CommandLine, shop: Project) -> None:
    shop.dag("one >> two", log_level="ERROR")
    shop.commit()
    said = bodywork("workflow", shop.url, "main")
    assert said.out.count(" - INFO - ") == 1  # before the project is known
    assert "hello from two" in said.out


def test_a_password_in_the_address_never_reaches_the_record(
    bodywork: CommandLine, shop: Project
) -> None:
    said = bodywork("workflow", "https://ada:hunter2@127.0.0.1:1/shop.git", "main")
    assert said.code == 2
    record = bodywork("status", bodywork.newest(), "-o", "json")
    assert "hunter2" not in said.out + said.err + record.out
    assert record.json["repository"] == "https://***@127.0.0.1:1/shop.git"


def test_a_hook_that_cannot_be_imported_is_a_usage_error(
    bodywork: CommandLine, shop: Project
) -> None:
    said = bodywork("workflow", shop.url, "main", "--hook", "no_such_module:tell")
    assert (said.code, said.err.startswith("error: --hook no_such_module:tell")) == (2, True)


def test_options_of_a_resume_are_refused_without_it(bodywork: CommandLine) -> None:
    for words in (["--run=x"], ["--from=x"], ["--branch=x"], ["--take-over"]):
        said = bodywork("workflow", "url", "main", *words)
        option = words[0].partition("=")[0]
        assert (said.code, said.err) == (2, f"error: {option} goes with --resume\n")
