"""After a fix: which code a resume runs is said by the hints, the dry run, the log and `status`."""

import logging
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import bodywork as api
from tests.bodywork.cli.conftest import CommandLine, Project, Said
from tests.servers.secure_http import HttpsServer, https_server


@pytest.fixture
def broken(shop: Project) -> Project:
    """A project whose second stage fails."""
    shop.batch("two", "raise SystemExit(7)\n")
    shop.commit()
    return shop


@pytest.fixture
def server(shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpsServer]:
    with https_server(shop.folder.parent, tmp_path / "certificates") as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.authority))
        yield server


def fix(project: Project, commits: int = 1) -> str:
    """Mend the project in some commits; return the last one's id."""
    for _ in range(commits):
        project.batch("two", f"print('fixed, after {head(project)}')\n")
        project.commit()
    return head(project)


def head(project: Project, reference: str = "HEAD") -> str:
    return git(project, "rev-parse", reference)


def git(project: Project, *words: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    done = subprocess.run(
        ["git", *who, *words], cwd=project.folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def hints(said: Said) -> list[str]:
    return [line for line in said.err.splitlines() if line.startswith("hint: ")]


def fail(bodywork: CommandLine, address: str, reference: str = "main", *words: str) -> str:
    """Run a project that fails; return the run's name."""
    assert bodywork("workflow", address, reference, *words).code == 1
    return bodywork.newest()


# -- the hints after a failure ---------------------------------------------------------------------


def test_a_failure_ends_with_two_ways_to_go_on(bodywork: CommandLine, broken: Project) -> None:
    said = bodywork("workflow", broken.url, "main")
    resume = f"bodywork workflow --resume --run={bodywork.newest()}"
    assert hints(said)[-2:] == [
        f"hint: the same code again: {resume}",
        f"hint: with the code of main as it is now: {resume} --branch=main",
    ]


@pytest.mark.parametrize(("commits", "newer"), [(1, "1 commit newer"), (3, "3 commits newer")])
def test_newer_commits_of_a_folder_are_counted(
    bodywork: CommandLine, broken: Project, commits: int, newer: str
) -> None:
    run = fail(bodywork, broken.url)
    fix(broken, commits)
    resume = f"bodywork workflow --resume --run={run}"
    lines = [line.strip() for line in bodywork("status", run).out.splitlines()]
    assert lines[-2:] == [
        f"{resume}   # the same code again",
        f"{resume} --branch=main   # main as it is now, {newer}",
    ]


@pytest.mark.parametrize("kind", ["tag", "commit", "abbreviation"])
def test_what_does_not_move_on_is_not_proposed_as_it_is_now(
    bodywork: CommandLine, broken: Project, kind: str
) -> None:
    git(broken, "tag", "v1")
    reference = {"tag": "v1", "commit": head(broken), "abbreviation": head(broken)[:8]}[kind]
    said = bodywork("workflow", broken.url, reference)
    run = bodywork.newest()
    resume = f"bodywork workflow --resume --run={run}"
    assert hints(said)[-1] == f"hint: the same code again: {resume}"
    assert "--branch" not in bodywork("status", run).out
    again = bodywork("workflow", "--resume")  # whose checkout is of the commit alone
    assert (again.code, "--branch" in again.err) == (1, False)
    assert bodywork("status", bodywork.newest(), "-o", "json").json["fixed"] is True


def test_a_run_that_never_had_a_commit_is_tried_again(bodywork: CommandLine, shop: Project) -> None:
    bodywork("workflow", shop.url, "typo")
    run = bodywork.newest()
    last = bodywork("status", run).out.splitlines()[-1].strip()
    assert last == f"bodywork workflow --resume --run={run}   # try again"


def test_no_request_is_made_for_a_hint(
    bodywork: CommandLine, broken: Project, server: HttpsServer
) -> None:
    run = fail(bodywork, server.url("shop"))
    asked = len(server.seen)
    assert bodywork("status", run).out.endswith("# main as it is now\n")
    assert bodywork("workflow", "--resume").code == 1
    checkout = ["/shop/info/refs?service=git-upload-pack", "/shop/git-upload-pack"]
    assert server.seen[asked:] == checkout


# -- the dry run -----------------------------------------------------------------------------------


def test_a_dry_run_names_run_commit_and_head(bodywork: CommandLine, broken: Project) -> None:
    old = head(broken)[:7]
    run = fail(bodywork, broken.url)
    first = bodywork("workflow", "--resume", "--dry-run").out.splitlines()[0]
    assert first == f"run {run}, commit {old} (main is there, too)"
    new = fix(broken, 2)[:7]
    first = bodywork("workflow", "--resume", "--dry-run").out.splitlines()[0]
    assert first == f"run {run}, commit {old} (main is at {new}, 2 commits newer)"
    first = bodywork("workflow", "--resume", "--branch=main", "--dry-run").out.splitlines()[0]
    expected = f"run {run}, commit {old}; continued with commit {new} of main, 2 commits newer"
    assert first == expected


def test_a_dry_run_with_a_commit_names_it(bodywork: CommandLine, broken: Project) -> None:
    old = head(broken)
    run = fail(bodywork, broken.url)
    middle, newest = fix(broken), fix(broken, 2)
    said = bodywork("workflow", "--resume", f"--commit={middle}", "--dry-run")
    expected = f"run {run}, commit {old[:7]}; continued with commit {middle[:7]}"
    assert said.out.splitlines()[0] == expected
    assert newest != middle


def test_the_fields_of_a_dry_run_as_json(bodywork: CommandLine, broken: Project) -> None:
    old = head(broken)
    run = fail(bodywork, broken.url)
    new = fix(broken, 2)
    same = bodywork("workflow", "--resume", "--dry-run", "-o", "json").json
    fields = ("run", "run_commit", "commit", "reference", "head", "newer")
    assert [same[name] for name in fields] == [run, old, old, "main", new, 2]
    other = bodywork("workflow", "--resume", "--branch=main", "--dry-run", "-o", "json").json
    assert [other[name] for name in fields] == [run, old, new, "main", new, 2]
    fresh = bodywork("workflow", broken.url, "main", "--dry-run", "-o", "json").json
    assert [fresh[name] for name in fields] == [None, None, new, "main", new, 0]


def test_a_dry_run_of_a_server_s_branch_counts_nothing(
    bodywork: CommandLine, broken: Project, server: HttpsServer
) -> None:
    old = head(broken)[:7]
    run = fail(bodywork, server.url("shop"))
    new = fix(broken)[:7]
    same = bodywork("workflow", "--resume", "--dry-run").out.splitlines()[0]
    assert same == f"run {run}, commit {old}"
    other = bodywork("workflow", "--resume", "--branch=main", "--dry-run").out.splitlines()[0]
    assert other == f"run {run}, commit {old}; continued with commit {new} of main"


def test_a_dry_run_notes_what_is_not_committed(bodywork: CommandLine, broken: Project) -> None:
    fail(bodywork, broken.url)
    (broken.folder / "two" / "main.py").write_text("print('fixed')\n")
    note = f"note: {broken.folder} has changes that are not committed (two/main.py); "
    old = head(broken)[:7]
    for words in (["--resume"], ["--resume", "--branch=main"], [broken.url, "main"]):
        said = bodywork("workflow", "--dry-run", *words)
        assert said.err == f"{note}the run uses commit {old}\n"


# -- the log ---------------------------------------------------------------------------------------


def records(said: Said, words: str) -> list[str]:
    return [
        line.partition(" - workflow.run_workflow - ")[2]
        for line in said.out.splitlines()
        if words in line
    ]


def test_the_log_says_which_run_is_continued_as_which(
    bodywork: CommandLine, broken: Project
) -> None:
    old = head(broken)[:7]
    first = fail(bodywork, broken.url)
    said = bodywork("workflow", "--resume", "--from=one")  # no stage is reused
    second = bodywork.newest()
    assert records(said, "continuing run") == [
        f"continuing run {first} as run {second}: the same commit {old}"
    ]
    new = fix(broken)
    said = bodywork("workflow", "--resume", "--branch=main")
    third = bodywork.newest()
    assert records(said, "continuing run") == [
        f"continuing run {second} as run {third}: now commit {new[:7]} of main"
    ]
    assert records(said, "keeps its commit") == []


def test_a_branch_that_has_not_moved_is_the_same_commit(
    bodywork: CommandLine, broken: Project
) -> None:
    fail(bodywork, broken.url)
    said = bodywork("workflow", "--resume", "--branch=main")
    assert f": the same commit {head(broken)[:7]}" in said.out


def test_the_log_says_that_an_old_commit_is_meant(bodywork: CommandLine, broken: Project) -> None:
    old = head(broken)[:7]
    run = fail(bodywork, broken.url)
    new = fix(broken, 2)[:7]
    said = bodywork("workflow", "--resume")
    [line] = records(said, "keeps its commit")
    assert line.startswith(f"run {run} keeps its commit {old}; main is at {new}, 2 commits newer")
    assert line.endswith(" (--branch=main runs that)")


def test_a_fresh_run_continues_nothing(bodywork: CommandLine, shop: Project) -> None:
    said = bodywork("workflow", shop.url, "main")
    assert not re.search("continuing|keeps", said.out)


@pytest.mark.parametrize("file", ["two/main.py", "bodywork.ini", "three/new.py"])
def test_a_run_notes_once_what_is_not_committed(
    bodywork: CommandLine, shop: Project, file: str
) -> None:
    (shop.folder / "three").mkdir()
    with (shop.folder / file).open("a") as changed:
        changed.write("\n")
    said = bodywork("workflow", shop.url, "main")
    named = "three/" if file.startswith("three") else file
    assert said.code == 0
    assert (said.out + said.err).count("not committed") == 1
    [line] = records(said, "not committed")
    assert line.startswith(f"{shop.folder} has changes that are not committed ({named}); ")
    assert line.endswith(f"; the run uses commit {head(shop)[:7]}")


def test_programs_get_the_same_from_logging(
    home: Path, broken: Project, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    flow = api.Workflow(broken.url, "main", engine="local")
    assert flow.run().state == "failed"
    fix(broken)
    (broken.folder / "new").write_text("x")
    flow.resume()
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "keeps its commit" in told
    assert ": the same commit " in told
    assert "has changes that are not committed (new)" in told
    caplog.clear()
    typo = api.Workflow(broken.url, "mian", engine="local").run()
    assert typo.verdict is not None
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert told.count(typo.verdict.reason) == 1


# -- nothing to resume -----------------------------------------------------------------------------


def test_a_last_run_that_succeeded_is_named_with_the_command_for_a_new_one(
    bodywork: CommandLine, shop: Project
) -> None:
    bodywork("workflow", shop.url, "main")
    said = bodywork("workflow", "--resume")
    assert said.code == 2
    error, hint = said.err.splitlines()
    assert error == "error: there is no unfinished or failed run to resume"
    assert hint.startswith(f"hint: the last run, {bodywork.newest()}, succeeded; a new one: ")
    assert hint.endswith(f": bodywork workflow {shop.url} main")


def test_where_there_is_no_run_yet_the_command_for_one_is_named(
    bodywork: CommandLine, shop: Project
) -> None:
    said = bodywork("workflow", "--resume")
    assert said.code == 2
    assert hints(said) == [
        "hint: there is no run yet; begin one: bodywork workflow GIT_REPO_URL GIT_REPO_BRANCH"
    ]
    bodywork("workflow", shop.url, "main")
    said = bodywork("workflow", "--resume", shop.url, "other")
    assert hints(said) == [
        f"hint: there is no run of other yet; begin one: bodywork workflow {shop.url} other"
    ]


def test_a_cancelled_run_is_said_to_be(bodywork: CommandLine, shop: Project) -> None:
    from bodywork.cli.choice import Order, choose
    from bodywork.errors import RunNotFound
    from tests.bodywork.cli.places import MemoryPlace
    from tests.bodywork.workflow.harness import PIPELINE, Office, Repository

    office = Office(Repository(c0=PIPELINE))
    office.controller().cancel(office.begin(), "ada")
    with pytest.raises(RunNotFound) as caught:
        choose(MemoryPlace(office), Order(resume=True))
    assert ", was cancelled; a new one: bodywork workflow" in caught.value.hint
    assert caught.value.hint.endswith(" repo c0 --namespace=shop")
