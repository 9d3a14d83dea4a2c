"""Checking out over SSH and HTTPS, from real servers on this machine."""

import os
import subprocess
from http import HTTPStatus
from pathlib import Path

import pytest

from bodywork.errors import SourceError
from bodywork.git import GitSource
from tests.bodywork.git.conftest import Projects, Take
from tests.servers.secure_http import PASSWORD, USER, HttpsServer
from tests.servers.secure_shell import SshServer

KEY, HOSTS = "BODYWORK_GITHUB_SSH_PRIVATE_KEY", "BODYWORK_SSH_KNOWN_HOSTS"
ENCODED = f"{USER}:s3cr%3At%40%2F%20%25"


def trusted(server: SshServer) -> dict[str, str]:
    return {KEY: server.key, HOSTS: server.known_hosts}


def processes_with(argument: str) -> list[str]:
    """Return the command lines of all processes that were given this argument."""
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in told.stdout.splitlines() if argument in line]


# -- SSH ------------------------------------------------------------------------------------------


def test_a_private_repository_is_read_with_the_key_of_the_environment(
    take: Take, sshd: SshServer, projects: Projects
) -> None:
    url = sshd.url(projects.public)
    taken = take(url, "v1", **trusted(sshd))
    assert taken.checkout.commit == projects.commits["v1"]
    assert taken.checkout.repository == url


def test_a_commit_that_nothing_names_is_read_over_ssh(
    take: Take, sshd: SshServer, projects: Projects
) -> None:
    commit = projects.commits["middle"]
    assert take(sshd.url(projects.public), "main", commit, **trusted(sshd)).files


def test_the_short_form_of_an_ssh_address_reaches_ssh(take: Take) -> None:
    with pytest.raises(SourceError, match=r"host of git@no\.such\.invalid:path cannot be found"):
        take("git@no.such.invalid:path")


@pytest.mark.parametrize(
    "damage",
    [
        lambda key: key.replace("\n", "\\n"),
        lambda key: key.rstrip("\n"),
        lambda key: key.replace("\n", "\r\n"),
        lambda key: key.replace("\n", " "),
        lambda key: f"\n  {key}\n\n",
    ],
    ids=["escaped", "no last line end", "windows", "one line", "spaces around"],
)
def test_a_key_that_a_variable_has_bent_is_repaired(
    take: Take, sshd: SshServer, projects: Projects, damage: object
) -> None:
    assert callable(damage)
    assert take(sshd.url(projects.public), **trusted(sshd) | {KEY: damage(sshd.key)}).files


def test_known_hosts_may_be_a_file(
    take: Take, sshd: SshServer, projects: Projects, tmp_path: Path
) -> None:
    hosts = tmp_path / "my known hosts"
    hosts.write_text(sshd.known_hosts + "\n")
    assert take(sshd.url(projects.public), **trusted(sshd) | {HOSTS: str(hosts)}).files


def test_the_user_s_own_known_hosts_count(
    take: Take, sshd: SshServer, projects: Projects, environment: dict[str, str]
) -> None:
    own = Path(environment["HOME"], ".ssh")
    own.mkdir()
    (own / "known_hosts").write_text(sshd.known_hosts + "\n")
    assert take(sshd.url(projects.public), **{KEY: sshd.key}).files


def test_the_key_is_in_a_file_of_its_owner_and_gone_before_any_stage_could_run(
    environment: dict[str, str], temporary: Path, sshd: SshServer, projects: Projects
) -> None:
    modes: set[int] = set()

    def look(_: str) -> None:
        modes.update(path.stat().st_mode & 0o777 for path in temporary.glob("*/key"))

    source = GitSource(environment | trusted(sshd), temporary)
    with source.checkout(sshd.url(projects.public), "main", say=look):
        assert modes == {0o400}
        assert not list(temporary.rglob("key"))
        assert not list(temporary.rglob("known_hosts"))
    assert list(temporary.iterdir()) == []


def test_the_user_s_own_agent_is_asked_where_no_key_is_given(
    take: Take, sshd: SshServer, projects: Projects, tmp_path_factory: pytest.TempPathFactory
) -> None:
    socket = tmp_path_factory.mktemp("a") / "s"  # such a path may have about 100 characters only
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE, text=True
    ) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline().startswith("SSH_AUTH_SOCK")  # it listens by then
        own = {"SSH_AUTH_SOCK": str(socket)}
        subprocess.run(
            ["ssh-add", "-q", "-"], input=sshd.key, text=True, env=os.environ | own, check=True
        )
        url, hosts = sshd.url(projects.public), {HOSTS: sshd.known_hosts}
        assert take(url, **own, **hosts).files
        # A key that is given is the only one that counts.
        with pytest.raises(SourceError, match="accepts none of the SSH keys"):
            take(url, **own, **hosts, **{KEY: sshd.stranger})
        agent.terminate()


# -- HTTPS ----------------------------------------------------------------------------------------


def test_a_public_repository_is_read_over_https(
    take: Take, https: HttpsServer, projects: Projects
) -> None:
    taken = take(https.url("public"), "dev", GIT_SSL_CAINFO=str(https.authority))
    assert taken.checkout.commit == projects.commits["dev"]


def test_a_commit_that_nothing_names_is_read_over_https(
    take: Take, https: HttpsServer, projects: Projects
) -> None:
    commit = projects.commits["middle"]
    taken = take(https.url("public"), "main", commit, GIT_SSL_CAINFO=str(https.authority))
    assert taken.checkout.commit == commit


@pytest.mark.parametrize(("reference", "commit"), [("main", ""), ("main", "middle")])
def test_a_password_in_the_url_is_used_and_never_told(
    take: Take, https: HttpsServer, projects: Projects, reference: str, commit: str
) -> None:
    url = https.url("private/secret", ENCODED)
    wanted = projects.commits[commit] if commit else ""
    taken = take(url, reference, wanted, GIT_SSL_CAINFO=str(https.authority))
    assert taken.checkout.repository == https.url("private/secret", "***")
    told = "\n".join([*taken.said, repr(taken.checkout), *taken.files.values()])
    found = [secret for secret in (USER, PASSWORD, ENCODED.partition(":")[2]) if secret in told]
    assert found == [], told


def test_a_password_is_in_no_argument_list_where_other_users_could_read_it(
    environment: dict[str, str], temporary: Path, https: HttpsServer
) -> None:
    https.silent = True
    source = GitSource(environment | {"GIT_SSL_CAINFO": str(https.authority)}, temporary)
    seen: list[str] = []

    def look(line: str) -> None:
        if line.startswith("Cloning"):
            assert https.asked.wait(60)
            seen.extend(processes_with("git"))
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        source.checkout(https.url("private/secret", "ada:canary"), "main", say=look),
    ):
        pass
    assert seen
    assert not any("canary" in line for line in seen)


def test_the_user_s_own_credential_helper_is_asked(
    take: Take, https: HttpsServer, environment: dict[str, str]
) -> None:
    home = Path(environment["HOME"])
    (home / ".gitconfig").write_text("[credential]\n\thelper = store\n")
    (home / ".git-credentials").write_text(f"https://{ENCODED}@localhost:{https.port}\n")
    taken = take(https.url("private/secret"), GIT_SSL_CAINFO=str(https.authority))
    assert taken.files


def test_a_password_is_not_sent_to_another_host_that_the_server_points_at(
    take: Take, https: HttpsServer
) -> None:
    # What holds the password is bound to scheme, host and port; here only the port differs.
    url = https.url("private/secret", ENCODED).replace("localhost", "127.0.0.1")
    redirect = f"url.{https.url('')}.insteadOf"
    with pytest.raises(SourceError, match="no user and password are known"):
        take(
            url,
            GIT_SSL_CAINFO=str(https.authority),
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0=redirect,
            GIT_CONFIG_VALUE_0=f"https://127.0.0.1:{https.port}/",
        )


# -- the unhappy paths, each provoked for real -----------------------------------------------------


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (HTTPStatus.FORBIDDEN, r"localhost:\d+ does not permit to read https://localhost"),
        (HTTPStatus.BAD_GATEWAY, r"localhost:\d+ cannot serve .* at the moment"),
        (HTTPStatus.TOO_MANY_REQUESTS, r"localhost:\d+ cannot serve .* at the moment"),
        (HTTPStatus.NOT_FOUND, "there is no Git repository https://localhost"),
    ],
)
def test_a_refusal_of_an_https_server_is_told(
    take: Take, https: HttpsServer, status: HTTPStatus, message: str
) -> None:
    https.refuse = status
    with pytest.raises(SourceError, match=message) as caught:
        take(https.url("public"), GIT_SSL_CAINFO=str(https.authority))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("path", "userinfo", "message"),
    [
        ("nothing", "", "there is no Git repository https://localhost"),
        ("private/secret", "", "is private and no user and password are known"),
        ("private/secret", "ada:wr0ng", r"refuses the user or password for https://\*\*\*@local"),
        ("private/secret", "t0ken", r"refuses the user or password for https://\*\*\*@local"),
    ],
)
def test_what_an_https_server_does_not_give_is_told_without_the_password(
    take: Take, https: HttpsServer, path: str, userinfo: str, message: str
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        take(https.url(path, userinfo), GIT_SSL_CAINFO=str(https.authority))
    told = caught.value.message + caught.value.hint
    assert not userinfo or userinfo.rpartition(":")[2] not in told


def test_a_certificate_that_nobody_vouches_for_is_told(take: Take, https: HttpsServer) -> None:
    with pytest.raises(SourceError, match=r"the TLS certificate of localhost:\d+ was not accept"):
        take(https.url("public"))


def test_a_server_that_never_answers_is_given_up(
    environment: dict[str, str], temporary: Path, https: HttpsServer
) -> None:
    https.silent = True
    source = GitSource(
        environment | {"GIT_SSL_CAINFO": str(https.authority)}, temporary, time_limit=0.5
    )
    with (
        pytest.raises(SourceError, match=r"did not fetch https://localhost:\d+/public within 0.5"),
        source.checkout(https.url("public"), "main", say=lambda _: None),
    ):
        pass
    assert list(temporary.iterdir()) == []


def test_nothing_of_git_outlives_a_checkout_that_was_given_up(
    environment: dict[str, str], temporary: Path, https: HttpsServer
) -> None:
    https.silent = True
    source = GitSource(environment | {"GIT_SSL_CAINFO": str(https.authority)}, temporary)

    def stop(line: str) -> None:
        if line.startswith("Cloning"):
            assert https.asked.wait(60)  # git's helper for https is at work: a child of a child
            assert processes_with(https.url("public"))
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        source.checkout(https.url("public"), "main", say=stop),
    ):
        pass
    while processes_with(https.url("public")):
        pass  # killed, and gone within an instant, or the time limit of the tests strikes
    assert list(temporary.iterdir()) == []


def test_nobody_at_the_port_is_told(take: Take) -> None:
    with pytest.raises(SourceError, match=r"the host of https://localhost:1/x cannot be reached"):
        take("https://localhost:1/x")
    with pytest.raises(SourceError, match=r"the host of ssh://git@127\.0\.0\.1:1/x cannot be rea"):
        take("ssh://git@127.0.0.1:1/x")


def test_a_host_without_an_address_is_told(take: Take) -> None:
    with pytest.raises(SourceError, match=r"host of https://no\.such\.invalid/x cannot be found"):
        take("https://no.such.invalid/x")


def test_a_missing_repository_on_an_ssh_server_is_told(take: Take, sshd: SshServer) -> None:
    with pytest.raises(SourceError, match="there is no Git repository ssh://"):
        take(sshd.url(Path("/no/such/place")), **trusted(sshd))


def test_a_missing_branch_on_an_ssh_server_is_told(
    take: Take, sshd: SshServer, projects: Projects
) -> None:
    with pytest.raises(SourceError, match="no branch or tag 'TLS-certificate' in ssh://"):
        take(sshd.url(projects.public), "TLS-certificate", **trusted(sshd))


def test_a_key_that_the_server_does_not_let_in_is_told(
    take: Take, sshd: SshServer, projects: Projects
) -> None:
    with pytest.raises(SourceError, match="accepts none of the SSH keys") as caught:
        take(sshd.url(projects.public), **trusted(sshd) | {KEY: sshd.stranger})
    assert KEY in caught.value.hint


def test_no_key_at_all_is_told(take: Take, sshd: SshServer, projects: Projects) -> None:
    with pytest.raises(SourceError, match="accepts none of the SSH keys"):
        take(sshd.url(projects.public), **{HOSTS: sshd.known_hosts})


def test_a_damaged_key_is_told_without_its_text(
    take: Take, sshd: SshServer, projects: Projects
) -> None:
    lines = sshd.key.splitlines()
    lines[2] = "AAAA" + lines[2][4:]
    with pytest.raises(SourceError, match="cannot read the private key") as caught:
        take(sshd.url(projects.public), **trusted(sshd) | {KEY: "\n".join(lines)})
    assert lines[2] not in caught.value.message + caught.value.hint


def test_a_host_that_nobody_vouches_for_is_not_trusted(
    take: Take, sshd: SshServer, projects: Projects
) -> None:
    with pytest.raises(SourceError, match=r"the SSH host 127\.0\.0\.1 is not known") as caught:
        take(sshd.url(projects.public), **{KEY: sshd.key})
    assert HOSTS in caught.value.hint


def test_a_host_with_another_key_than_before_is_not_trusted(
    take: Take, sshd: SshServer, projects: Projects
) -> None:
    place = sshd.known_hosts.split()[0]
    other = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    with pytest.raises(SourceError, match="showed another host key"):
        take(
            sshd.url(projects.public),
            **{KEY: sshd.key, HOSTS: f"{place} ssh-ed25519 {other}"},
        )


def test_a_host_with_a_stolen_key_is_not_trusted_though_the_user_knows_it(
    take: Take, sshd: SshServer, projects: Projects
) -> None:
    hosts = f"{sshd.known_hosts}\n@revoked {sshd.known_hosts}"
    with pytest.raises(SourceError, match="known to be stolen or replaced"):
        take(sshd.url(projects.public), **{KEY: sshd.key, HOSTS: hosts})


def test_known_hosts_that_are_no_file_are_told(take: Take) -> None:
    with pytest.raises(SourceError, match="there is no file /no/such/file"):
        take("git@example.com:x", **{HOSTS: "/no/such/file"})
