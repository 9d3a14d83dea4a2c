"""From what git and ssh wrote to our `SourceError`; the words are in `rules`.

What fits no rule is told in git's own words.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bodywork.errors import SourceError
from bodywork.git.pod import build_secret_command
from bodywork.git.repository import Repository
from bodywork.git.rules import NO_COMMIT, RULES, Rule
from bodywork.model.pods import SSH_KEY_VARIABLE, SSH_KNOWN_HOSTS_VARIABLE, is_pod
from bodywork.model.redaction import redact

# Git's last words beside the telling line, and what it says of its own way of working.
_COMPANIONS = (
    r"(fatal: |error: )?(Could not read from remote|the remote end hung up)"
    r"|Please make sure you have the correct access rights|and the repository exists\.$"
    r"|warning: Could not find remote branch|$"
)
_CHATTER = r" \* (\[new |branch |tag )|From |warning: You appear to have cloned an empty"
_LIVE = ("git version", "Cloning into", "@")  # "@": the frame of ssh's warnings


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a checkout was asked for; `commit` is a full id or "".

    `environment` is the user's: it tells whether the user can mend anything on this machine.
    """

    repository: Repository
    reference: str
    commit: str
    environment: Mapping[str, str] = field(default_factory=dict)


def find_rule(lines: Sequence[str]) -> Rule | None:
    """Return the rule that explains git's last lines, or None."""
    for rule in RULES:
        if any(re.search(rule.pattern, line) for line in lines if not _is_progress(line)):
            return rule
    return None


def translate(lines: Sequence[str], wanted: Wanted) -> SourceError:
    """Return the error that git's last lines tell of."""
    if rule := find_rule(lines):
        return build_error(rule, wanted)
    told = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))]
    telling = next((line for line in told if not re.match(_COMPANIONS, line)), "")
    return SourceError(
        f"git could not fetch {wanted.repository.text}: {redact(telling) or 'no reason was given'}",
        hint="git's own messages stand above",
        temporary=True,  # an answer that was cut short, for all that is known
    )


def translate_timeout(wanted: Wanted, seconds: float) -> SourceError:
    """Return the error for a git that had to be killed."""
    return SourceError(
        f"git did not fetch {wanted.repository.text} within {seconds:g} s",
        hint="is the server slow, or a firewall in the way? Large files in the history make "
        "a clone slow, too",
        temporary=True,
    )


def translate_no_commit(wanted: Wanted) -> SourceError:
    """Return the error for a commit that is not in the repository."""
    return build_error(NO_COMMIT, wanted)


def refuses_ids(lines: Sequence[str]) -> bool:
    """Say whether the server gives branches and tags only, and no commit by its id."""
    return any("unadvertised object" in line for line in lines)


def is_chatter(line: str) -> bool:
    """Say whether git speaks of its own way of working, which the user need not know."""
    return bool(re.match(_CHATTER, line))


def is_complaint(line: str) -> bool:
    """Say whether our error takes the line's place, where there will be one."""
    if line.startswith(_LIVE):
        return False
    if line.startswith(("fatal:", "error:", "ERROR:")) or re.match(_COMPANIONS, line):
        return True
    return find_rule([line]) is not None


def build_error(rule: Rule, wanted: Wanted) -> SourceError:
    """Return the error of a rule."""
    repository = wanted.repository
    host = repository.host.removeprefix("https://") or "the server"
    _, _, port = repository.url.partition("://")[2].partition("/")[0].rpartition(":")
    port = port if repository.url.startswith("ssh://") and port.isdecimal() else ""
    values = {
        "text": repository.text,
        "host": host,
        "scan": f"-p {port} {host}" if port else host,
        "known": f"[{host}]:{port}" if port else host,
        "folder": repository.folder,
        "reference": wanted.reference,
        "commit": wanted.commit or wanted.reference,
    }
    hint = rule.local_hint if rule.local_hint and repository.kind == "file" else rule.hint
    hint = hint.format(**values)
    if rule.lacks and is_pod(wanted.environment):
        hint = _hint_in_pod(rule, wanted, values["scan"])
    return SourceError(rule.message.format(**values), hint=hint, temporary=rule.temporary)


def _hint_in_pod(rule: Rule, wanted: Wanted, scan: str) -> str:
    if rule.lacks == "key":
        command = build_secret_command(wanted.environment, SSH_KEY_VARIABLE, "FILE")
        return f"store a private key that may read the repository, without a passphrase: {command}"
    command = build_secret_command(wanted.environment, SSH_KNOWN_HOSTS_VARIABLE, "known_hosts")
    return (
        f"`ssh-keyscan {scan} > known_hosts`, compare the keys with what the server's operators "
        f"say, then: {command}"
    )


def _is_progress(line: str) -> bool:
    # Names of branches stand in these, and could look like anything.
    return line.startswith((" * ", "From ", *_LIVE[:2]))
