"""A repository is looked at where it stands: what is said of it, and that nothing of it runs."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from bodywork.git.doctor import examine_repository
from bodywork.git.folder import SECONDS, WorkTree, find_head, inspect_folder
from tests.bodywork.git.conftest import Take
from tests.servers.repositories import commit, git, make_project


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    make_project(tmp_path / "shop")
    return tmp_path / "shop"


def changed(folder: Path, environment: dict[str, str]) -> list[str]:
    tree = inspect_folder(str(folder), environment)
    assert tree is not None
    return list(tree.changed)


# -- what is not committed -------------------------------------------------------------------------


def test_a_clean_folder_has_nothing_to_say(take: Take, shop: Path) -> None:
    assert take(shop).checkout.note == ""


def test_changes_are_named_with_the_commit_that_runs(take: Take, shop: Path) -> None:
    (shop / "train" / "main.py").write_text("changed")
    (shop / "bodywork.ini").write_text("changed")
    head = git(shop, "rev-parse", "--short=7", "main")
    assert take(shop).checkout.note == (
        f"{shop} has changes that are not committed (bodywork.ini, train/main.py); "
        f"the run uses commit {head}"
    )


@pytest.mark.parametrize("form", ["file://{}", "{}/.git", "{}/"])
def test_the_note_does_not_depend_on_how_the_folder_is_given(
    take: Take, shop: Path, form: str
) -> None:
    (shop / "new").write_text("x")
    assert take(form.format(shop)).checkout.note.startswith(f"{shop} has changes")


def test_a_commit_that_was_asked_for_is_the_one_that_is_named(take: Take, shop: Path) -> None:
    (shop / "new").write_text("x")
    first = git(shop, "rev-parse", "v1^{commit}")
    assert take(shop, "main", first).checkout.note.endswith(f"the run uses commit {first[:7]}")


def test_another_branch_that_is_checked_out_is_named(take: Take, shop: Path) -> None:
    git(shop, "checkout", "--quiet", "dev")
    (shop / "new").write_text("x")
    note = take(shop).checkout.note
    assert note.startswith(f"{shop} is on branch dev and has changes that are not committed (new);")
    assert note.endswith(" of main")


def test_every_kind_of_change_counts(shop: Path, environment: dict[str, str]) -> None:
    for name in ("modified", "deleted", "renamed", "staged", "ignored.log"):
        (shop / name).write_text(name * 9)
    (shop / ".gitignore").write_text("*.log\n")
    commit(shop, "files")
    (shop / "modified").write_text("x")
    (shop / "deleted").unlink()
    git(shop, "mv", "renamed", "moved")
    (shop / "staged").write_text("x")
    git(shop, "add", "staged")
    (shop / "stage").mkdir()
    (shop / "stage" / "new").write_text("x")
    (shop / "also.log").write_text("x")
    expected = {"modified", "deleted", "renamed", "moved", "staged", "stage/"}
    assert set(changed(shop, environment)) == expected
    assert changed(shop, environment)[-1] == "stage/"  # what git does not know comes last


def test_a_conflict_counts(shop: Path, environment: dict[str, str]) -> None:
    commit(shop, "ours", train__main_py="ours")
    merge = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "merge", "dev"]
    assert subprocess.run(merge, cwd=shop, capture_output=True, check=False).returncode
    assert changed(shop, environment) == ["train/main.py"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (1, "f0"),
        (3, "f0, f1, f2"),
        (4, "f0, f1 and 2 more"),
        (5, "f0, f1 and 3 more"),
    ],
)
def test_a_few_names_are_said(count: int, text: str) -> None:
    tree = WorkTree("/shop", "main", "c", tuple(f"f{number}" for number in range(count)))
    assert tree.describe_changed() == text


@pytest.mark.parametrize(
    "name",
    ["line\nbreak", "esc\x1b[2Jape", "bell\x07", "\u202egnp.exe", "tab\there", "ü und mehr", "? x"],
)
def test_a_name_cannot_steer_the_terminal(
    take: Take, shop: Path, environment: dict[str, str], name: str
) -> None:
    (shop / name).write_text("x")
    note = take(shop).checkout.note
    assert len(changed(shop, environment)) == 1
    assert not {"\n", "\x1b", "\x07", "\u202e"} & set(note)
    assert name.isprintable() is False or name in note


def test_a_name_that_is_not_text_or_very_long_is_still_one_name(
    shop: Path, environment: dict[str, str]
) -> None:
    (shop / os.fsdecode(b"caf\xe9")).write_text("x")
    (shop / ("x" * 200)).write_text("x")
    assert max(len(name) for name in changed(shop, environment)) <= 60


def test_submodules_are_left_out(shop: Path, environment: dict[str, str], tmp_path: Path) -> None:
    make_project(tmp_path / "other")
    add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    git(shop, *add, str(tmp_path / "other"), "sub")
    commit(shop, "with a submodule")
    (shop / "sub" / "new").write_text("x")
    assert changed(shop, environment) == []


def test_a_linked_work_tree_is_looked_at_itself(
    shop: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    git(shop, "worktree", "add", "--quiet", str(tmp_path / "linked"), "dev")
    (tmp_path / "linked" / "new").write_text("x")
    tree = inspect_folder(str(tmp_path / "linked"), environment)
    assert tree is not None
    assert (tree.branch, tree.changed) == ("dev", ("new",))
    assert changed(shop, environment) == []


@pytest.mark.parametrize("kind", ["none", "plain", "bare", "subfolder", "damaged"])
def test_where_there_is_no_work_tree_nothing_is_said(
    shop: Path, environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    folder = shop / "train" if kind == "subfolder" else tmp_path / kind
    if kind == "plain":
        folder.mkdir()
    if kind == "bare":
        git(tmp_path, "init", "--quiet", "--bare", "bare")
    if kind == "damaged":
        (folder / ".git").mkdir(parents=True)
    assert inspect_folder(str(folder), environment) is None


# -- it only looks ---------------------------------------------------------------------------------


@pytest.fixture
def attack(tmp_path: Path) -> Path:
    """A program that leaves a mark, `attacked`, beside it."""
    program = tmp_path / "attack"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/attacked\ncat\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.mark.parametrize(
    "settings",
    [
        {"core.fsmonitor": "{}"},
        {"core.hooksPath": "{}-hooks"},
        {"filter.evil.clean": "{}"},
        {"filter.evil.process": "{}"},
        {"filter.evil.clean": "{}", "filter.evil.required": "true"},
        {"filter.e=v.il.clean": "{}"},
        {"filter.E=vil.process": "{}", "filter.evil.clean": "{}"},
        {"core.sshCommand": "{}", "core.pager": "{}", "core.editor": "{}", "alias.status": "!{}"},
        {"diff.external": "{}", "diff.evil.textconv": "{}", "diff.evil.command": "{}"},
        {
            "extensions.partialClone": "origin",
            "remote.origin.promisor": "true",
            "remote.origin.url": "{}-nowhere",
            "remote.origin.uploadpack": "{}",
        },
    ],
)
def test_nothing_that_the_repository_s_config_names_is_run(
    shop: Path, environment: dict[str, str], attack: Path, settings: dict[str, str]
) -> None:
    (shop / ".gitattributes").write_text(
        "*.py filter=evil diff=evil\n*.ini filter=E=vil\nserve/* filter=e=v.il\n"
    )
    commit(shop, "attributes")
    hooks = Path(f"{attack}-hooks")
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction"):
        (hooks / name).symlink_to(attack)
    git(shop, "config", "core.repositoryFormatVersion", "1")
    for key, value in settings.items():
        git(shop, "config", key, value.format(attack))
    for file in (shop / "train" / "main.py", shop / "serve" / "main.py", shop / "bodywork.ini"):
        os.utime(file, ns=(1, 1))  # so that git must look into it
    first, tree = git(shop, "rev-parse", "v1^{commit}"), git(shop, "rev-parse", "HEAD^{tree}")
    if "extensions.partialClone" in settings:
        (shop / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    inspect_folder(str(shop), environment)
    find_head(str(shop), "main", first, environment)
    examine_repository(str(shop), environment)
    assert not (attack.parent / "attacked").exists()


def test_a_filter_would_run_without_our_settings(shop: Path, attack: Path) -> None:
    # That the test above can fail at all.
    (shop / ".gitattributes").write_text("*.py filter=evil\n")
    commit(shop, "attributes")
    git(shop, "config", "filter.evil.clean", str(attack))
    os.utime(shop / "train" / "main.py", ns=(1, 1))
    git(shop, "status", "--porcelain")
    assert (attack.parent / "attacked").exists()


def test_a_filter_of_the_user_s_own_config_counts(shop: Path, environment: dict[str, str]) -> None:
    # As with Git LFS: the file differs from what is committed, and is yet unchanged.
    Path(environment["HOME"], ".gitconfig").write_text(
        '[filter "upper"]\n\tclean = tr a-z A-Z\n\tsmudge = tr A-Z a-z\n'
    )
    (shop / ".gitattributes").write_text("*.big filter=upper\n")
    (shop / "model.big").write_text("WEIGHTS")
    commit(shop, "large")
    (shop / "model.big").write_text("weights")
    os.utime(shop / "model.big", ns=(1, 1))
    assert changed(shop, environment) == []


def test_nothing_of_the_repository_is_written(shop: Path, environment: dict[str, str]) -> None:
    os.utime(shop / "train" / "main.py", ns=(1, 1))  # git would note that it is unchanged
    before = {path: path.stat().st_mtime_ns for path in shop.rglob("*")}
    assert changed(shop, environment) == []
    find_head(str(shop), "main", git(shop, "rev-parse", "main"), environment)
    assert {path: path.stat().st_mtime_ns for path in shop.rglob("*")} == before


def test_a_git_that_hangs_keeps_nobody_waiting(
    shop: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "git").chmod(0o755)
    slow = environment | {"PATH": f"{tmp_path}:{os.defpath}"}
    assert inspect_folder(str(shop), slow, seconds=0.2) is None
    assert SECONDS <= 10


@pytest.mark.parametrize("count", ["", "1", "nonsense"])
def test_settings_in_the_user_s_environment_stay(
    shop: Path, environment: dict[str, str], count: str
) -> None:
    git(shop, "config", "filter.any.clean", "false")
    given = {"GIT_CONFIG_COUNT": count, "GIT_CONFIG_KEY_0": "core.excludesFile"}
    (shop / "new").write_text("x")
    Path(environment["HOME"], "ignored").write_text("new\n")
    more = environment | given | {"GIT_CONFIG_VALUE_0": f"{environment['HOME']}/ignored"}
    tree = inspect_folder(str(shop), more)
    if count == "1":
        assert tree is not None
        assert tree.changed == ()
    if count == "":
        assert tree is not None
        assert tree.changed == ("new",)


# -- where a branch points -------------------------------------------------------------------------


def test_the_newer_commits_of_a_branch_are_counted(shop: Path, environment: dict[str, str]) -> None:
    first, main = git(shop, "rev-parse", "v1^{commit}"), git(shop, "rev-parse", "main")
    head = find_head(str(shop), "main", first, environment)
    assert head is not None
    assert (head.commit, head.newer) == (main, 2)
    assert head.describe() == f"main is at {main[:7]}, 2 commits newer"
    at_head = find_head(shop.as_uri(), "main", main, environment)
    assert at_head is not None
    assert (at_head.newer, at_head.describe()) == (0, f"main is at {main[:7]}")


@pytest.mark.parametrize(
    ("repository", "reference", "commit"),
    [
        ("https://127.0.0.1:1/shop", "main", "0" * 40),
        ("git@127.0.0.1:shop", "main", "0" * 40),
        ("/no/such/folder", "main", "0" * 40),
        ("{shop}", "v1", "{main}"),
        ("{shop}", "none", "{main}"),
        ("{shop}", "--all", "{main}"),
        ("{shop}", "main", "0" * 40),
        ("{shop}", "main", "--output=/tmp/x"),
        ("{shop}", "main", ""),
        ("ext::sh", "main", "0" * 40),
    ],
)
def test_what_is_not_a_branch_of_this_machine_points_nowhere(
    shop: Path, environment: dict[str, str], repository: str, reference: str, commit: str
) -> None:
    main = git(shop, "rev-parse", "main")
    repository, commit = repository.format(shop=shop), commit.format(main=main)
    assert find_head(repository, reference, commit, environment) is None


# -- doctor ----------------------------------------------------------------------------------------


def test_a_repository_in_which_all_is_committed_is_fine(
    shop: Path, environment: dict[str, str]
) -> None:
    check = examine_repository(str(shop), environment)
    head = git(shop, "rev-parse", "--short=7", "HEAD")
    assert (check.status, check.message) == ("ok", f"{shop}, branch main at commit {head}")
    git(shop, "checkout", "--quiet", "--detach")
    detached = examine_repository(str(shop), environment)
    assert "no branch is checked out, at commit" in detached.message


def test_what_is_not_committed_is_a_warning(shop: Path, environment: dict[str, str]) -> None:
    (shop / "train" / "main.py").write_text("changed")
    check = examine_repository(str(shop), environment)
    assert check.status == "warning"
    assert check.message.endswith("; not committed: train/main.py")
    assert "git add . && git commit" in check.hint


@pytest.mark.parametrize(
    ("kind", "status", "message", "hint"),
    [
        ("plain", "fail", "the folder has no .git", "git init -b main && git add . && git commit"),
        ("unborn", "fail", "nothing is committed yet", "git add . && git commit"),
        ("shop/train", "fail", "is a folder of the repository", "give "),
        ("damaged", "fail", "its .git is damaged", "status"),
        ("bare", "ok", "a bare repository", ""),
    ],
)
def test_each_mistake_is_found_before_the_run(
    shop: Path,
    environment: dict[str, str],
    tmp_path: Path,
    kind: str,
    status: str,
    message: str,
    hint: str,
) -> None:
    (tmp_path / "plain").mkdir()
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "unborn")
    (tmp_path / "damaged" / ".git").mkdir(parents=True)
    git(tmp_path, "init", "--quiet", "--bare", "bare")
    check = examine_repository(str(tmp_path / kind), environment)
    assert (check.name, check.status) == ("repository", status)
    assert message in check.message
    assert hint in check.hint


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository away")
def test_a_repository_of_another_user_is_not_looked_into(
    shop: Path, environment: dict[str, str], take: Take
) -> None:
    for path in (shop, *shop.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    check = examine_repository(str(shop), environment)
    assert (check.status, "belongs to another user" in check.message) == ("warning", True)
    assert check.hint == f"git config --global --add safe.directory {shop}"
    assert take(shop).checkout.note == ""


def test_without_git_nothing_is_examined(shop: Path) -> None:
    assert examine_repository(str(shop), {"PATH": "/nonexistent"}).status == "skipped"
