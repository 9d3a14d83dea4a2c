"""The submodules of a commit: each is fetched as a repository of its own, at the commit on record.

Git's own `submodule update` would read names, addresses and settings that the repository's author
has chosen, and keep what it makes of them. Here an address from .gitmodules goes through the same
door as one that a user gives: https, ssh, or a folder. A folder only where the project is one
itself, for a server's repository must not name folders of this machine. Names are not used at all.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bodywork.errors import SourceError
from bodywork.git.command import build_environment, clean_text
from bodywork.git.fetch import Fetch, Fetched
from bodywork.git.folder import read_setting
from bodywork.git.repository import Repository, parse_repository
from bodywork.git.translate import Wanted
from bodywork.git.transport import build_transport
from bodywork.model.redaction import hidden_in_errors, hide, redact_address
from bodywork.model.repository import SCHEME, SCP
from bodywork.model.tree import Entry

_DEEPEST, _MOST = 10, 500
"""How deep submodules may be within one another, and how many a project may have."""
_SAID_ONCE = ("git version", "Cloning into")
_SETTINGS = ("core.autocrlf=false",)


@dataclass(frozen=True, slots=True)
class _Base:
    """The repository that submodules are of, and whether they may be folders of this machine."""

    repository: Repository
    allows_folders: bool


@dataclass(slots=True)
class _Filling:
    """What fills the submodules of one checkout.

    Attributes:
        fetch: that of the project, whose folder is private.
        count: how many have been fetched.
    """

    fetch: Fetch
    environment: Mapping[str, str]
    count: int = 0


def fill_submodules(
    fetch: Fetch, fetched: Fetched, environment: Mapping[str, str]
) -> dict[str, Entry]:
    """Put the files of all submodules, and of theirs, into a checkout; return their entries.

    Raises:
        SourceError: an address is missing or refused, or a commit cannot be fetched.
        GitTimeout: the checkout's deadline has passed.
    """
    base = _base_of(fetch.wanted.repository, environment)
    return dict(_fill(_Filling(fetch, environment), fetched, base, 1))


def _fill(
    filling: _Filling, fetched: Fetched, base: _Base, depth: int
) -> Iterator[tuple[str, Entry]]:
    addresses = _parse_modules(fetched.modules)
    for path, entry in fetched.entries.items():
        if entry.kind != "submodule":
            continue
        filling.count += 1
        if depth > _DEEPEST or filling.count > _MOST:
            raise SourceError(
                f"the project has more than {_MOST} submodules, or more than {_DEEPEST} within one "
                "another",
                hint="leave out SUBMODULES=yes, or put their files into the repository",
            )
        try:
            repository = _parse_address(addresses.get(path, ""), base)
            with hidden_in_errors(repository.secrets):
                inner = _fetch(filling, repository, entry.id, path)
                _put(inner.folder, fetched.folder / path)
                inner = replace(inner, folder=fetched.folder / path)
                next_base = _Base(repository, allows_folders=repository.kind == "file")
                found = {**inner.entries, **dict(_fill(filling, inner, next_base, depth + 1))}
        except SourceError as error:
            raise _within(error, path) from None
        for name, each in found.items():
            yield f"{path}/{name}", each


def _fetch(filling: _Filling, repository: Repository, commit: str, path: str) -> Fetched:
    """Fetch one submodule into a private folder of its own."""
    outer = filling.fetch
    folder = outer.git.folder / f"submodule-{filling.count}"
    folder.mkdir(mode=0o700)
    transport = build_transport(repository, filling.environment, folder)
    environment = build_environment(filling.environment) | transport.environment
    git = outer.git.beside(folder, environment, (*_SETTINGS, *transport.settings))
    wanted = Wanted(repository, commit, commit, filling.environment)
    outer.say(f"Fetching submodule {clean_text(os.fsencode(path))}")

    def say(line: str) -> None:
        if not line.startswith(_SAID_ONCE):
            outer.say(hide(line, repository.secrets))

    return Fetch(git, wanted, transport, say, outer.progress).checkout()


def _put(files: Path, place: Path) -> None:
    """Move a submodule's files to the empty folder that Git has made for them."""
    try:
        os.rmdir(place)
        os.rename(files, place)
    except OSError as error:
        raise SourceError(f"its files cannot be put in place: {error.strerror}") from None


def _parse_modules(raw: bytes) -> dict[str, str]:
    """Return path → address; what stands twice counts as it stands last, as for Git.

    Raises:
        SourceError: a name is one that Git refuses, too.
    """
    paths: dict[bytes, str] = {}
    addresses: dict[bytes, str] = {}
    for line in raw.split(b"\0"):
        key, _, value = line.partition(b"\n")
        name, _, variable = key.rpartition(b".")
        if b".." in name.removeprefix(b"submodule.").split(b"/"):
            shown = clean_text(name.removeprefix(b"submodule."))
            raise SourceError(
                f"the name {shown!r} of a submodule in .gitmodules is refused: it leads out of a "
                "folder",
                hint="Git does not take it, either; give it another name",
            )
        (paths if variable == b"path" else addresses)[name] = os.fsdecode(value)
    return {path.rstrip("/"): addresses.get(name, "") for name, path in paths.items()}


def _parse_address(text: str, base: _Base) -> Repository:
    """Return the repository of an address in .gitmodules.

    A user and password of the project go along to the same host, as they would for Git.
    """
    if not text:
        raise SourceError(
            "it has no address",
            hint="`git submodule add ADDRESS PATH` writes it into .gitmodules",
        )
    is_relative = text.startswith(("./", "../"))
    beside = base.repository
    found = parse_repository(resolve(beside.url, text) if is_relative else _require_absolute(text))
    if found.kind == "file" and not base.allows_folders:
        raise SourceError(
            f"its address {found.text} is a folder of this machine, and its project is not",
            hint="give an https:// or SSH address in .gitmodules",
        )
    if found.kind == "https" and not found.user and found.host == beside.host:
        return replace(found, user=beside.user, password=beside.password)
    return found


def _require_absolute(text: str) -> str:
    """Return an address that means the same from everywhere. Raises `SourceError`."""
    if "://" in text or text.startswith("/") or (":" in text and "::" not in text):
        return text
    raise SourceError(
        f"its address {redact_address(text)!r} is neither complete nor relative (./…, ../…)",
        hint="see .gitmodules; https://…, ssh://… and git@host:path are complete",
    )


def resolve(base: str, relative: str) -> str:
    """Return the address that a relative one means beside another repository's.

    The rule is Git's: https://git-scm.com/docs/git-submodule, "add".

    Raises:
        SourceError: it leads above the host.
    """
    path = _path_of(base)
    parts = [part for part in path.split("/") if part]
    for step in relative.split("/"):
        if step == "..":
            if not parts:
                raise SourceError(f"its address {redact_address(relative)!r} leads out of its host")
            parts.pop()
        elif step not in ("", "."):
            parts.append(step)
    rooted = "/" if path.startswith("/") else ""
    return base[: len(base) - len(path)] + rooted + "/".join(parts)


def _path_of(address: str) -> str:
    """Return the end of an address that is the path on its host."""
    if match := re.match(SCHEME, address):
        return "".join(match[2].partition("/")[1:])
    match = re.match(SCP, address)
    return match[3] if match else address


def _base_of(repository: Repository, environment: Mapping[str, str]) -> _Base:
    """Return what relative addresses are relative to: as in the user's own clone, its `origin`."""
    base = _Base(repository, allows_folders=repository.kind == "file")
    if not repository.folder:
        return base
    origin = read_setting(repository.folder, "remote.origin.url", environment)
    try:
        return replace(base, repository=parse_repository(origin))
    except SourceError:
        return base


def _within(error: SourceError, path: str) -> SourceError:
    shown = clean_text(os.fsencode(path))
    return SourceError(
        f"submodule {shown}: {error.message}", hint=error.hint, temporary=error.temporary
    )
