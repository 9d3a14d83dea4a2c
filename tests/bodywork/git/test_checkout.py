"""Checking out from a repository of this machine, with the real git."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bodywork.errors import SourceError
from bodywork.git import GitSource
from tests.bodywork.git.conftest import Projects, Take
from tests.servers.repositories import commit, git, make_project

AT_MAIN = {
    "bodywork.ini": "[default]\n",
    "serve/main.py": "print(0)\n",
    "train/main.py": "print(2)\n",
}


@pytest.mark.parametrize("form", ["file://{}", "{}", "{}/.git"])
def test_a_branch_is_checked_out_from_a_folder_or_its_url(
    take: Take, projects: Projects, form: str
) -> None:
    taken = take(form.format(projects.public))
    assert taken.files == AT_MAIN
    assert taken.checkout.commit == projects.commits["main"]
    assert taken.checkout.reference == "main"


@pytest.mark.parametrize("name", ["v1", "light", "dev"])
def test_a_tag_or_another_branch_stands_for_its_commit(
    take: Take, projects: Projects, name: str
) -> None:
    assert take(projects.public, name).checkout.commit == projects.commits[name]


@pytest.mark.parametrize("length", [7, 12, 40])
def test_a_commit_can_be_named_by_its_id_or_the_beginning_of_it(
    take: Take, projects: Projects, length: int
) -> None:
    taken = take(projects.public, projects.commits["first"][:length])
    assert taken.checkout.commit == projects.commits["first"]
    assert taken.files["train/main.py"] == "print(1)\n"


def test_a_commit_is_found_by_its_beginning_whatever_the_default_branch(
    take: Take, tmp_path: Path
) -> None:
    # `git init` makes HEAD a branch of that name, which a fetch does not touch by itself.
    ids = make_project(tmp_path / "project")
    for name in ("master", "trunk"):
        git(tmp_path / "project", "branch", name)
    taken = take(tmp_path / "project", ids["first"][:8])
    assert taken.checkout.commit == ids["first"]


def test_a_branch_that_looks_like_an_id_is_a_branch(take: Take, tmp_path: Path) -> None:
    ids = make_project(tmp_path / "project")
    git(tmp_path / "project", "branch", "abcdef12", ids["first"])
    assert take(tmp_path / "project", "abcdef12").checkout.commit == ids["first"]


def test_head_stands_for_the_default_branch(take: Take, projects: Projects) -> None:
    assert take(projects.public, "HEAD").checkout.commit == projects.commits["main"]


def test_a_commit_is_checked_out_wherever_the_branch_points_by_now(
    take: Take, projects: Projects
) -> None:
    taken = take(projects.public, "dev", projects.commits["first"])
    assert taken.checkout.commit == projects.commits["first"]
    assert taken.checkout.reference == "dev"


def test_a_commit_outlives_its_branch(take: Take, tmp_path: Path) -> None:
    ids = make_project(tmp_path / "project")
    git(tmp_path / "project", "branch", "--delete", "--force", "dev")
    taken = take(tmp_path / "project", "dev", ids["dev"])
    assert taken.files["train/main.py"] == "print(3)\n"


def test_a_server_that_gives_no_commits_by_id_is_asked_for_its_branches(
    take: Take, projects: Projects, environment: dict[str, str], tmp_path: Path
) -> None:
    # The first version of git's protocol is the one that refuses ids.
    Path(environment["HOME"], ".gitconfig").write_text("[protocol]\n\tversion = 0\n")
    (tmp_path / "git").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/commands\nexec {shutil.which("git")} "$@"\n'
    )
    (tmp_path / "git").chmod(0o755)
    path = f"{tmp_path}:{environment['PATH']}"
    taken = take(projects.public, "main", projects.commits["middle"], PATH=path)
    assert taken.checkout.commit == projects.commits["middle"]
    commands = (tmp_path / "commands").read_text().splitlines()
    first, second = (line for line in commands if " fetch " in line)
    assert first.endswith(projects.commits["middle"])
    assert "+refs/heads/*:refs/heads/*" in second
    assert not any("unadvertised object" in line for line in taken.said)


def test_a_repository_of_sha256_ids_is_fine(take: Take, tmp_path: Path) -> None:
    folder = tmp_path / "modern"
    folder.mkdir()
    git(folder, "init", "--quiet", "--object-format=sha256", "--initial-branch=main")
    first = commit(folder, "one", train__main_py="print(1)\n")
    commit(folder, "two", train__main_py="print(2)\n")
    assert len(first) == 64
    assert take(folder, "main").files == {"train/main.py": "print(2)\n"}
    assert take(folder, first).files == {"train/main.py": "print(1)\n"}


def test_entries_are_all_paths_and_git_s_ids_of_them(take: Take, projects: Projects) -> None:
    entries = take(projects.public).checkout.entries
    assert {path for path, entry in entries.items() if entry.kind == "folder"} == {"serve", "train"}
    for path, entry in entries.items():
        assert entry.id == git(projects.public, "rev-parse", f"main:{path}")


def test_an_unusual_folder_name_keeps_its_tree(take: Take, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    git(tmp_path / "p", "init", "--quiet", "--initial-branch=main")
    for name in ("mit Zwischenraum", "größe", "a\tb"):
        (tmp_path / "p" / name).mkdir()
        (tmp_path / "p" / name / "x").write_text(name)
    commit(tmp_path / "p", "odd")
    entries = take(tmp_path / "p").checkout.entries
    folders = {path for path, entry in entries.items() if entry.kind == "folder"}
    assert folders == {"mit Zwischenraum", "größe", "a\tb"}


@pytest.mark.parametrize("name", ["with space", "100%25", "quote'\"", "käse", "a:b"])
def test_a_folder_of_any_name_is_found(take: Take, tmp_path: Path, name: str) -> None:
    make_project(tmp_path / name)
    assert take(tmp_path / name).files == AT_MAIN


def test_a_bare_repository_is_fine(take: Take, projects: Projects, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(projects.public), "bare.git")
    assert take(tmp_path / "bare.git").files == AT_MAIN


def test_a_repository_whose_git_folder_is_a_link_is_fine(take: Take, tmp_path: Path) -> None:
    make_project(tmp_path / "project")
    (tmp_path / "project" / ".git").rename(tmp_path / "elsewhere")
    (tmp_path / "project" / ".git").symlink_to(tmp_path / "elsewhere")
    assert take(tmp_path / "project").files == AT_MAIN


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository away")
def test_a_repository_of_another_user_is_fine(take: Take, tmp_path: Path) -> None:
    make_project(tmp_path / "project")
    for path in (tmp_path / "project", *(tmp_path / "project").rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    assert take(tmp_path / "project").files == AT_MAIN


@pytest.mark.parametrize("by_commit", [False, True])
def test_a_filter_of_the_user_s_config_sees_the_remote(
    take: Take, tmp_path: Path, environment: dict[str, str], by_commit: bool
) -> None:
    # As Git LFS does, which fetches a file's contents from there.
    ids = make_project(tmp_path / "project")
    (tmp_path / "project" / ".gitattributes").write_text("*.big filter=big\n")
    (tmp_path / "project" / "model.big").write_text("pointer")
    ids["main"] = commit(tmp_path / "project", "large")
    Path(environment["HOME"], ".gitconfig").write_text(
        '[filter "big"]\n\tsmudge = cat && echo && git config remote.origin.url\n'
    )
    taken = take(tmp_path / "project", "main", ids["main"] if by_commit else "")
    assert taken.files["model.big"] == f"pointer\nfile://{tmp_path}/project\n"


def test_a_filter_that_fails_is_told(
    take: Take, tmp_path: Path, environment: dict[str, str]
) -> None:
    make_project(tmp_path / "project")
    (tmp_path / "project" / ".gitattributes").write_text("*.py filter=big\n")
    commit(tmp_path / "project", "large")
    Path(environment["HOME"], ".gitconfig").write_text(
        '[filter "big"]\n\tsmudge = false\n\trequired = true\n'
    )
    with pytest.raises(SourceError, match=r"a filter of your git config \(Git LFS\?\) failed"):
        take(tmp_path / "project")


def test_only_committed_files_are_checked_out(take: Take, tmp_path: Path) -> None:
    make_project(tmp_path / "project")
    (tmp_path / "project" / "train" / "main.py").write_text("changed")
    (tmp_path / "project" / "new").write_text("new")
    assert take(tmp_path / "project").files == AT_MAIN


def test_git_tells_its_version_first_and_then_what_it_does(take: Take, projects: Projects) -> None:
    by_branch, by_commit = (
        take(projects.public).said,
        take(projects.public, "main", projects.commits["main"]).said,
    )
    assert by_branch[0].startswith("git version ")
    assert by_branch[1:] == ["Cloning into 'bodywork_project'..."]
    assert by_commit[:2] == by_branch


def test_progress_is_told_as_lines_that_have_an_end(
    environment: dict[str, str], projects: Projects
) -> None:
    said: list[str] = []
    source = GitSource(environment, progress=True)
    with source.checkout(str(projects.public), "main", say=said.append):
        assert any(line.startswith("Receiving objects: 100%") for line in said)
        assert not any("\r" in line for line in said)


def test_the_folder_is_private_and_gone_afterwards(
    environment: dict[str, str], temporary: Path, projects: Projects
) -> None:
    source = GitSource(environment, temporary)
    with source.checkout(str(projects.public), "main", say=lambda _: None) as checkout:
        assert checkout.folder.is_dir()
        assert checkout.folder.parent.stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_folder_is_gone_after_an_error(
    environment: dict[str, str],
    temporary: Path,
    projects: Projects,
    error: type[BaseException],
) -> None:
    def fail() -> None:
        source = GitSource(environment, temporary)
        with source.checkout(str(projects.public), "main", say=lambda _: None) as checkout:
            (checkout.folder / "train").chmod(0)
            raise error

    with pytest.raises(error):
        fail()
    assert list(temporary.iterdir()) == []


def test_the_folder_is_gone_when_the_checkout_fails(take: Take, temporary: Path) -> None:
    with pytest.raises(SourceError):
        take("/nowhere")
    assert list(temporary.iterdir()) == []


def test_a_folder_whose_program_was_killed_is_removed_by_the_next_checkout(
    take: Take, temporary: Path, projects: Projects
) -> None:
    program = (
        "import os, signal, sys, pathlib; from bodywork.git import GitSource\n"
        "source = GitSource(os.environ, pathlib.Path(sys.argv[1]))\n"
        "with source.checkout(sys.argv[2], 'main', say=print):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    arguments = [sys.executable, "-c", program, str(temporary), str(projects.public)]
    killed = subprocess.run(arguments, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(temporary.iterdir())) == 1
    take(projects.public)
    assert list(temporary.iterdir()) == []


def test_a_folder_in_use_is_left_alone_by_other_checkouts(
    environment: dict[str, str], temporary: Path, projects: Projects, take: Take
) -> None:
    source = GitSource(environment, temporary)
    with source.checkout(str(projects.public), "main", say=lambda _: None) as checkout:
        take(projects.public)
        assert (checkout.folder / "train" / "main.py").is_file()


def test_checkouts_side_by_side_do_not_disturb_each_other(take: Take, projects: Projects) -> None:
    results: list[dict[str, str]] = []
    threads = [
        threading.Thread(target=lambda: results.append(take(projects.public).files))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [AT_MAIN] * 8
