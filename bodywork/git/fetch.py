"""One commit of a repository becomes a folder: which commands of git that takes."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bodywork.errors import SourceError
from bodywork.git import reference as references
from bodywork.git.command import Ended, Git, GitTimeout
from bodywork.git.entries import has_submodules, read_entries, read_modules
from bodywork.git.folder import list_references
from bodywork.git.missing import explain_reference, explain_repository
from bodywork.git.rules import NO_REFERENCE, NO_REPOSITORY
from bodywork.git.temporary import remove_tree
from bodywork.git.translate import (
    Wanted,
    find_rule,
    is_chatter,
    is_complaint,
    refuses_ids,
    translate,
    translate_no_commit,
)
from bodywork.git.transport import Transport
from bodywork.model.tree import Entry

WORK_TREE = "bodywork_project"
_GIT_FOLDER = "git"
_GIT = f"--git-dir={_GIT_FOLDER}"
_ALL = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_SHA256_DIGITS = 64
_MOST_REFERENCES = 10_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """The files of a commit, without their clone.

    Attributes:
        fixed: whether the reference is known to be a tag or a commit.
        modules: the text of what .gitmodules says, where there are submodules.
    """

    commit: str
    folder: Path
    entries: Mapping[str, Entry]
    fixed: bool
    modules: bytes = b""


class Fetch:
    """One checkout on its way; `git.folder` is private to it."""

    def __init__(
        self,
        git: Git,
        wanted: Wanted,
        transport: Transport,
        say: Callable[[str], None],
        progress: bool,
    ) -> None:
        self.git = git
        self.wanted = wanted
        self.transport = transport
        self.say = say
        self.progress = progress
        self.fixed = references.is_commit(wanted.reference)
        self._has_long_ids = False

    def checkout(self) -> Fetched:
        """Fetch, read what was fetched, and forget the clone."""
        commit = self.wanted.commit
        if not commit and references.is_commit(self.wanted.reference):
            commit = self.wanted.reference.lower()
        if commit:
            self._fetch_commit(commit)
        elif references.is_abbreviated(self.wanted.reference) and not self._is_on_server():
            self._fetch_abbreviated()
        else:
            self._clone()
        return self._finish()

    def _finish(self) -> Fetched:
        commit = self._read_head()
        entries = read_entries(self.git, _GIT)
        if self.wanted.commit not in {"", commit}:
            raise translate_no_commit(self.wanted)
        folder = self.git.folder / WORK_TREE
        self._check_entries(entries, folder)
        modules = read_modules(self.git, _GIT) if has_submodules(entries) else b""
        remove_tree(self.git.folder / _GIT_FOLDER)
        for secret in (folder / ".git", *self.transport.files):
            secret.unlink(missing_ok=True)
        return Fetched(commit, folder, entries, self.fixed, modules)

    def _clone(self) -> None:
        branch = [] if self.wanted.reference == "HEAD" else [f"--branch={self.wanted.reference}"]
        ended = self._run(
            "clone",
            *("--depth=1", "--single-branch", "--no-tags", "--template="),
            *("--no-recurse-submodules", f"--separate-git-dir={_GIT_FOLDER}"),
            *branch,
            *self._options(),
            "--",
            self.wanted.repository.url,
            WORK_TREE,
            beside=("version",),
        )
        if ended.code:
            raise self._failure(ended)
        # Of a branch, a clone's HEAD is the name; of a tag, it is the commit.
        self.fixed = not (self.git.folder / _GIT_FOLDER / "HEAD").read_bytes().startswith(b"ref:")

    def _is_on_server(self) -> bool:
        """Say whether a branch or tag has this name, which could also begin a commit's id."""
        names = (f"refs/heads/{self.wanted.reference}", f"refs/tags/{self.wanted.reference}")
        arguments = (*self.transport.options, "--", self.wanted.repository.url)
        ended = self.git.run("ls-remote", *arguments, "HEAD", *names, say=lambda _: None)
        if ended.code:
            raise self._failure(ended)
        rows = [line.partition("\t") for line in ended.lines]
        self._has_long_ids = any(len(identifier) == _SHA256_DIGITS for identifier, _, _ in rows)
        return any(name in names for _, _, name in rows)

    def _fetch_commit(self, commit: str) -> None:
        """Fetch one commit by its id, alone where the server gives it."""
        self._init("sha256" if len(commit) == _SHA256_DIGITS else "sha1")
        ended = self._fetch(commit, shallow=True)
        if ended.code and refuses_ids(ended.lines):
            ended = self._fetch(*_ALL, shallow=False)
        if ended.code:
            raise self._failure(ended)
        self._check_out(commit)

    def _fetch_abbreviated(self) -> None:
        """Fetch everything: only who has all commits can tell which one an abbreviation means."""
        self.fixed = True
        self._init("sha256" if self._has_long_ids else "sha1")
        ended = self._fetch(*_ALL, shallow=False)
        if ended.code:
            raise self._failure(ended)
        name = f"{self.wanted.reference}^{{commit}}"
        found = self.git.read(_GIT, "rev-parse", "--verify", "--quiet", name)
        if not found:
            raise translate_no_commit(self.wanted)
        self._check_out(found.decode().strip())

    def _init(self, object_format: str) -> None:
        self._run("version")
        self.say(f"Cloning into '{WORK_TREE}'...")  # what `git clone` says: it is the same work
        form = () if object_format == "sha1" else (f"--object-format={object_format}",)
        places = (f"--separate-git-dir={_GIT_FOLDER}", "--", WORK_TREE)
        self._must_run("init", "--quiet", "--template=", *form, *places)

    def _fetch(self, *names: str, shallow: bool) -> Ended:
        # The clone's own HEAD is a branch that the repository may have: git would keep it as it is.
        options = ("--depth=1", "--no-tags") if shallow else ("--no-tags", "--update-head-ok")
        url = self.wanted.repository.url
        return self._run(_GIT, "fetch", *options, *self._options(), "--", url, *names)

    def _check_out(self, commit: str) -> None:
        # Filters (Git LFS) ask for the remote, which `git clone` would have made.
        remote = ("-c", f"remote.origin.url={self.wanted.repository.url}")
        where = (*remote, _GIT, f"--work-tree={WORK_TREE}")
        self._must_run(*where, "checkout", "--quiet", "--detach", commit, "--")

    def _read_head(self) -> str:
        """Return the commit's id."""
        found = self.git.read(_GIT, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        if not found:
            if self.wanted.reference == "HEAD" and not self.wanted.commit:
                raise explain_reference(self.wanted, self._list_references())
            raise translate_no_commit(self.wanted)
        return found.decode().strip()

    def _check_entries(self, entries: Mapping[str, Entry], folder: Path) -> None:
        """Raise `SourceError` where git could not list what it has checked out."""
        if not entries and os.listdir(folder) not in ([], [".git"]):
            raise SourceError(
                f"git could not list the files of {self.wanted.repository.text}", temporary=True
            )

    def _options(self) -> tuple[str, ...]:
        return (*self.transport.options, *(("--progress",) if self.progress else ()))

    def _must_run(self, *arguments: str) -> None:
        ended = self._run(*arguments)
        if ended.code:
            raise self._failure(ended)

    def _run(self, *arguments: str, beside: tuple[str, ...] = ()) -> Ended:
        """Run git and pass its output on, but for complaints that our own error will replace."""
        held: list[str] = []

        def hear(line: str) -> None:
            if is_chatter(line):
                return
            if is_complaint(line):
                held.append(line)
            else:
                self.say(line)

        ended = self.git.run(*arguments, say=hear, beside=beside)
        if ended.code == 0 or find_rule(ended.lines) is None:
            for line in filter(None, held):
                self.say(line)
        return ended

    def _failure(self, ended: Ended) -> SourceError:
        rule = find_rule(ended.lines)
        if rule is NO_REFERENCE:
            return explain_reference(self.wanted, self._list_references())
        if rule is NO_REPOSITORY:
            return explain_repository(self.wanted)
        return translate(ended.lines, self.wanted)

    def _list_references(self) -> Sequence[str] | None:
        """Return the full names of what the repository has; None where it does not say."""
        repository = self.wanted.repository
        here = repository.folder
        if here and (names := list_references(here, self.wanted.environment)):
            return names
        lines: list[str] = []

        def hear(line: str) -> None:
            if len(lines) < _MOST_REFERENCES:
                lines.append(line)

        options = ("--refs", "--heads", "--tags", *self.transport.options)
        try:
            ended = self.git.run("ls-remote", *options, "--", repository.url, say=hear)
        except GitTimeout:
            return None
        rows = (line.partition("\t") for line in lines)
        return None if ended.code else [name for _, tab, name in rows if tab]
