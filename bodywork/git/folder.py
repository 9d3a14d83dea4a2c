"""Looks at a repository of this machine where it stands: nothing of it is changed, or run.

A repository has a config of its own, and git would run commands that stand there (filters, file
monitors, whatever fetches missing objects). A checkout never reads that config; looking at a work
tree does, so those settings are overruled here. Nothing here raises: what cannot be seen is None.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bodywork.errors import SourceError
from bodywork.git.command import Ended, Git, GitTimeout, build_environment, clean_text
from bodywork.git.reference import check_reference, is_commit
from bodywork.git.repository import parse_repository
from bodywork.model.run import short_commit

SECONDS = 5.0
"""How long git may look; a run does not wait for it any longer."""
_SHOWN, _LONGEST_NAME = 3, 60
_STATUS = (
    *("status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind", "--no-renames"),
    *("--ignore-submodules=all", "--untracked-files=normal"),
)
# Fields before the path, by an entry's first letter: git-status(1), "Porcelain Format Version 2".
_FIELDS = {"1": 8, "u": 10, "?": 1}
_FILTERS = (r"--get-regexp", r"^filter\..*\.(clean|process|smudge|required)$")


@dataclass(frozen=True, slots=True)
class WorkTree:
    """What is checked out in a folder, and what of it is not committed.

    Attributes:
        folder: the repository's root.
        branch: "" where none is checked out (a detached HEAD).
        commit: "" where nothing is committed yet.
        changed: paths that differ from the commit, then those that git does not know; for people.
    """

    folder: str
    branch: str
    commit: str
    changed: tuple[str, ...]

    def describe_changed(self) -> str:
        """Return the first paths that are not committed, and how many more there are."""
        few = self.changed if len(self.changed) <= _SHOWN else self.changed[: _SHOWN - 1]
        more = len(self.changed) - len(few)
        return ", ".join(few) + (f" and {more} more" if more else "")

    def note(self, commit: str, reference: str) -> str:
        """Return what the user of a run of that commit should know; "" where all is committed."""
        if not self.changed:
            return ""
        where = f"is on branch {self.branch} and " if self.branch not in ("", reference) else ""
        of = f" of {reference}" if where else ""
        return (
            f"{self.folder} {where}{self._describe_uncommitted()}; "
            f"the run uses commit {short_commit(commit)}{of}"
        )

    def warning(self) -> str:
        """Return what a user should know before a run; "" where all is committed."""
        if not self.changed:
            return ""
        return f"{self.folder} {self._describe_uncommitted()}; a run uses what is committed"

    def _describe_uncommitted(self) -> str:
        return f"has changes that are not committed ({self.describe_changed()})"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a branch points now; `newer` is the number of its commits since another commit."""

    branch: str
    commit: str
    newer: int

    def describe(self) -> str:
        """Return where it points, in a few words."""
        newer = f", {self.describe_newer()}" if self.newer else ""
        return f"{self.branch} is at {short_commit(self.commit)}{newer}"

    def describe_newer(self) -> str:
        """Return the number of newer commits, in words."""
        return f"{self.newer} {'commit' if self.newer == 1 else 'commits'} newer"


def inspect_folder(
    folder: str, environment: Mapping[str, str] = os.environ, *, seconds: float = SECONDS
) -> WorkTree | None:
    """Return what is checked out in the root of a repository.

    None where there is no work tree (a bare repository, no repository), where git refuses to look
    (another user's), or where it takes longer than `seconds`.
    """
    root = os.path.dirname(folder) if os.path.basename(folder) == ".git" else folder
    try:
        raw = _git(root, environment, seconds).read("-C", root, *_STATUS)
    except (GitTimeout, SourceError):
        return None
    return _parse_status(root, raw) if raw else None


def find_head(
    repository: str, reference: str, commit: str, environment: Mapping[str, str] = os.environ
) -> Head | None:
    """Return where a branch of a repository of this machine points, seen from one of its commits.

    None where the repository is elsewhere, the reference is not a branch, or the commit is unknown.
    """
    try:
        parsed = parse_repository(repository)
        name = "HEAD" if reference == "HEAD" else f"refs/heads/{check_reference(reference)}"
        if not (parsed.folder and is_commit(commit)):
            return None
        git = _git(parsed.folder, environment, SECONDS)
        here = ("-C", parsed.folder)
        head = git.read(*here, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        count = git.read(*here, "rev-list", "--count", f"{commit}..{name}", "--") if head else b""
    except (GitTimeout, SourceError):
        return None
    return Head(reference, head.decode().strip(), int(count)) if count else None


def list_references(folder: str, environment: Mapping[str, str]) -> list[str]:
    """Return the full names of a repository's branches, tags and remote branches, newest first."""
    arguments = ("for-each-ref", "--sort=-creatordate", "--format=%(refname)")
    spaces = ("refs/heads", "refs/tags", "refs/remotes")
    try:
        raw = _git(folder, environment, SECONDS).read("-C", folder, *arguments, *spaces)
    except (GitTimeout, SourceError):
        return []
    return [clean_text(line) for line in raw.splitlines()]


def read_setting(folder: str, name: str, environment: Mapping[str, str]) -> str:
    """Return a setting of the repository's own config; "" where there is none."""
    try:
        git = _git(folder, environment, SECONDS)
        return os.fsdecode(git.read("-C", folder, "config", "--local", "--get", name)).rstrip("\n")
    except (GitTimeout, SourceError):
        return ""


def ask_git(folder: str, environment: Mapping[str, str]) -> Ended | None:
    """Return how git answers to whether a repository is bare; None where there is no answer."""
    try:
        git = _git(folder, environment, SECONDS)
        return git.run("-C", folder, "rev-parse", "--is-bare-repository", say=lambda _: None)
    except (GitTimeout, SourceError):
        return None


def locate_project(folder: Path) -> tuple[Path, str]:
    """Return the repository's root and the project's path in it, for a project's folder.

    A folder that is in no repository is taken for a root itself.
    """
    if os.path.lexists(folder / ".git") or not (root := find_root(str(folder))):
        return folder, ""
    return Path(root), os.path.relpath(os.path.abspath(folder), root)


def find_root(folder: str) -> str:
    """Return the nearest folder above this one that is the root of a repository; "" for none."""
    above = os.path.dirname(os.path.abspath(folder))
    while not os.path.lexists(os.path.join(above, ".git")):
        if above == os.path.dirname(above):
            return ""
        above = os.path.dirname(above)
    return above


def _git(folder: str, environment: Mapping[str, str], seconds: float) -> Git:
    """Return a git that may only look, and only at this folder."""
    around = os.path.dirname(os.path.abspath(folder))
    safe = build_environment(environment) | {
        "GIT_OPTIONAL_LOCKS": "0",  # `status` writes nothing
        "GIT_ALLOW_PROTOCOL": "none",  # nothing is fetched for a partial clone
        "GIT_CEILING_DIRECTORIES": f"{around}:{os.path.realpath(around)}",
    }
    # Not started in the folder: PATH may have relative entries.
    git = Git(Path("/"), safe, time.monotonic() + seconds)
    raw = git.read("-C", folder, "config", "--show-scope", "-z", *_FILTERS)
    count = safe.get("GIT_CONFIG_COUNT", "")
    overruled = dict(_overrule_filters(raw, int(count) if count.isdecimal() else 0))
    return Git(Path("/"), safe | overruled, time.monotonic() + seconds) if overruled else git


def _overrule_filters(raw: bytes, first: int) -> Iterator[tuple[str, str]]:
    """Yield the variables that disarm the filters of the repository's own config.

    As variables and not as `-c`, where a name with a "=" in it would be cut short.
    """
    words = raw.split(b"\0")
    keys = [key.partition(b"\n")[0] for key in words[1::2]]
    names = {
        os.fsdecode(key.rpartition(b".")[0])
        for scope, key in zip(words[::2], keys, strict=False)
        if scope in (b"local", b"worktree")
    }
    values = {"clean": "", "process": "", "smudge": "", "required": "false"}
    settings = [(f"{name}.{key}", value) for name in sorted(names) for key, value in values.items()]
    for number, (key, value) in enumerate(settings, first):
        yield f"GIT_CONFIG_KEY_{number}", key
        yield f"GIT_CONFIG_VALUE_{number}", value
    if settings:
        yield "GIT_CONFIG_COUNT", str(first + len(settings))


def _parse_status(folder: str, raw: bytes) -> WorkTree | None:
    head: dict[str, str] = {}
    known: list[str] = []
    unknown: list[str] = []
    for entry in raw.split(b"\0"):
        if entry.startswith(b"# branch."):
            key, _, value = clean_text(entry[len(b"# branch.") :]).partition(" ")
            head[key] = value
            continue
        fields = _FIELDS.get(entry[:1].decode("ascii", "replace"))
        if fields is None:
            continue
        path = _shorten(clean_text(entry.split(b" ", fields)[-1]))
        (unknown if entry.startswith(b"?") else known).append(path)
    branch, commit = head.get("head", ""), head.get("oid", "")
    return WorkTree(
        folder,
        "" if branch == "(detached)" else branch,
        "" if commit == "(initial)" else commit,
        (*known, *unknown),
    )


def _shorten(path: str) -> str:
    if len(path) <= _LONGEST_NAME:
        return path
    return f"{path[: _LONGEST_NAME // 2]}…{path[-_LONGEST_NAME // 2 + 1 :]}"
