"""What a user may give as a Git repository, and how it is told to git and to people.

The text comes from a command line, a config or another machine, and git does surprising things with
some of it: a "URL" that begins with "-" is an option, `ext::` and friends run commands. So nothing
goes to git that was not understood here first; what is understood is one of three transports.

A password never stays in the URL: git would put it into its own messages, into the clone's config
and into the argument list, which every user of the machine can read. It is carried apart.
"""

import os
import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bodywork.errors import SourceError
from bodywork.model.redaction import MASK, redact_address
from bodywork.model.repository import SCHEME, SCP, is_path

Kind: TypeAlias = Literal["https", "ssh", "file"]

# Patterns are texts: `re` compiles (and keeps) those that are needed, which costs at import else.
_FORMS = "give https://…, ssh://…, git@host:path, file:///… or the path of a folder"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_AUTHORITY = r"(?:([^/]*)@)?(\[[0-9A-Fa-f:.%]+\]|[^/@:\[\]]*)(?::([0-9]*))?(/.*)?\Z"
_HOST = r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?\Z"
_USER = r"[A-Za-z0-9_.][A-Za-z0-9_.+-]*\Z"
_HALF_SCHEME = r"(?i)(https?|ssh|file|git|ftps?):"
_PERCENT = rb"%([0-9A-Fa-f]{2})"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that git may be pointed at.

    Attributes:
        url: what git gets; never holds a password.
        text: for people and records; nothing secret.
        host: scheme, host and port of an `https://` URL, to which the credentials are bound;
            the host's name for ssh; "" for files.
        user, password: taken out of an `https://` URL, decoded; "" where there were none.
    """

    kind: Kind
    url: str
    text: str
    host: str = ""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold: the password; of a user without one, the name is the token."""
        return (self.password or self.user,)

    @property
    def folder(self) -> str:
        """The folder of a repository of this machine; "" for one that is elsewhere."""
        if self.kind != "file":
            return ""
        return os.fsdecode(_unescape(os.fsencode(self.url.removeprefix("file://"))))


def parse_repository(text: str) -> Repository:
    """Understand what the user gave.

    A relative path and `~` are taken from where the program runs and who runs it.

    Raises:
        SourceError: it is no form that git is allowed to see.
    """
    shown = redact_address(text)
    if not text.strip():
        raise SourceError("the Git repository is empty", hint=_FORMS)
    if re.search(_CONTROL, text):
        raise SourceError(
            f"the Git repository {shown!r} has a control character in it", hint=_FORMS
        )
    if text.startswith("-"):
        raise SourceError(
            f"the Git repository {shown!r} begins with '-'",
            hint="git would read it as an option; for a folder of that name, put ./ in front",
        )
    if match := re.match(SCHEME, text):
        return _parse_url(match[1].lower(), match[2], shown)
    if is_path(text):
        _check_plain(text, shown)
        return _from_path(os.path.expanduser(text))
    if re.match(_HALF_SCHEME, text) and "::" not in text:
        raise SourceError(f"the Git repository {shown!r} is no complete URL", hint=_FORMS)
    if "::" in text and not text.startswith("["):
        raise SourceError(f"the Git repository {shown!r} names a remote helper", hint=_FORMS)
    if match := re.match(SCP, text):
        _check_ssh(match[1] or "", match[2], shown)
        _check_path(match[3], shown)
        _check_at(match[3], shown)
        return Repository("ssh", text, text, host=match[2].strip("[]"))
    _check_plain(text, shown)
    return _from_path(text)


def _parse_url(scheme: str, rest: str, shown: str) -> Repository:
    if scheme == "file":
        return _parse_file(rest, shown)
    if scheme not in {"https", "ssh"}:
        hint = f"use https:// instead of {scheme}://" if scheme in {"http", "git"} else _FORMS
        raise SourceError(f"Bodywork does not clone over {scheme}:// ({shown})", hint=hint)
    match = re.match(_AUTHORITY, rest)
    if match is None or not (match[4] or "").strip("/"):
        raise SourceError(f"the Git repository {shown!r} is no complete URL", hint=_FORMS)
    userinfo, host, port, path = match[1], match[2], match[3], match[4]
    _check_at(path, shown)
    _check_query(path, shown)
    netloc = host + (f":{port}" if port else "")
    if scheme == "ssh":
        _check_ssh(userinfo or "", host, shown)
        _check_path(path.lstrip("/"), shown)
        user = f"{userinfo}@" if userinfo else ""
        return Repository("ssh", f"ssh://{user}{netloc}{path}", shown, host=host.strip("[]"))
    _check_host(host, shown)
    url = f"https://{netloc}{path}"
    user, password = _parse_credentials(userinfo or "", shown)
    text = f"https://{f'{MASK}@' if userinfo else ''}{netloc}{path}"
    return Repository("https", url, text, f"https://{netloc}", user, password)


def _parse_file(rest: str, shown: str) -> Repository:
    path = rest.removeprefix("localhost")
    if not path.startswith("/"):
        raise SourceError(
            f"the Git repository {shown!r} has a host or a relative path",
            hint="a file URL has three slashes and an absolute path: file:///home/me/project",
        )
    return Repository("file", f"file://{path}", f"file://{path}")


def _from_path(path: str) -> Repository:
    absolute = os.path.abspath(path)  # a record must mean the same from every folder
    # git decodes %xx in a file URL, and only there, since a plain path is no URL. A URL is
    # what makes git copy one commit instead of hard-linking the whole history.
    return Repository("file", "file://" + absolute.replace("%", "%25"), absolute)


def _check_host(host: str, shown: str) -> None:
    if not host.startswith("[") and not re.match(_HOST, host):
        raise SourceError(f"the Git repository {shown!r} has no valid host name", hint=_FORMS)


def _check_ssh(userinfo: str, host: str, shown: str) -> None:
    _check_host(host, shown)
    if ":" in userinfo:
        raise SourceError(
            f"the Git repository {shown!r} has a password in an SSH address",
            hint="SSH takes a key: BODYWORK_GITHUB_SSH_PRIVATE_KEY, or your own agent",
        )
    if userinfo and not re.match(_USER, userinfo):
        raise SourceError(f"the Git repository {shown!r} has no valid user name", hint=_FORMS)


def _check_path(path: str, shown: str) -> None:
    # The path is an argument of git-upload-pack on the server: old servers take options there.
    if path.startswith("-"):
        raise SourceError(f"the path in the Git repository {shown!r} begins with '-'", hint=_FORMS)


def _check_at(path: str, shown: str) -> None:
    """Refuse what may be the rest of a password, which must not be taken for a path."""
    if "@" in path:
        raise SourceError(
            f"the Git repository {shown!r} has an '@' in its path, or a '/' or ':' in its password",
            hint="in a URL, write the characters : / @ of a password as %3A %2F %40, and the @ of "
            "a path as %40",
        )


def _check_plain(path: str, shown: str) -> None:
    """Refuse what would be a folder, and may be an address with a password and a mistake in it."""
    if shown != path:
        raise SourceError(
            f"the Git repository {shown!r} seems to be an incomplete address with a password",
            hint=f"{_FORMS}; for a folder of that name, put ./ in front",
        )


def _check_query(path: str, shown: str) -> None:
    """Refuse what is no part of a repository's name, and often is a token."""
    if re.search("[?#]", path):
        raise SourceError(
            f"the Git repository {shown!r} has a '?' or '#' in it, which no address to clone has",
            hint="a token belongs in front of the host (https://TOKEN@host/path); write the "
            "characters ? # of a path as %3F %23",
        )


def _parse_credentials(userinfo: str, shown: str) -> tuple[str, str]:
    user, _, password = userinfo.partition(":")
    user, password = _decode(user), _decode(password)
    if re.search(_CONTROL, user + password):
        raise SourceError(
            f"the user or password in the Git repository {shown!r} has a control character",
            hint="write the characters : / @ in a password as %3A %2F %40",
        )
    return user, password


def _decode(text: str) -> str:
    return _unescape(text.encode("utf-8")).decode("utf-8", "replace")


def _unescape(raw: bytes) -> bytes:
    return re.sub(_PERCENT, lambda match: bytes([int(match[1], 16)]), raw)
