"""Each fault of a source: whether waiting may mend it, and what a pod's user is told to do."""

import pytest

from bodywork.errors import SourceError
from bodywork.git import parse_repository
from bodywork.git.rules import RULES
from bodywork.git.translate import (
    Wanted,
    find_rule,
    is_chatter,
    is_complaint,
    translate,
    translate_no_commit,
    translate_timeout,
)
from tests.bodywork.git.conftest import Projects, Take
from tests.servers.secure_shell import SshServer

KEY, HOSTS = "BODYWORK_GITHUB_SSH_PRIVATE_KEY", "BODYWORK_SSH_KNOWN_HOSTS"
SSH = parse_repository("ssh://git@git.example.com:2222/shop")
HTTPS = parse_repository("https://example.com/shop")
POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "BODYWORK_NAMESPACE": "shop"}

TEMPORARY = [
    "fatal: write error: No space left on device",
    "ssh: Could not resolve hostname git.example.com: Temporary failure in name resolution",
    "fatal: unable to access 'https://e/': Could not resolve host: example.com",
    "fatal: unable to access 'https://e/': Failed to connect to example.com port 443",
    "ssh: connect to host git.example.com port 22: Connection refused",
    "ssh: connect to host git.example.com port 22: Network is unreachable",
    "kex_exchange_identification: Connection closed by remote host",
    "fatal: unable to access 'https://e/': The TLS connection was non-properly terminated.",
    "fatal: unable to access 'https://e/': The requested URL returned error: 429",
    "fatal: unable to access 'https://e/': The requested URL returned error: 503",
    "error: external filter 'git-lfs filter-process' failed",
]
PERMANENT = [
    "@         WARNING: REVOKED HOST KEY DETECTED!               @",
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
    "No ED25519 host key is known for git.example.com and you have requested strict checking.",
    'Load key "/tmp/key": invalid format',
    "git@git.example.com: Permission denied (publickey).",
    "No user exists for uid 10001",
    "error: cannot run ssh: No such file or directory",
    "fatal: unable to access 'https://e/': SSL certificate problem: self-signed certificate",
    "fatal: Authentication failed for 'https://e/'",
    "fatal: could not read Username for 'https://e': terminal prompts disabled",
    "fatal: unable to access 'https://e/': The requested URL returned error: 403",
    "fatal: Remote branch main not found in upstream origin",
    "fatal: detected dubious ownership in repository at '/x'",
    "fatal: '/x' does not appear to be a git repository",
    "fatal: transport 'ext' not allowed",
    "fatal: dumb http transport does not support shallow capabilities",
    "fatal: remote error: upload-pack: not our ref 1234",
]


@pytest.mark.parametrize("line", TEMPORARY)
def test_what_waiting_may_mend_is_temporary(line: str) -> None:
    assert translate([line, "fatal: the remote end hung up"], Wanted(SSH, "main", "")).temporary


@pytest.mark.parametrize("line", PERMANENT)
def test_what_a_user_has_to_change_is_not(line: str) -> None:
    error = translate([line, "fatal: the remote end hung up"], Wanted(SSH, "main", ""))
    assert not error.temporary
    assert error.hint


def test_each_rule_is_tried_above() -> None:
    assert {find_rule([line]) for line in (*TEMPORARY, *PERMANENT)} == set(RULES)


def test_what_is_unknown_or_took_too_long_may_be_tried_again() -> None:
    wanted = Wanted(HTTPS, "main", "")
    assert translate(["fatal: early EOF"], wanted).temporary
    assert translate([], wanted).temporary
    assert translate_timeout(wanted, 300).temporary
    assert not translate_no_commit(wanted).temporary


@pytest.mark.parametrize("address", ["", "http://host/x", "ext::sh", "https://host", "-x"])
def test_an_address_that_cannot_be_one_is_permanent(address: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_repository(address)
    assert not caught.value.temporary


@pytest.mark.parametrize(
    "line",
    [
        "From file:///home/ada/shop",
        " * branch            main       -> FETCH_HEAD",
        " * [new branch]      main       -> main",
    ],
)
def test_git_s_chatter_is_left_out(line: str) -> None:
    assert is_chatter(line)


@pytest.mark.parametrize(
    "line",
    [
        "git version 2.39.5",
        "Cloning into 'bodywork_project'...",
        "remote: Enumerating objects: 92, done.",
        "Receiving objects: 100% (92/92), 20.51 KiB | 1.58 MiB/s, done.",
        "To sign in, open https://example.com/device and enter the code ABCD",
        "Confirm user presence for key ED25519-SK",
        "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
        "SHA256:0123456789abcdef.",
    ],
)
def test_what_a_user_needs_to_see_is_passed_on_at_once(line: str) -> None:
    assert not is_chatter(line)
    assert not is_complaint(line)


# -- in a pod --------------------------------------------------------------------------------------


def hint(line: str, **environment: str) -> str:
    return translate([line], Wanted(SSH, "main", "", environment)).hint


UNKNOWN_HOST, REFUSED_KEY, DAMAGED_KEY = PERMANENT[2], PERMANENT[4], PERMANENT[3]


def test_an_unknown_host_is_looked_up_with_its_port() -> None:
    assert "`ssh-keyscan -p 2222 git.example.com`" in hint(UNKNOWN_HOST)
    assert "~/.ssh/known_hosts" in hint(UNKNOWN_HOST)
    assert "ssh-keygen -R '[git.example.com]:2222'" in hint(PERMANENT[1])


@pytest.mark.parametrize(
    ("given", "verb"), [({}, "create"), ({KEY: "k"}, "update"), ({HOSTS: "h"}, "update")]
)
def test_a_pod_is_told_the_secret_of_its_namespace(given: dict[str, str], verb: str) -> None:
    secret = f"bodywork secret {verb} --namespace=shop --name=ssh-github-private-key --from-file"
    told = hint(UNKNOWN_HOST, **POD, **given)
    assert told.startswith("`ssh-keyscan -p 2222 git.example.com > known_hosts`, compare")
    assert told.endswith(f"{secret} {HOSTS}=known_hosts")
    for line in (REFUSED_KEY, DAMAGED_KEY):
        assert hint(line, **POD, **given).endswith(f"{secret} {KEY}=FILE")
    for line in (UNKNOWN_HOST, REFUSED_KEY, DAMAGED_KEY):
        assert "~/.ssh" not in hint(line, **POD)


def test_a_namespace_that_is_not_known_is_left_out() -> None:
    told = hint(REFUSED_KEY, KUBERNETES_SERVICE_HOST="10.0.0.1")
    assert "bodywork secret create --name=ssh-github-private-key" in told


@pytest.mark.parametrize(
    ("lacks", "message", "ends"),
    [
        (HOSTS, "is not known, so it was not trusted", f"{HOSTS}=known_hosts"),
        (KEY, "accepts none of the SSH keys", f"{KEY}=FILE"),
    ],
)
def test_a_server_s_refusal_in_a_pod_names_the_secret(
    take: Take, sshd: SshServer, projects: Projects, lacks: str, message: str, ends: str
) -> None:
    given = {KEY: sshd.key, HOSTS: sshd.known_hosts}
    del given[lacks]
    with pytest.raises(SourceError, match=message) as caught:
        take(sshd.url(projects.public), **POD, **given)
    assert caught.value.hint.endswith(f"--from-file {ends}")
    assert "secret update --namespace=shop" in caught.value.hint


def test_a_key_that_is_none_is_stored_again(take: Take) -> None:
    given = POD | {KEY: "paste_your_private_key_here"}
    with pytest.raises(SourceError, match="is no private SSH key") as caught:
        take("git@example.com:shop", **given)
    assert caught.value.hint.endswith(f"--name=ssh-github-private-key --from-file {KEY}=FILE")
    assert not caught.value.temporary
