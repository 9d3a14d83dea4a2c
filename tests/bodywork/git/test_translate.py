"""Git's messages become ours; what needs this machine only is provoked with the real git."""

from pathlib import Path

import pytest

from bodywork.errors import SourceError
from bodywork.git import parse_repository
from bodywork.git.translate import Wanted, translate
from tests.bodywork.git.conftest import Projects, Take
from tests.servers.repositories import git


def test_a_missing_folder_is_told(take: Take, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"there is no Git repository {tmp_path}/none") as caught:
        take(tmp_path / "none")
    assert ".git" in caught.value.hint


def test_a_folder_that_is_no_repository_is_told(take: Take, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no Git repository"):
        take(tmp_path)


def test_a_missing_branch_is_told(take: Take, projects: Projects) -> None:
    with pytest.raises(SourceError, match=r"there is no branch or tag 'nope' in /.*public"):
        take(projects.public, "nope")


@pytest.mark.parametrize("name", ["1234567", "1" * 40])
def test_a_missing_commit_is_told(take: Take, projects: Projects, name: str) -> None:
    with pytest.raises(SourceError, match=f"there is no commit {name} in /"):
        take(projects.public, name)


def test_a_commit_that_was_recorded_and_is_gone_is_told(take: Take, projects: Projects) -> None:
    with pytest.raises(SourceError, match=f"there is no commit {'2' * 40} in /"):
        take(projects.public, "main", "2" * 40)


def test_an_id_that_is_no_commit_s_is_told(take: Take, projects: Projects) -> None:
    tree = git(projects.public, "rev-parse", "main^{tree}")
    with pytest.raises(SourceError, match=f"there is no commit {tree}"):
        take(projects.public, tree)


@pytest.mark.parametrize("reference", ["main", "HEAD"])
def test_a_repository_without_a_commit_is_told(take: Take, tmp_path: Path, reference: str) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "empty")
    with pytest.raises(SourceError, match=r"there is no (commit|branch)"):
        take(tmp_path / "empty", reference)


def test_no_git_is_told(take: Take, projects: Projects) -> None:
    with pytest.raises(SourceError, match="git is not installed") as caught:
        take(projects.public, PATH="/nonexistent")
    assert "git --version" in caught.value.hint


def test_no_temporary_folder_is_told(take: Take, projects: Projects, temporary: Path) -> None:
    temporary.rmdir()
    with pytest.raises(SourceError, match="no temporary folder can be made") as caught:
        take(projects.public)
    assert "TMPDIR" in caught.value.hint
    assert not caught.value.temporary


def test_a_transport_that_only_a_config_brings_in_is_refused(
    take: Take, environment: dict[str, str], tmp_path: Path
) -> None:
    config = '[url "ext::sh -c touch% {}% "]\n\tinsteadOf = https://\n'
    Path(environment["HOME"], ".gitconfig").write_text(config.format(tmp_path / "ran"))
    with pytest.raises(SourceError, match="over a transport that is not allowed"):
        take("https://example.com/x")
    assert not (tmp_path / "ran").exists()


WANTED = Wanted(parse_repository("https://example.com/p"), "main", "")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        # The words of hosts that cannot be run here, as their users report them.
        ("ERROR: Repository not found.", "there is no Git repository"),
        ("remote: The project you were looking for could not be found", "there is no Git repo"),
        ("remote: HTTP Basic: Access denied. The provided password", "refuses the user or pass"),
        ("fatal: detected dubious ownership in repository at '/x'", "belongs to another user"),
        ("fatal: write error: No space left on device", "no room on the disk"),
        ("error: cannot run ssh: No such file or directory", "ssh is not installed"),
        (
            "fatal: unable to access 'https://e/': SSL certificate problem: self-signed",
            "TLS certificate of example.com",
        ),
        (
            "fatal: unable to access 'https://e/': OpenSSL SSL_connect: Connection reset by peer",
            "cannot be reached",
        ),
    ],
)
def test_words_of_other_hosts_and_versions_are_understood(line: str, message: str) -> None:
    assert message in translate(["Cloning into 'x'...", line], WANTED).message


def test_what_no_rule_fits_is_told_in_git_s_own_words() -> None:
    lines = ["fatal: the moon is full at https://u:p@e/", "fatal: the remote end hung up"]
    error = translate(lines, WANTED)
    assert error.message.endswith("fatal: the moon is full at https://***@e/")
    assert error.hint


def test_silence_is_told_as_such() -> None:
    assert translate([], WANTED).message.endswith("no reason was given")
