"""Which repository an address stands for, and whose a service is. Pure.

Services are named after their project, so two repositories with the same PROJECT_NAME would take
over each other's. Every deployed version says which repository it is of; `check_owner` is the rule.
"""

import posixpath
import re
from dataclasses import dataclass

from bodywork.errors import OtherRepository, UsageError
from bodywork.model.redaction import redact_address

# Patterns are texts: `re` compiles (and keeps) those that are needed, which costs at import else.
SCHEME = r"(?s)([A-Za-z][A-Za-z0-9+.-]*)://(.*)\Z"
SCP = r"(?:([^@:/]+)@)?(\[[0-9A-Fa-f:.]+\]|[^:/@\[\]]+):(?!/?:)(.+)\Z"
"""`user@host:path`: user, host, path."""
LONGEST_PATH = 500
_PERCENT = rb"%([0-9A-Fa-f]{2})"
_LONE = r"[\ud800-\udc7f\udd00-\udfff]"
"""Surrogates that stand for no byte of a file's name."""
_UNPRINTABLE = r"[%\x00-\x1f\x7f-\x9f\u2028\u2029\udc80-\udcff]"
_DEFAULT_PORTS = {"https": "443", "ssh": "22"}


@dataclass(frozen=True, slots=True)
class Deployer:
    """Who wants to deploy a service.

    Attributes:
        repository: as `identify_repository` returns it.
        adopts: the user has said that services of another repository shall be taken over.
    """

    repository: str
    adopts: bool = False


def check_owner(service: str, owner: str, deployer: Deployer, run: str = "") -> None:
    """Check that a service is the deployer's, or becomes it.

    Args:
        service: its name, `project--stage`.
        owner: the repository that it was deployed from, as `identify_repository` returns it; ""
            where there is none, or an older release has not put it on record.
        deployer: who wants to deploy it.
        run: the unfinished run that has the claim on it, "" for none.

    Raises:
        OtherRepository: it is another repository's.
    """
    if deployer.adopts or not owner or owner == deployer.repository:
        return
    now = f" (run {run} deploys it now)" if run else ""
    raise OtherRepository(
        f"service {service} belongs to another repository, {owner}{now}; this run is of "
        f"{deployer.repository}",
        hint="choose another PROJECT_NAME in bodywork.ini; or, if that repository has moved here, "
        "take its services over: `bodywork workflow --adopt …`",
    )


def identify_repository(address: str) -> str:
    """Return what all spellings of a repository's address have in common: `host/path`, or `/path`.

    The way there does not count (https, ssh or `git@host:path`), nor do user and password, the
    host's letter case, a default port, or a `.git` or "/" at the end; a folder is the same by its
    path and by a `file://` URL. A relative path has to be made absolute before
    (`git.parse_repository`). An SSH path from a home folder counts as one from the root: hosts of
    Git mean the same by both. Never raises; what is no address is returned without what could be a
    password in it.
    """
    shown = re.sub(_LONE, "\ufffd", redact_address(address.strip()))
    if match := re.match(SCHEME, shown):
        scheme, rest = match[1].lower(), match[2]
        if scheme == "file":
            return _canonical_path("/" + _decode(re.sub(r"\A(?i:localhost)(?=/)", "", rest)))
        authority, _, path = rest.partition("/")
        return _canonical_host(authority, _DEFAULT_PORTS.get(scheme, "")) + _canonical_path(
            "/" + _decode(path)
        )
    if not is_path(shown) and (match := re.match(SCP, shown)):
        return _canonical_host(match[2], "") + _canonical_path("/" + match[3])
    return _canonical_path(shown)


def identify_project(address: str, path: str) -> str:
    """Return what a project is known by: its repository, and its folder in it where it has one."""
    repository = identify_repository(address)
    return f"{repository}//{_printable(path)}" if path else repository


def check_path(text: str) -> str:
    """Return the path of a project in its repository in one form: no "." and no "/" at its end.

    "" and "." are the repository's root.

    Raises:
        UsageError: it is absolute, leads out of the repository, or cannot be a path of a commit.
    """
    parts = [part for part in text.split("/") if part not in ("", ".")]
    path, fault = "/".join(parts), ""
    if text.startswith("/") or path.startswith("~"):
        fault = "is absolute"
    elif ".." in parts:
        fault = "has '..' in it"
    elif "\\" in text or not text.isprintable() or "$(" in text:
        fault = "has characters that no project's path should have"
    elif ".git" in text.casefold().split("/"):
        fault = "is no part of a commit"
    elif len(text) > LONGEST_PATH:
        fault = f"has more than {LONGEST_PATH} characters"
    if fault:
        raise UsageError(
            f"the path {text[:LONGEST_PATH]!r} {fault}",
            hint="give the project's folder as from the repository's root: services/iris",
        )
    return path


def is_path(address: str) -> bool:
    """Say whether an address is a folder's path, whatever else stands in it."""
    return address.startswith(("/", "./", "../", "~")) or address in {".", ".."}


def _canonical_host(authority: str, default_port: str) -> str:
    host = authority.rpartition("@")[2].lower()
    if match := re.match(r"(.*):([0-9]*)\Z", host):
        host, port = match[1], match[2].lstrip("0")
        host = host if port in ("", default_port) else f"{host.rstrip('.')}:{port}"
    return _printable(host.rstrip("."))


def _canonical_path(path: str) -> str:
    """Return a path without detours, `.git` and "/" at its end, safe to print."""
    path = "/" + posixpath.normpath(path).lstrip("/") if path.startswith("/") else path
    path = path.rstrip("/").removesuffix(".git").rstrip("/")
    return _printable(path or "/")


def _printable(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        raw = match[0].encode("utf-8", "surrogateescape")
        return "".join(f"%{byte:02X}" for byte in raw)

    return re.sub(_UNPRINTABLE, escape, text)


def _decode(path: str) -> str:
    """Return the path of a URL with its `%xx` replaced by what they stand for."""
    raw = path.encode("utf-8", "surrogateescape")
    raw = re.sub(_PERCENT, lambda match: bytes([int(match[1], 16)]), raw)
    return raw.decode("utf-8", "surrogateescape")
