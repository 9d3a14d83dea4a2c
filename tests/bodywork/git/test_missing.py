"""What is not there is said once, with what is there: over each transport, by the real git."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bodywork.errors import SourceError
from bodywork.git import GitSource
from bodywork.git.missing import find_near
from tests.bodywork.git.conftest import Take
from tests.servers.repositories import commit, git
from tests.servers.secure_http import https_server
from tests.servers.secure_shell import SshServer

Fail = Callable[[str, str], SourceError]
"""A repository's name under the root and a reference → the error."""
KEY, HOSTS = "BODYWORK_GITHUB_SSH_PRIVATE_KEY", "BODYWORK_SSH_KNOWN_HOSTS"


def make_repository(folder: Path, *branches: str, initial: str = "master") -> Path:
    """Make a repository whose first commit is on `initial`, and on the branches as well."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", f"--initial-branch={initial}")
    commit(folder, "first", train__main_py="print(1)\n")
    for branch in branches:
        git(folder, "branch", branch)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repositories: `shop`, `many`, `tags`, `empty` (bare) and `dangling` (bare; no such HEAD)."""
    root = tmp_path_factory.mktemp("missing")
    make_repository(root / "shop", "broken", "Feature/Login", "v2")
    make_repository(root / "many", *(f"work-{number:02}" for number in range(19)))
    make_repository(root / "tags", initial="only")
    for name in ("v1", "v1.0-rc"):
        git(root / "tags", "tag", name)
    git(root / "tags", "checkout", "--quiet", "--detach")
    git(root / "tags", "branch", "--delete", "--force", "only")
    git(root, "init", "--quiet", "--bare", "empty")
    git(root, "clone", "--quiet", "--bare", "shop", "dangling")
    git(root / "dangling", "symbolic-ref", "HEAD", "refs/heads/gone")
    return root


@pytest.fixture(params=["path", "file", "ssh", "https"])
def fail(
    request: pytest.FixtureRequest, root: Path, environment: dict[str, str], temporary: Path
) -> Iterator[Fail]:
    """Check out over a transport; what git wrote must not say again what the error says."""
    more: dict[str, str] = {}
    address = {"path": str(root), "file": root.as_uri()}.get(request.param, "")
    if request.param == "ssh":
        sshd: SshServer = request.getfixturevalue("sshd")
        address, more = sshd.url(root), {KEY: sshd.key, HOSTS: sshd.known_hosts}
    if request.param == "https":
        certificates = request.getfixturevalue("tmp_path") / "certificates"
        with https_server(root, certificates) as server:
            address, more = server.url("").rstrip("/"), {"GIT_SSL_CAINFO": str(server.authority)}
            yield failing(GitSource(environment | more, temporary), address)
        return
    yield failing(GitSource(environment | more, temporary), address)


def failing(source: GitSource, address: str) -> Fail:
    def run(name: str, reference: str) -> SourceError:
        said: list[str] = []
        with (
            pytest.raises(SourceError) as caught,
            source.checkout(f"{address}/{name}", reference, say=said.append),
        ):
            pass
        shown = [line for line in said if not line.startswith(("git version", "Cloning into"))]
        assert shown == []
        assert "\n" not in caught.value.message + caught.value.hint
        return caught.value

    return run


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("main", "did you mean master?"),
        ("Master", "did you mean master?"),
        ("masster", "did you mean master?"),
        ("brokne", "did you mean broken?"),
        ("feature/login", "did you mean Feature/Login?"),
        ("login", "did you mean Feature/Login?"),
        ("refs/heads/broken", "did you mean broken?"),
        ("origin/broken", "did you mean broken?"),
        ("V2", "did you mean v2?"),
    ],
)
def test_a_near_name_is_proposed(fail: Fail, reference: str, hint: str) -> None:
    error = fail("shop", reference)
    assert error.message.startswith(f"there is no branch or tag '{reference}' in ")
    assert (error.hint, error.temporary) == (hint, False)


def test_what_there_is_is_listed_where_nothing_is_near(fail: Fail) -> None:
    listed = fail("shop", "xyz").hint.removeprefix("there is: ").split(", ")
    assert sorted(listed) == ["Feature/Login", "broken", "master", "v2"]


def test_a_long_list_is_cut(fail: Fail) -> None:
    hint = fail("many", "xyz").hint
    assert hint.endswith(" and 12 more")
    assert hint.count("work-") + hint.count("master") == 8


def test_a_beginning_of_a_commit_that_is_too_short_is_said_to_be(fail: Fail) -> None:
    assert fail("shop", "12ab").hint.startswith("a commit needs 7 of its digits at least; there is")


def test_tags_are_named_as_well(fail: Fail) -> None:
    assert fail("tags", "v1.0-rc1").hint == "did you mean v1.0-rc?"


@pytest.mark.parametrize("reference", ["main", "HEAD"])
def test_a_repository_without_a_commit_is_empty(fail: Fail, reference: str) -> None:
    assert fail("empty", reference).hint == "the repository is empty: push a branch"


def test_a_head_that_leads_nowhere_is_answered_with_what_there_is(fail: Fail) -> None:
    error = fail("dangling", "HEAD")
    assert error.message.startswith("there is no commit at the HEAD of ")
    assert "master" in error.hint


def test_a_repository_that_is_not_there_is_said_once(fail: Fail) -> None:
    error = fail("none", "main")
    assert error.message.startswith("there is no Git repository ")
    assert (bool(error.hint), error.temporary) == (True, False)


# -- a folder of this machine ----------------------------------------------------------------------


def told(take: Take, folder: Path, reference: str = "main") -> SourceError:
    with pytest.raises(SourceError) as caught:
        take(folder, reference)
    return caught.value


@pytest.mark.parametrize(("initial", "after"), [("main", ""), ("master", " && git branch -m main")])
def test_nothing_is_committed_yet(take: Take, tmp_path: Path, initial: str, after: str) -> None:
    git(tmp_path, "init", "--quiet", f"--initial-branch={initial}", "shop")
    (tmp_path / "shop" / "bodywork.ini").write_text("")
    error = told(take, tmp_path / "shop")
    assert error.message == f"there is no branch or tag 'main' in {tmp_path}/shop"
    assert error.hint == f'nothing is committed yet: git add . && git commit -m "…"{after}'


def test_the_hint_for_nothing_committed_works_as_it_stands(take: Take, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=master", "shop")
    (tmp_path / "shop" / "file").write_text("x")
    follow(told(take, tmp_path / "shop").hint.partition(": ")[2], tmp_path / "shop")
    assert take(tmp_path / "shop").files == {"file": "x"}


def test_a_folder_without_a_repository_is_told_how_to_become_one(
    take: Take, tmp_path: Path
) -> None:
    (tmp_path / "my shop").mkdir()
    (tmp_path / "my shop" / "file").write_text("x")
    error = told(take, tmp_path / "my shop")
    assert error.message == f"there is no Git repository {tmp_path}/my shop: the folder has no .git"
    assert error.hint.endswith('&& git init -b main && git add . && git commit -m "…"')
    follow(error.hint, tmp_path)
    assert take(tmp_path / "my shop").files == {"file": "x"}


def test_a_folder_of_a_repository_is_told_its_root(take: Take, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "shop")
    (shop / "train" / "deep").mkdir()
    for folder in (shop / "train", shop / "train" / "deep"):
        error = told(take, folder)
        assert error.message.endswith(f"{folder}: it is a folder of the repository {shop}")
        assert error.hint.startswith(f"give {shop}; ")


def test_a_path_with_a_typo_is_told_the_folder_beside_it(take: Take, tmp_path: Path) -> None:
    make_repository(tmp_path / "shop")
    error = told(take, tmp_path / "shoop")
    assert error.message.endswith(": the folder does not exist")
    assert error.hint == f"did you mean {tmp_path}/shop?"


def test_a_file_is_not_a_repository(take: Take, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert told(take, tmp_path / "file").message.endswith("/file: it is a file")
    assert told(take, tmp_path / "file" / "below").message.endswith("/below: it is a file")


@pytest.mark.parametrize("as_file", [False, True])
def test_a_damaged_repository_is_said_to_be(take: Take, tmp_path: Path, as_file: bool) -> None:
    (tmp_path / "shop").mkdir()
    if as_file:
        (tmp_path / "shop" / ".git").write_text("gitdir: /nowhere\n")
    else:
        (tmp_path / "shop" / ".git").mkdir()
    error = told(take, tmp_path / "shop")
    assert error.message.endswith("/shop: its .git is damaged")
    assert error.hint == f"`git -C {tmp_path}/shop status` says how"


@pytest.mark.parametrize("reference", ["broken", "origin/broken"])
def test_a_branch_that_a_clone_has_not_made_its_own_comes_with_the_command(
    take: Take, tmp_path: Path, reference: str
) -> None:
    make_repository(tmp_path / "shop", "broken")
    git(tmp_path, "clone", "--quiet", "shop", "clone")
    hint = told(take, tmp_path / "clone", reference).hint
    assert hint.startswith("this clone has it as origin/broken only: ")
    follow(hint.partition(": ")[2].partition(", then")[0], tmp_path)
    assert take(tmp_path / "clone", "broken").files


def test_the_newest_branch_is_named_first(take: Take, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "shop", "a-old", "z-new")
    git(shop, "checkout", "--quiet", "z-new")
    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "x", "--allow-empty"],
        cwd=shop,
        env=os.environ | {"GIT_COMMITTER_DATE": "2038-01-01T00:00:00Z"},
        check=True,
    )
    assert told(take, shop, "quite-other").hint == "there is: z-new, a-old, master"


def test_a_detached_commit_without_a_branch_is_named(take: Take, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "shop", initial="only")
    git(shop, "checkout", "--quiet", "--detach")
    git(shop, "branch", "--delete", "--force", "only")
    hint = told(take, shop).hint
    assert git(shop, "rev-parse", "--short=7", "HEAD") in hint
    follow(hint.rpartition(": ")[2], shop)
    assert take(shop).files


def test_a_missing_commit_of_a_folder_is_not_asked_to_be_pushed(take: Take, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "shop")
    assert told(take, shop, "1234567").hint == f"`git -C {shop} log --all --oneline` lists them"


def follow(hint: str, folder: Path) -> None:
    """Do what a hint says, as a user who pastes it into a shell."""
    who = {
        f"GIT_{role}_{what}": "a@b"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    subprocess.run(hint, shell=True, cwd=folder, check=True, env=os.environ | who, timeout=60)


@pytest.mark.parametrize(
    ("wanted", "names", "near"),
    [
        ("main", ["maint", "master"], "master"),
        ("master", ["main"], "main"),
        ("trunk", ["main"], "main"),
        ("release/1.0", ["release-1.0"], "release-1.0"),
        ("remotes/origin/dev", ["dev"], "dev"),
        ("xyz", ["main"], ""),
        ("main", [], ""),
    ],
)
def test_the_nearest_name(wanted: str, names: list[str], near: str) -> None:
    assert find_near(wanted, names) == near


def test_git_of_another_program_s_output_is_passed_on_where_it_is_not_replaced(
    environment: dict[str, str], temporary: Path, tmp_path: Path
) -> None:
    # A credential helper that asks the user to go somewhere must be heard.
    (tmp_path / "git").write_text(
        "#!/bin/sh\necho 'open https://example.com/device and enter ABCD'\n"
        "echo 'fatal: unable to access: Could not resolve host: example.com'\nexit 128\n"
    )
    (tmp_path / "git").chmod(0o755)
    said: list[str] = []
    source = GitSource(environment | {"PATH": f"{tmp_path}:{os.defpath}"}, temporary)
    with (
        pytest.raises(SourceError, match="cannot be found"),
        source.checkout("https://example.com/p", "main", say=said.append),
    ):
        pass
    assert set(said) == {"open https://example.com/device and enter ABCD"}
    assert shutil.which("git")
