"""A run says before it starts what its stages will not find: submodules, Git LFS, changes."""

from pathlib import Path

import pytest

from tests.bodywork.cli.conftest import CommandLine, Project
from tests.bodywork.git.test_submodules import POINTER, add, init
from tests.servers.repositories import git

IMPORTS = 'import sys; sys.path.insert(0, "../vendor/lib"); import lib; print("found", lib.X)\n'


@pytest.fixture
def library(tmp_path: Path) -> Path:
    init(tmp_path / "library", lib_py="X = 41\n")
    return tmp_path / "library"


def answer(project: Project, value: str) -> None:
    """Let the project's bodywork.ini say whether submodules are fetched."""
    file = project.folder / "bodywork.ini"
    file.write_text(file.read_text().replace("[logging]", f"SUBMODULES={value}\n[logging]"))
    git(project.folder, "add", "bodywork.ini")
    git(project.folder, "commit", "--quiet", "--message", "an answer")


@pytest.fixture
def with_library(shop: Project, library: Path) -> Project:
    """A project whose first stage imports a submodule."""
    shop.batch("one", IMPORTS)
    shop.commit()
    add(shop.folder, "vendor/lib", "../library", git(library, "rev-parse", "HEAD"))
    return shop


def test_submodules_that_are_not_fetched_are_said_before_the_run(
    bodywork: CommandLine, with_library: Project
) -> None:
    said = bodywork("workflow", with_library.url, "main")
    note = (
        "the repository has a submodule, whose files are not fetched (vendor/lib); "
        "SUBMODULES=yes in [workflow] of bodywork.ini fetches them"
    )
    told = said.out + said.err
    assert said.code == 1
    assert told.count(note) == 1
    assert told.index(note) < told.index("attempting to execute DAG step=['one']")
    assert note in bodywork("workflow", with_library.url, "main", "--dry-run").err
    said = bodywork("validate", str(with_library.folder))
    assert (said.code, "1 warning" in said.out) == (0, True)
    assert "SUBMODULES=yes in this section fetches them" in said.out


def test_submodules_are_fetched_where_the_project_says_so(
    bodywork: CommandLine, with_library: Project
) -> None:
    answer(with_library, "yes")
    said = bodywork("workflow", with_library.url, "main")
    assert (said.code, "found 41" in said.out, "not fetched" in said.err) == (0, True, False)
    assert bodywork("validate", str(with_library.folder)).out.endswith("no problems found\n")
    alone = bodywork("stage", with_library.url, "main", "two")
    assert (alone.code, "Fetching submodule vendor/lib" in alone.out) == (0, True)


def test_a_project_may_say_that_it_needs_none(bodywork: CommandLine, with_library: Project) -> None:
    answer(with_library, "no")
    said = bodywork("workflow", with_library.url, "main")
    assert (said.code, "not fetched" in said.out + said.err) == (1, False)
    assert bodywork("validate", str(with_library.folder)).out.endswith("no problems found\n")


def test_a_new_commit_of_a_submodule_runs_again_what_can_read_it(
    bodywork: CommandLine, with_library: Project, library: Path
) -> None:
    answer(with_library, "yes")
    with_library.batch("two", "raise SystemExit(1)\n")
    git(with_library.folder, "commit", "--quiet", "--message", "broken", "two")
    assert bodywork("workflow", with_library.url, "main").code == 1
    (library / "lib.py").write_text("X = 42\n")
    git(library, "commit", "--quiet", "--all", "--message", "next")
    (with_library.folder / ".gitmodules").unlink()
    add(with_library.folder, "vendor/lib", "../library", git(library, "rev-parse", "HEAD"))
    said = bodywork("workflow", "--resume", "--branch=main", "--dry-run", "-o", "json")
    assert [each["reason"] for each in said.json["stages"]] == [
        "files that it shares changed, such as vendor/lib",
        "one, before it, runs again",
    ]


def test_a_stage_that_is_a_submodule_is_an_error_that_names_the_key(
    bodywork: CommandLine, shop: Project, tmp_path: Path
) -> None:
    stage = tmp_path / "stage"
    (shop.folder / "two").rename(stage)
    git(stage, "init", "--quiet", "--initial-branch=main")
    git(stage, "add", ".")
    git(stage, "commit", "--quiet", "--message", "a stage")
    git(shop.folder, "rm", "--quiet", "-r", "--cached", "two")
    add(shop.folder, "two", "../stage", git(stage, "rev-parse", "HEAD"))
    said = bodywork("workflow", shop.url, "main")
    assert said.code == 2
    assert "the project's configuration has 1 problem\n" in said.err
    assert "[workflow] DAG: stage two is a submodule, whose files are not fetched" in said.err
    assert "hint: SUBMODULES=yes in [workflow] of bodywork.ini fetches them" in said.err
    answer(shop, "yes")
    said = bodywork("workflow", shop.url, "main")
    assert (said.code, "hello from two" in said.out) == (0, True)


def test_pointers_of_git_lfs_are_said_once_with_the_stage(
    bodywork: CommandLine, shop: Project
) -> None:
    for name in ("one/model.bin", "one/data.bin", "other.bin"):
        (shop.folder / name).write_text(POINTER)
    (shop.folder / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    shop.commit()
    said = bodywork("workflow", shop.url, "main")
    note = (
        "3 files hold pointers of Git LFS and not their content "
        "(one/data.bin, one/model.bin and 1 more), in the folder of stage one;"
    )
    assert (said.code, (said.out + said.err).count(note)) == (0, 1)
    assert note in bodywork("workflow", shop.url, "main", "--dry-run").err
    alone = bodywork("stage", shop.url, "main", "one")
    assert "note: one/data.bin is a pointer of Git LFS" in alone.out
    assert "Git LFS" not in bodywork("stage", shop.url, "main", "two").out


def test_changes_that_are_not_committed_are_said_in_one_line(
    bodywork: CommandLine, shop: Project
) -> None:
    (shop.folder / "one" / "main.py").write_text("print('version 2')\n")
    (shop.folder / "one" / "new.py").write_text("")
    said = bodywork("workflow", shop.url, "main")
    [line] = [line for line in (said.out + said.err).splitlines() if "not committed" in line]
    assert "has changes that are not committed (one/main.py, one/new.py); the run uses" in line
    assert "hello from one" in said.out


def test_a_run_of_a_repository_of_sha256_is_resumed_and_shown(
    bodywork: CommandLine, shop: Project, tmp_path: Path
) -> None:
    long = Project(tmp_path / "long", "--object-format=sha256")
    long.dag("one >> two")
    long.batch("one", "print('hello from one')\n")
    long.batch("two", "raise SystemExit(1)\n")
    first = long.commit()
    assert len(first) == 64
    assert bodywork("workflow", long.url, first[:9]).code == 1
    run = bodywork.newest()
    assert bodywork("status", run, "-o", "json").json["commit"] == first
    long.batch("two", "print('hello from two')\n")
    second = long.commit()
    said = bodywork("workflow", "--resume", f"--commit={second}", "--dry-run", "-o", "json")
    assert said.json["commit"] == second
    assert [each["action"] for each in said.json["stages"]] == ["reuse", "run"]
    assert bodywork("workflow", "--resume", f"--commit={second}").code == 0
