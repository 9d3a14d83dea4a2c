"""`GitSource`: from a repository and a reference to a folder that holds exactly one commit."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bodywork.errors import SourceError
from bodywork.git import reference as references
from bodywork.git.command import Ended, Git, GitTimeout, build_environment
from bodywork.git.entries import read_entries
from bodywork.git.folder import inspect_folder, list_references
from bodywork.git.missing import explain_reference, explain_repository
from bodywork.git.repository import parse_repository
from bodywork.git.rules import NO_REFERENCE, NO_REPOSITORY
from bodywork.git.temporary import private_folder, remove_tree, temporary_root
from bodywork.git.translate import (
    Wanted,
    find_rule,
    is_chatter,
    is_complaint,
    refuses_ids,
    translate,
    translate_no_commit,
    translate_timeout,
)
from bodywork.git.transport import Transport, build_transport
from bodywork.model.pods import SSH_KEY_VARIABLE
from bodywork.model.redaction import hidden_in_errors, hide
from bodywork.model.run import Checkout
from bodywork.model.tree import Entry

_WORK_TREE = "bodywork_project"
_GIT_FOLDER = "git"
_GIT = f"--git-dir={_GIT_FOLDER}"
_ALL = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_NO_MATCH = 2  # `git ls-remote --exit-code`: the server answered, and has none of these
_AS_COMMITTED = "core.autocrlf=false"
_SHA256_DIGITS = 64
_MOST_REFERENCES = 10_000


class GitSource:
    """Implements `bodywork.ports.Source` with the git that is installed.

    `environment` is read at each checkout, never changed: HOME, PATH, the user's own SSH agent,
    BODYWORK_GITHUB_SSH_PRIVATE_KEY and BODYWORK_SSH_KNOWN_HOSTS. `temporary` is where the
    folders are made (default: TMPDIR or /tmp). `time_limit` is in seconds, for all that one
    checkout asks of git together. `progress` lets git tell how far it is.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        temporary: Path | None = None,
        *,
        time_limit: float = 300.0,
        progress: bool = False,
    ) -> None:
        self._environment = environment
        self._temporary = temporary
        self._time_limit = time_limit
        self._progress = progress

    @contextlib.contextmanager
    def checkout(
        self, repository: str, reference: str, commit: str = "", *, say: Callable[[str], None]
    ) -> Iterator[Checkout]:
        """See `bodywork.ports.Source.checkout`.

        The folder holds the files only, no `.git`: nothing of the clone (an address, a
        credential) can go along where the files are copied to.
        """
        wanted = Wanted(
            parse_repository(repository),
            references.check_reference(reference),
            references.check_commit(commit) if commit else "",
            self._environment,
        )
        root = self._temporary or temporary_root(self._environment)
        with private_folder(root) as folder:
            transport = build_transport(wanted.repository, self._environment, folder)
            git = Git(
                folder,
                build_environment(self._environment) | transport.environment,
                time.monotonic() + self._time_limit,
                (_AS_COMMITTED, *transport.settings),
            )
            secrets = (*wanted.repository.secrets, self._environment.get(SSH_KEY_VARIABLE, ""))
            fetch = _Fetch(
                git, wanted, transport, lambda line: say(hide(line, secrets)), self._progress
            )
            try:
                with hidden_in_errors(secrets):  # a server may repeat what it was given
                    checkout = fetch.checkout()
            except GitTimeout:
                raise translate_timeout(wanted, self._time_limit) from None
            yield checkout


class _Fetch:
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

    def checkout(self) -> Checkout:
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

    def _finish(self) -> Checkout:
        commit = self._read_head()
        entries = read_entries(self.git, _GIT)
        if self.wanted.commit not in {"", commit}:
            raise translate_no_commit(self.wanted)
        folder = self.git.folder / _WORK_TREE
        self._check_entries(entries, folder)
        remove_tree(self.git.folder / _GIT_FOLDER)
        for secret in (folder / ".git", *self.transport.files):
            secret.unlink(missing_ok=True)
        repository = self.wanted.repository
        here = repository.folder
        tree = inspect_folder(here, self.wanted.environment) if here else None
        return Checkout(
            repository.text,
            self.wanted.reference,
            commit,
            folder,
            entries,
            local=repository.kind == "file",
            fixed=self.fixed,
            note=tree.note(commit, self.wanted.reference) if tree else "",
        )

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
            _WORK_TREE,
            beside=("version",),
        )
        if ended.code:
            raise self._failure(ended)
        # Of a branch, a clone's HEAD is the name; of a tag, it is the commit.
        self.fixed = not (self.git.folder / _GIT_FOLDER / "HEAD").read_bytes().startswith(b"ref:")

    def _is_on_server(self) -> bool:
        """Say whether a branch or tag has this name, which could also begin a commit's id."""
        names = (f"refs/heads/{self.wanted.reference}", f"refs/tags/{self.wanted.reference}")
        arguments = ("--exit-code", *self.transport.options, "--", self.wanted.repository.url)
        ended = self.git.run("ls-remote", *arguments, *names, say=lambda _: None)
        if ended.code not in {0, _NO_MATCH}:
            raise self._failure(ended)
        return ended.code == 0

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
        self._init("sha1")
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
        self.say(f"Cloning into '{_WORK_TREE}'...")  # what `git clone` says: it is the same work
        form = () if object_format == "sha1" else (f"--object-format={object_format}",)
        places = (f"--separate-git-dir={_GIT_FOLDER}", "--", _WORK_TREE)
        self._must_run("init", "--quiet", "--template=", *form, *places)

    def _fetch(self, *names: str, shallow: bool) -> Ended:
        # The clone's own HEAD is a branch that the repository may have: git would keep it as it is.
        options = ("--depth=1", "--no-tags") if shallow else ("--no-tags", "--update-head-ok")
        url = self.wanted.repository.url
        return self._run(_GIT, "fetch", *options, *self._options(), "--", url, *names)

    def _check_out(self, commit: str) -> None:
        # Filters (Git LFS) ask for the remote, which `git clone` would have made.
        remote = ("-c", f"remote.origin.url={self.wanted.repository.url}")
        where = (*remote, _GIT, f"--work-tree={_WORK_TREE}")
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
