"""What git and ssh say, and what we say in its place: a table, and nothing but the table.

Git has one exit code (128) for nearly everything, so its English (LC_ALL=C) is all there is to go
by. The first rule that fits any of the last lines wins; the more telling ones stand first.

Messages and hints are templates. `{text}` is the repository, `{host}` its host, `{scan}` the host
and port as `ssh-keyscan` takes them, `{known}` as known_hosts has them, `{reference}` and
`{commit}` what was asked for, `{folder}` the folder of a repository of this machine.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault.

    Attributes:
        pattern: a regular expression for a line of git or ssh.
        message, hint: our words.
        local_hint: the hint for a repository of this machine, where it is another one.
        lacks: what of the secret mends it, where git runs in a pod.
        temporary: True where it may mend itself, so that another try later makes sense.
    """

    pattern: str
    message: str
    hint: str
    local_hint: str = ""
    lacks: Literal["", "key", "host"] = ""
    temporary: bool = False


NO_COMMIT = Rule(
    r"not our ref|unadvertised object|non-commit|not a tree|bad object|invalid object name",
    "there is no commit {commit} in {text}",
    "was it pushed? `git branch --remotes --contains COMMIT` in your clone tells",
    local_hint="`git -C {folder} log --all --oneline` lists them",
)
NO_REFERENCE = Rule(
    r"Remote branch .* not found in upstream|[Cc]ouldn't find remote ref",
    "there is no branch or tag {reference!r} in {text}",
    "`git ls-remote --heads --tags REPOSITORY` lists them; was it pushed?",
)
NO_REPOSITORY = Rule(
    r"not appear to be a git repository|[Rr]epository '?.*not found|[Nn]o such repository"
    r"|could not be found|returned error: 404|invalid gitfile format|not a git repository",
    "there is no Git repository {text}",
    "does the address have a typo? For a private repository: may your key or token read it?",
    local_hint="give the folder that has .git in it, or a bare repository, which you may read",
)

RULES = (
    Rule(
        r"No space left on device|Disk quota exceeded",
        "there is no room on the disk for a clone of {text}",
        "free some space, or set TMPDIR to a folder with more of it",
        temporary=True,
    ),
    Rule(
        r"REVOKED HOST KEY|was revoked and you have requested",
        "{host} showed a host key that is known to be stolen or replaced; nothing was sent",
        "somebody may be between you and the server: ask its operators before you go on",
    ),
    Rule(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "{host} showed another host key than the one it is known by; nothing was sent",
        "check the key with the server's operators; if it was replaced, remove the old line with "
        "`ssh-keygen -R '{known}'` and add the new one",
    ),
    Rule(
        r"host key is known for|Host key verification failed",
        "the SSH host {host} is not known, so it was not trusted",
        "compare the keys that `ssh-keyscan {scan}` prints with what the server's operators say, "
        "then put them into ~/.ssh/known_hosts or BODYWORK_SSH_KNOWN_HOSTS",
        lacks="host",
    ),
    Rule(
        r'Load key ".*": (invalid format|error in libcrypto|.*passphrase)|invalid private key',
        "ssh cannot read the private key for {text}",
        "BODYWORK_GITHUB_SSH_PRIVATE_KEY (or your own key) is damaged or protected by a "
        "passphrase: `ssh-keygen -y -f FILE` must work without a question",
        lacks="key",
    ),
    Rule(
        r"Permission denied \(",
        "{host} accepts none of the SSH keys for {text}",
        "set BODYWORK_GITHUB_SSH_PRIVATE_KEY to a key that may read the repository, or add yours "
        "to the agent (`ssh-add -l` lists them)",
        lacks="key",
    ),
    Rule(
        r"No user exists for uid",
        "ssh needs a user of its own number in /etc/passwd, and this image has none",
        "add one to the image of DOCKER_IMAGE: RUN useradd --uid 10001 --home-dir /tmp bodywork",
    ),
    Rule(
        r"cannot run ssh|ssh: not found|ssh: No such file",
        "ssh is not installed, and {text} needs it",
        "install the OpenSSH client, or use an https:// address",
    ),
    Rule(
        r"[Cc]ould not resolve host",
        "the host of {text} cannot be found",
        "does the address have a typo? Is this machine online?",
        temporary=True,
    ),
    Rule(
        r"Connection (refused|timed out|reset|closed)|Failed to connect|Couldn't connect"
        r"|Network is unreachable|No route to host|Operation timed out|kex_exchange_identification"
        r"|non-properly terminated|in the pull function|SSL_ERROR_SYSCALL|unexpected eof",
        "the host of {text} cannot be reached",
        "is the port right, the server up, and a proxy or firewall in the way?",
        temporary=True,
    ),
    Rule(
        r"unable to access '[^']*': .*(certificate|SSL|TLS)|^(fatal|error): .*SSL certificate",
        "the TLS certificate of {host} was not accepted",
        "for a server with an authority of its own: git config --global http.sslCAInfo FILE, "
        "or GIT_SSL_CAINFO=FILE",
    ),
    Rule(
        r"Authentication failed|HTTP Basic: Access denied|Invalid username or (password|token)",
        "{host} refuses the user or password for {text}",
        "hosts take an access token in place of the password; has it expired?",
    ),
    Rule(
        r"could not read (Username|Password)|terminal prompts disabled|returned error: 401",
        "{text} does not exist, or is private and no user and password are known for it",
        "use git@host:path with an SSH key, or a git credential helper",
    ),
    Rule(
        r"returned error: 403|[Aa]ccess denied|not allowed to",
        "{host} does not permit to read {text}",
        "may your key or token read this repository?",
    ),
    Rule(
        r"returned error: (429|5\d\d)",
        "{host} cannot serve {text} at the moment",
        "try again in a while",
        temporary=True,
    ),
    NO_REFERENCE,
    Rule(
        r"dubious ownership",
        "the repository {text} belongs to another user, and git does not trust it",
        "`git config --global --add safe.directory FOLDER` tells git to",
        local_hint="git config --global --add safe.directory {folder}",
    ),
    NO_REPOSITORY,
    Rule(
        r"transport '.*' not allowed",
        "your git config sends {text} over a transport that is not allowed",
        "see `git config --get-regexp 'url.*insteadOf'`; https, ssh and file are allowed",
    ),
    Rule(
        r"dumb http transport",
        "the server of {text} is too simple a web server to clone one commit from",
        "serve it with git's smart HTTP protocol, or over ssh",
    ),
    Rule(
        r"filter .* failed",
        "a filter of your git config (Git LFS?) failed on the files of {text}",
        "its own message stands above; `git lfs env` and a plain `git clone` show the same",
        temporary=True,  # Git LFS fetches from a server
    ),
    NO_COMMIT,
)
