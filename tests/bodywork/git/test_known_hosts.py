"""The shipped host keys are those whose fingerprints the hosts publish (see the file's head)."""

import subprocess
from pathlib import Path

import pytest

import bodywork.git
from bodywork.errors import SourceError
from bodywork.git.ssh import build_ssh_command, repair_key

SHIPPED = Path(bodywork.git.__file__).with_name("known_hosts")
TRUSTED = {
    "github.com": {
        "SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
        "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
        "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
    },
    "gitlab.com": {
        "SHA256:HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw",
        "SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
        "SHA256:ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ",
    },
    "bitbucket.org": {
        "SHA256:46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E",
        "SHA256:FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
        "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
    },
}
REVOKED = {
    "github.com": {"SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"},
    "bitbucket.org": {"SHA256:zzXQOXSRBEiUtuE8AikJYKwbHaxvSc0ojez9YXaGp1A"},
}


def fingerprints(lines: list[str]) -> dict[str, set[str]]:
    asked = ["ssh-keygen", "-l", "-f", "-"]
    text = "\n".join(lines) + "\n"
    told = subprocess.run(asked, input=text, text=True, capture_output=True, check=True).stdout
    found: dict[str, set[str]] = {}
    for line in told.splitlines():
        _, fingerprint, hosts, _ = line.split()
        found.setdefault(hosts.split(",")[0], set()).add(fingerprint)
    return found


def test_each_shipped_key_has_a_published_fingerprint() -> None:
    lines = [line for line in SHIPPED.read_text().splitlines() if not line.startswith("#")]
    marker = "@revoked "
    assert fingerprints([line for line in lines if not line.startswith("@")]) == TRUSTED
    revoked = [line.removeprefix(marker) for line in lines if line.startswith(marker)]
    assert fingerprints(revoked) == REVOKED
    assert len(lines) == 11


def test_the_file_says_when_it_was_looked_up() -> None:
    assert "2026-11-23" in SHIPPED.read_text().splitlines()[0]


def test_ssh_reads_the_options_as_they_are_meant(tmp_path: Path) -> None:
    folder = tmp_path / "with space and 100%"
    folder.mkdir()
    environment = {
        "HOME": "/home/ada b",
        "BODYWORK_SSH_KNOWN_HOSTS": "example.com ssh-ed25519 AAAA",
    }
    command = build_ssh_command(environment, folder)
    told = subprocess.run(
        f"{command} -G example.com", shell=True, text=True, capture_output=True, check=True
    ).stdout
    options = dict(line.split(" ", 1) for line in told.splitlines())
    assert options["stricthostkeychecking"] in {"true", "yes"}
    assert options["batchmode"] == "yes"
    assert options["forwardagent"] == "no"
    assert options["updatehostkeys"] in {"false", "no"}
    files = options["userknownhostsfile"]
    assert files.startswith(str(SHIPPED))
    assert "/home/ada b/.ssh/known_hosts" in files
    assert f"{tmp_path}/with space and 100" in files


@pytest.mark.parametrize(
    "text",
    [
        "garbage",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ada@home",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabc",
        "-----BEGIN OPENSSH PRIVATE KEY----------END OPENSSH PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_is_no_private_key_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(SourceError, match="is no private SSH key") as caught:
        repair_key(text)
    assert "abc" not in caught.value.message + caught.value.hint
    assert "AAAA" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("form", ["RFC4716", "PEM"])
def test_a_key_with_a_passphrase_is_refused_in_both_formats(tmp_path: Path, form: str) -> None:
    make = ("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", form, "-N", "secret")
    subprocess.run([*make, "-f", str(tmp_path / "key")], check=True)
    with pytest.raises(SourceError, match="is protected by a passphrase"):
        repair_key((tmp_path / "key").read_text())


@pytest.mark.parametrize("form", ["RFC4716", "PEM"])
def test_a_key_without_a_passphrase_is_kept_in_both_formats(tmp_path: Path, form: str) -> None:
    make = ("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", form, "-N", "")
    subprocess.run([*make, "-f", str(tmp_path / "key")], check=True)
    key = (tmp_path / "key").read_text()
    assert repair_key(key) == key
    assert repair_key(key.replace("\n", "\\n")) == key
