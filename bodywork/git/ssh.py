"""How ssh is called: with which key, and whom it believes to be the server.

Strict: a server whose key nobody vouched for is refused, never asked about. Vouched for are the
hosts in the file `known_hosts` beside this module, the user's and the machine's own known hosts,
and those of BODYWORK_SSH_KNOWN_HOSTS. The user's `~/.ssh/config` counts, except for what is set
here.
"""

import binascii
import os
from collections.abc import Mapping
from pathlib import Path

from bodywork.errors import SourceError
from bodywork.git.pod import build_secret_command
from bodywork.model.pods import SSH_KEY_VARIABLE, SSH_KNOWN_HOSTS_VARIABLE, is_pod

KEY_FILE, KNOWN_HOSTS_FILE = "key", "known_hosts"

_SHIPPED = Path(__file__).with_name("known_hosts")
_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ConnectTimeout=30",
    "ServerAliveInterval=30",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    # A connection that is open already may have been made with another key.
    "ControlMaster=no",
    "ControlPath=none",
)
_OWN_KEY = ("IdentitiesOnly=yes", "IdentityAgent=none", "PreferredAuthentications=publickey")
_MAGIC = b"openssh-key-v1\0"
_BEGIN, _END = "-----BEGIN ", "-----END "


def build_ssh_command(environment: Mapping[str, str], folder: Path) -> str:
    """Return the value of GIT_SSH_COMMAND; a key goes into the private folder, mode 0400.

    Raises:
        SourceError: the key or the known hosts cannot be what they are said to be.
    """
    words = ["ssh"]
    for option in (*_OPTIONS, f"UserKnownHostsFile={_known_hosts(environment, folder)}"):
        words += ["-o", option]
    if environment.get(SSH_KEY_VARIABLE, "").strip():
        path = _write(folder / KEY_FILE, _repaired_key(environment))
        for option in _OWN_KEY:
            words += ["-o", option]
        words += ["-i", str(path)]
    return " ".join(map(_quote_for_shell, words))


def _repaired_key(environment: Mapping[str, str]) -> str:
    try:
        return repair_key(environment[SSH_KEY_VARIABLE])
    except SourceError as error:
        if not is_pod(environment):
            raise
        command = build_secret_command(environment, SSH_KEY_VARIABLE, "FILE")
        raise SourceError(error.message, hint=f"{error.hint}; store it: {command}") from None


def repair_key(text: str) -> str:
    """Return a private key in the form that OpenSSH reads.

    What variables and secrets do to a key is undone: `\\n` for line ends, Windows' line ends,
    spaces around it, no line end after the last line, and line ends that became spaces.

    Raises:
        SourceError: it is no private key; its text is not told.
    """
    key = text.replace("\\r", "").replace("\\n", "\n").replace("\r", "").strip()
    head, begin, rest = key.partition(_BEGIN)
    label, dashes, rest = rest.partition("-----")
    body, end, tail = rest.partition(_END)
    complete = begin and dashes and end and not head.strip() and tail == f"{label}-----"
    if not complete or "PRIVATE KEY" not in label or not body.strip():
        raise SourceError(
            f"{SSH_KEY_VARIABLE} is no private SSH key",
            hint="it must hold the whole file, from '-----BEGIN …' to '-----END … KEY-----' "
            "(the file without .pub)",
        )
    lines = body.strip().split("\n")
    if len(lines) == 1:
        lines = body.split()
    lines = [line.strip() for line in lines]
    _check_not_encrypted(lines)
    return "\n".join([f"{_BEGIN}{label}-----", *lines, f"{_END}{label}-----", ""])


def _check_not_encrypted(lines: list[str]) -> None:
    """Nobody is there to type a passphrase, and ssh would only say "permission denied".

    The first field of OpenSSH's own format is the cipher's name
    (https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key).
    """
    try:
        raw = binascii.a2b_base64("".join(lines))
    except binascii.Error:
        raw = b""
    encrypted = any("ENCRYPTED" in line for line in lines)
    if raw.startswith(_MAGIC):
        encrypted = not raw.startswith(_MAGIC + b"\0\0\0\x04none")
    if encrypted:
        raise SourceError(
            f"the key in {SSH_KEY_VARIABLE} is protected by a passphrase",
            hint="give a key without one (a deploy key that may only read): "
            "`ssh-keygen -p -N '' -f FILE` removes it",
        )


def _known_hosts(environment: Mapping[str, str], folder: Path) -> str:
    files = [_SHIPPED]
    if home := environment.get("HOME"):
        files += [Path(home, ".ssh", name) for name in ("known_hosts", "known_hosts2")]
    if given := environment.get(SSH_KNOWN_HOSTS_VARIABLE, "").strip():
        files.append(_given_known_hosts(given, folder))
    return " ".join(map(_quote_for_ssh, files))


def _given_known_hosts(given: str, folder: Path) -> Path:
    """The variable is the path of a file, or (a line of such a file has spaces) its text."""
    if len(given.split()) > 1 and not given.startswith(("/", "~")):
        return _write(folder / KNOWN_HOSTS_FILE, given.replace("\\n", "\n") + "\n")
    path = Path(os.path.expanduser(given))
    if not path.is_file():
        raise SourceError(
            f"{SSH_KNOWN_HOSTS_VARIABLE}: there is no file {path}",
            hint="give the path of a known_hosts file, or its lines (`ssh-keyscan HOST`)",
        )
    return path.absolute()


def _write(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _quote_for_ssh(path: Path) -> str:
    """As a word of an option's value: ssh splits at spaces and expands %x and ${x} there."""
    text = str(path)
    if '"' in text or "${" in text or "\\" in text:
        raise SourceError(
            f"ssh cannot be given the path {text!r}", hint='use one without ", \\ and ${'
        )
    return '"' + text.replace("%", "%%") + '"'


def _quote_for_shell(word: str) -> str:
    return "'" + word.replace("'", "'\"'\"'") + "'"
