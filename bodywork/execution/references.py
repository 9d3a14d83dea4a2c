"""What a requirement refers to besides a package's name: a path, a commit, an address; pure."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][-_.A-Za-z0-9]*\s*(?:\[[^\]]*\])?)\s*@\s*(?P<place>\S.*)")
_SCHEME = re.compile(r"(?i)(?:https?|file|ftp|git|hg|bzr|svn|(?:git|hg|bzr|svn)\+[a-z]+):")
_VERSION_CONTROL = re.compile(r"(?i)(?:git|hg|bzr|svn)\+")
_ARCHIVE = re.compile(r"(?i)\.(?:whl|zip|tar|tar\.gz|tgz|tar\.bz2|tbz|tar\.xz|txz|tlz|tar\.lz)\Z")
_EXTRAS = re.compile(r"(?P<path>.+?)(?P<extras>\s*\[[^\]]*\])?\Z", re.S)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HASH = re.compile(r"(?i)[#&](?:md5|sha1|sha224|sha256|sha384|sha512)=|--hash")


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A requirement that is a file or a folder.

    Attributes:
        path: absolute.
        before, after: the requirement around it, such as `name @ ` and `[extra] ; marker`.
        is_url: whether it stands there as `file://…`.
    """

    path: Path
    before: str
    after: str
    is_url: bool

    def render(self) -> str:
        """Return the requirement with the absolute path."""
        place = file_address(self.path) if self.is_url else str(self.path)
        return f"{self.before}{place}{self.after}"


@dataclass(frozen=True, slots=True)
class GitReference:
    """A requirement that is a state of a Git repository.

    Attributes:
        repository: the address as Git gets it.
        reference: branch, tag or commit; "" for the default branch.
    """

    repository: str
    reference: str
    before: str
    after: str

    @property
    def is_fixed(self) -> bool:
        """Whether it names a whole commit id, which always means the same files."""
        return bool(_COMMIT.fullmatch(self.reference))

    def render(self, commit: str) -> str:
        """Return the requirement for that commit."""
        return f"{self.before}git+{self.repository}@{commit}{self.after}"


@dataclass(frozen=True, slots=True)
class Remote:
    """A requirement that is an address; `is_fixed` where a hash says what is there."""

    is_fixed: bool


Reference = LocalPath | GitReference | Remote


def find_reference(text: str, suffix: str, folder: Path) -> Reference | None:
    """Return what a requirement refers to; None for a package of an index.

    Args:
        text: the requirement without its options.
        suffix: its options.
        folder: what relative paths are relative to.
    """
    named = _NAMED.fullmatch(text)
    before, place = (f"{named['name'].strip()} @ ", named["place"]) if named else ("", text)
    if _SCHEME.match(place):
        address, marker = _cut_marker(place, r"\s+;")
        return _by_address(before, address, marker, suffix, folder)
    if named and "/" not in named["name"]:
        return None
    path, marker = _cut_marker(text, r"\s*;")
    split = _EXTRAS.fullmatch(path)
    bare = split["path"] if split else path
    has_slash = "/" in bare and not re.match(r"[^./\s][^/]*\s", bare)  # words are no path
    if has_slash or bare.startswith(".") or _ARCHIVE.search(bare):
        extras = (split["extras"] or "") if split else ""
        return LocalPath(_absolute(folder, bare), "", f"{extras}{marker}", is_url=False)
    return None


def find_links_path(value: str, including: Path, folder: Path) -> Path | None:
    """Return the file or folder that `--find-links` names; None for an address.

    pip looks beside the file with the option first, and then where it runs.
    """
    if value.lower().startswith("file:"):
        return _absolute(folder, _path_of_url(value))
    if "://" in value:
        return None
    beside = _absolute(including, value)
    return beside if beside.exists() else _absolute(folder, value)


def file_address(path: Path) -> str:
    """Return the `file://` address of an absolute path."""
    return f"file://{quote(str(path))}"


def _by_address(before: str, address: str, marker: str, suffix: str, folder: Path) -> Reference:
    if address.lower().startswith("file:"):
        bare, hash_sign, fragment = address.partition("#")
        after = f"{hash_sign}{fragment}{marker}"
        return LocalPath(_absolute(folder, _path_of_url(bare)), before, after, is_url=True)
    if address.lower().startswith("git+"):
        return _git(before, address[len("git+") :], marker)
    fixed = bool(_HASH.search(address) or _HASH.search(suffix))
    return Remote(fixed and not _VERSION_CONTROL.match(address))


def _git(before: str, address: str, marker: str) -> GitReference:
    parts = urlsplit(address)
    path, reference = parts.path, ""
    if "@" in path:
        path, _, reference = path.rpartition("@")
    repository = urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
    if parts.scheme == "file" and not repository.startswith("file://"):
        repository = f"file://{path}"
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return GitReference(repository, reference, before, f"{fragment}{marker}")


def _cut_marker(text: str, semicolon: str) -> tuple[str, str]:
    """Return a requirement without its marker, and that with blanks around the semicolon."""
    found = re.search(semicolon, text)
    if found is None:
        return text.strip(), ""
    return text[: found.start()].strip(), f" ; {text[found.end() :].strip()}"


def _path_of_url(address: str) -> str:
    path = unquote(address.partition("#")[0][len("file:") :])
    for host in ("//localhost/", "///"):
        if path.startswith(host):
            return "/" + path[len(host) :]
    return path


def _absolute(folder: Path, path: str) -> Path:
    return Path(os.path.normpath(folder / os.path.expanduser(path.strip("\"'"))))
