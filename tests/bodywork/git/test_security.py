"""Hostile addresses, repositories, environments and configs, against the real git."""

import os
from pathlib import Path

import pytest

from bodywork.errors import SourceError
from bodywork.git import GitSource
from bodywork.git.command import build_environment
from tests.bodywork.git.conftest import Projects, Take
from tests.servers.repositories import commit, git, make_project


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """The file that exists when an attack worked."""
    return tmp_path / "attacked"


def hook(folder: Path, name: str, mark: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    "address",
    [
        "--upload-pack=touch {}",
        "-utouch {}",
        "--config=core.sshCommand=touch {}",
        "ext::sh -c touch% {}",
        "ext::touch {}",
        "ssh://-oProxyCommand=touch%20{}/x",
        "-oProxyCommand=touch {}:x",
        "file:///tmp/x;touch {}",
        "/tmp/$(touch {})",
        "/tmp/`touch {}`",
        "/tmp/x' ; touch {} '",
    ],
)
def test_no_address_runs_a_command(take: Take, mark: Path, address: str) -> None:
    with pytest.raises(SourceError):
        take(address.format(mark))
    assert not mark.exists()


@pytest.mark.parametrize("name", ["--upload-pack=touch {}", "-x", "main\n", "main --all", "a:b"])
def test_no_reference_is_an_option(take: Take, projects: Projects, mark: Path, name: str) -> None:
    with pytest.raises(SourceError):
        take(projects.public, name.format(mark))
    assert not mark.exists()


def test_a_branch_named_like_an_option_is_refused_though_it_is_there(
    take: Take, tmp_path: Path
) -> None:
    make_project(tmp_path / "p")
    git(tmp_path / "p", "update-ref", "refs/heads/-x", "main")
    with pytest.raises(SourceError, match="cannot be the name of a branch"):
        take(tmp_path / "p", "-x")


def test_hooks_of_repository_user_and_template_do_not_run(
    take: Take, tmp_path: Path, environment: dict[str, str], mark: Path
) -> None:
    ids = make_project(tmp_path / "p")
    template = tmp_path / "template"
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        hook(tmp_path / "p" / ".git" / "hooks", name, mark)
        hook(template / "hooks", name, mark)
        hook(tmp_path / "hooks", name, mark)
    Path(environment["HOME"], ".gitconfig").write_text(
        f"[core]\n\thooksPath = {tmp_path}/hooks\n[init]\n\ttemplateDir = {template}\n"
    )
    take(tmp_path / "p")
    take(tmp_path / "p", "main", ids["first"])
    assert not mark.exists()


def test_the_template_s_hooks_would_run_without_our_settings(
    tmp_path: Path, environment: dict[str, str], mark: Path
) -> None:
    # That the test above can fail at all.
    make_project(tmp_path / "p")
    hook(tmp_path / "template" / "hooks", "post-checkout", mark)
    os.system(  # noqa: S605  (constant words)
        f"cd {tmp_path} && HOME={environment['HOME']} git clone -q --template=template p copy"
    )
    assert mark.exists()


def test_commands_of_the_user_s_config_and_environment_do_not_run(
    take: Take, tmp_path: Path, environment: dict[str, str], mark: Path
) -> None:
    program = tmp_path / "program"
    hook(tmp_path, "program", mark)
    Path(environment["HOME"], ".gitconfig").write_text(
        f"[core]\n\tfsmonitor = {program}\n\tsshCommand = {program}\n\tgitProxy = {program}\n"
    )
    ids = make_project(tmp_path / "p")
    more = {
        "GIT_SSH_COMMAND": str(program),
        "GIT_SSH": str(program),
        "GIT_PROXY_COMMAND": str(program),
        "GIT_EXTERNAL_DIFF": str(program),
        "GIT_TEMPLATE_DIR": str(tmp_path / "template"),
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor'='{program}'",
    }
    take(tmp_path / "p", **more)
    take(tmp_path / "p", "main", ids["first"], **more)
    with pytest.raises(SourceError, match="cannot be reached"):
        take("ssh://git@127.0.0.1:1/x", **more)
    assert not mark.exists()


def test_a_surrounding_repository_is_left_alone(
    take: Take, tmp_path: Path, projects: Projects
) -> None:
    make_project(tmp_path / "around")
    before = git(tmp_path / "around", "rev-parse", "HEAD")
    around = {
        "GIT_DIR": str(tmp_path / "around" / ".git"),
        "GIT_WORK_TREE": str(tmp_path / "around"),
        "GIT_INDEX_FILE": str(tmp_path / "around" / ".git" / "index"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "around" / ".git" / "objects"),
        "GIT_NAMESPACE": "x",
    }
    taken = take(projects.public, "main", projects.commits["first"], **around)
    assert taken.files["train/main.py"] == "print(1)\n"
    assert git(tmp_path / "around", "rev-parse", "HEAD") == before
    assert git(tmp_path / "around", "status", "--porcelain") == ""


def test_submodules_are_not_fetched(
    take: Take, tmp_path: Path, environment: dict[str, str], projects: Projects
) -> None:
    make_project(tmp_path / "p")
    add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    git(tmp_path / "p", *add, str(projects.public), "sub")
    latest = commit(tmp_path / "p", "with a submodule")
    Path(environment["HOME"], ".gitconfig").write_text("[submodule]\n\trecurse = true\n")
    for wanted in ("", latest):
        taken = take(tmp_path / "p", "main", wanted)
        assert not any(name.startswith("sub/") for name in taken.files)
        assert taken.checkout.entries["sub"].kind == "submodule"


def test_links_are_checked_out_as_links_and_removed_as_links(
    take: Take, tmp_path: Path, temporary: Path
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("keep")
    make_project(tmp_path / "p")
    (tmp_path / "p" / "link").symlink_to(tmp_path / "precious")
    commit(tmp_path / "p", "a link")
    taken = take(tmp_path / "p")
    assert taken.checkout.entries["link"].kind == "link"
    assert (tmp_path / "precious" / "file").read_text() == "keep"
    assert list(temporary.iterdir()) == []


def test_nothing_of_the_clone_is_in_the_folder(
    take: Take, projects: Projects, temporary: Path
) -> None:
    assert not any(name.startswith(".git") for name in take(projects.public).files)


def test_a_server_s_message_cannot_steer_the_terminal(take: Take, tmp_path: Path) -> None:
    make_project(tmp_path / "p")
    name = "esc\x1b[2Jape\x07"
    os.rename(tmp_path / "p", tmp_path / "q")
    with pytest.raises(SourceError) as caught:
        take(f"{tmp_path}/{name}")
    assert "\x1b" not in caught.value.message


def test_git_sees_none_of_our_secrets_and_asks_no_questions() -> None:
    built = build_environment(
        {
            "PATH": "/bin",
            "BODYWORK_GITHUB_SSH_PRIVATE_KEY": "canary",
            "BODYWORK_S3_PASSWORD": "canary",
            "GIT_DIR": "/x",
            "GIT_SSL_NO_VERIFY": "1",
            "GIT_TRACE": "1",
            "GIT_ALLOW_PROTOCOL": "ext",
            "GIT_SSL_CAINFO": "/ca",
            "LC_ALL": "de_DE.UTF-8",
        }
    )
    assert built == {
        "PATH": "/bin",
        "GIT_SSL_CAINFO": "/ca",
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file:https:ssh",
        "SSH_ASKPASS_REQUIRE": "never",
    }


def test_a_password_in_git_s_own_output_is_told_to_nobody(
    environment: dict[str, str], temporary: Path, tmp_path: Path
) -> None:
    # A helper or an `insteadOf` of the user's config can bring one in; git prints what it likes.
    (tmp_path / "git").write_text(
        '#!/bin/sh\necho "warning: https://ada:canary@host/p"\n'
        "echo \"fatal: odd thing at 'https://ada:canary@host/p/'\"\nexit 128\n"
    )
    (tmp_path / "git").chmod(0o755)
    said: list[str] = []
    source = GitSource(environment | {"PATH": f"{tmp_path}:/usr/bin:/bin"}, temporary)
    with (
        pytest.raises(SourceError, match=r"https://\*\*\*@host/p/") as caught,
        source.checkout("https://host/p", "main", say=said.append),
    ):
        pass
    assert "warning: https://***@host/p" in said
    assert "canary" not in "\n".join([*said, caught.value.message, caught.value.hint])
