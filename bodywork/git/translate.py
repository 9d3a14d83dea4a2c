"""The only reader of git's and ssh's messages: from their text to our `SourceError`.

Git has one exit code (128) for nearly everything, so its English (LC_ALL=C) is all there is to go
by. The first rule that fits any of the last lines wins; the more telling ones stand first. What
fits no rule is told in git's own words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bodywork.errors import SourceError
from bodywork.git.repository import Repository, redact


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a checkout was asked for; `commit` is a full id or ""."""

    repository: Repository
    reference: str
    commit: str


class _Rule(NamedTuple):
    pattern: str
    message: str
    hint: str


_HOSTS = "put them into ~/.ssh/known_hosts or BODYWORK_SSH_KNOWN_HOSTS"
_NO_COMMIT = _Rule(
    r"not our ref|unadvertised object|non-commit|not a tree|bad object|invalid object name",
    "there is no commit {commit} in {text}",
    "was it pushed? `git branch --remotes --contains COMMIT` in your clone tells",
)
_MISSING = "does the address have a typo? For a private repository: may your key or token read it?"
_RULES = (
    _Rule(
        r"No space left on device|Disk quota exceeded",
        "there is no room on the disk for a clone of {text}",
        "free some space, or set TMPDIR to a folder with more of it",
    ),
    _Rule(
        r"REVOKED HOST KEY|was revoked and you have requested",
        "{host} showed a host key that is known to be stolen or replaced; nothing was sent",
        "somebody may be between you and the server: ask its operators before you go on",
    ),
    _Rule(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "{host} showed another host key than the one it is known by; nothing was sent",
        "check the key with the server's operators; if it was replaced, remove the old line with "
        "`ssh-keygen -R HOST` and add the new one",
    ),
    _Rule(
        r"host key is known for|Host key verification failed",
        "the SSH host {host} is not known, so it was not trusted",
        f"check the keys that `ssh-keyscan HOST` prints with the server's operators, then {_HOSTS}",
    ),
    _Rule(
        r'Load key ".*": (invalid format|error in libcrypto|.*passphrase)|invalid private key',
        "ssh cannot read the private key for {text}",
        "BODYWORK_GITHUB_SSH_PRIVATE_KEY (or your own key) is damaged or protected by a "
        "passphrase: `ssh-keygen -y -f FILE` must work without a question",
    ),
    _Rule(
        r"Permission denied \(",
        "{host} accepts none of the SSH keys for {text}",
        "set BODYWORK_GITHUB_SSH_PRIVATE_KEY to a key that may read the repository, or add yours "
        "to the agent (`ssh-add -l` lists them)",
    ),
    _Rule(
        r"No user exists for uid",
        "ssh needs a user of its own number in /etc/passwd, and this image has none",
        "add one to the image of DOCKER_IMAGE: RUN useradd --uid 10001 --home-dir /tmp bodywork",
    ),
    _Rule(
        r"cannot run ssh|ssh: not found|ssh: No such file",
        "ssh is not installed, and {text} needs it",
        "install the OpenSSH client, or use an https:// address",
    ),
    _Rule(
        r"[Cc]ould not resolve host",
        "the host of {text} cannot be found",
        "does the address have a typo? Is this machine online?",
    ),
    _Rule(
        r"Connection (refused|timed out|reset|closed)|Failed to connect|Couldn't connect"
        r"|Network is unreachable|No route to host|Operation timed out|kex_exchange_identification",
        "the host of {text} cannot be reached",
        "is the port right, the server up, and a proxy or firewall in the way?",
    ),
    _Rule(
        r"unable to access '[^']*': .*(certificate|SSL|TLS)|^(fatal|error): .*SSL certificate",
        "the TLS certificate of {host} was not accepted",
        "for a server with an authority of its own: git config --global http.sslCAInfo FILE, "
        "or GIT_SSL_CAINFO=FILE",
    ),
    _Rule(
        r"Authentication failed|HTTP Basic: Access denied|Invalid username or (password|token)",
        "{host} refuses the user or password for {text}",
        "hosts take an access token in place of the password; has it expired?",
    ),
    _Rule(
        r"could not read (Username|Password)|terminal prompts disabled|returned error: 401",
        "{text} does not exist, or is private and no user and password are known for it",
        "use git@host:path with an SSH key, or a git credential helper",
    ),
    _Rule(
        r"returned error: 403|[Aa]ccess denied|not allowed to",
        "{host} does not permit to read {text}",
        "may your key or token read this repository?",
    ),
    _Rule(
        r"returned error: (429|5\d\d)",
        "{host} cannot serve {text} at the moment",
        "try again in a while",
    ),
    _Rule(
        r"Remote branch .* not found in upstream|[Cc]ouldn't find remote ref",
        "there is no branch or tag {reference!r} in {text}",
        "`git ls-remote --heads --tags REPOSITORY` lists them; was it pushed?",
    ),
    _Rule(
        r"dubious ownership",
        "the repository {text} belongs to another user, and git does not trust it",
        "`git config --global --add safe.directory FOLDER` tells git to",
    ),
    _Rule(
        r"not appear to be a git repository|[Rr]epository '?.*not found|[Nn]o such repository"
        r"|could not be found|returned error: 404",
        "there is no Git repository {text}",
        _MISSING,
    ),
    _Rule(
        r"transport '.*' not allowed",
        "your git config sends {text} over a transport that is not allowed",
        "see `git config --get-regexp 'url.*insteadOf'`; https, ssh and file are allowed",
    ),
    _Rule(
        r"dumb http transport",
        "the server of {text} is too simple a web server to clone one commit from",
        "serve it with git's smart HTTP protocol, or over ssh",
    ),
    _Rule(
        r"filter .* failed",
        "a filter of your git config (Git LFS?) failed on the files of {text}",
        "its own message stands above; `git lfs env` and a plain `git clone` show the same",
    ),
    _NO_COMMIT,
)
_LOCAL_HINT = "give the folder that has .git in it, or a bare repository, which you may read"
_NOISE = r"(fatal: |error: )?(Could not read from remote|the remote end hung up|$)"


def translate(lines: Sequence[str], wanted: Wanted) -> SourceError:
    """Return the error that git's last lines tell of."""
    for rule in _RULES:
        if any(re.search(rule.pattern, line) for line in lines if not _is_progress(line)):
            return _build(rule, wanted)
    told = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))]
    telling = next((line for line in told if not re.match(_NOISE, line)), "no reason was given")
    return SourceError(
        f"git could not fetch {wanted.repository.text}: {redact(telling)}",
        hint="git's own messages stand above",
    )


def translate_timeout(wanted: Wanted, seconds: float) -> SourceError:
    """Return the error for a git that had to be killed."""
    return SourceError(
        f"git did not fetch {wanted.repository.text} within {seconds:g} s",
        hint="is the server slow, or a firewall in the way? Large files in the history make "
        "a clone slow, too",
    )


def translate_no_commit(wanted: Wanted) -> SourceError:
    """Return the error for a commit that is not in the repository."""
    return _build(_NO_COMMIT, wanted)


def refuses_ids(lines: Sequence[str]) -> bool:
    """Say whether the server gives branches and tags only, and no commit by its id."""
    return any("unadvertised object" in line for line in lines)


def _build(rule: _Rule, wanted: Wanted) -> SourceError:
    repository = wanted.repository
    hint = _LOCAL_HINT if rule.hint is _MISSING and repository.kind == "file" else rule.hint
    message = rule.message.format(
        text=repository.text,
        host=repository.host.removeprefix("https://") or "the server",
        reference=wanted.reference,
        commit=wanted.commit or wanted.reference,
    )
    return SourceError(message, hint=hint)


def _is_progress(line: str) -> bool:
    # Names of branches stand in these, and could look like anything.
    return line.startswith((" * ", "From ", "Cloning into", "git version"))
