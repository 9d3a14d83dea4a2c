"""`GitSource`: from a repository and a reference to a folder that holds exactly one commit."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bodywork.git import reference as references
from bodywork.git.command import Git, GitTimeout, build_environment
from bodywork.git.fetch import Fetch, Fetched
from bodywork.git.folder import inspect_folder
from bodywork.git.pointers import find_pointers
from bodywork.git.repository import parse_repository
from bodywork.git.submodules import fill_submodules
from bodywork.git.temporary import private_folder, temporary_root
from bodywork.git.translate import Wanted, translate_timeout
from bodywork.git.transport import build_transport
from bodywork.model.pods import SSH_KEY_VARIABLE
from bodywork.model.redaction import hidden_in_errors, hide
from bodywork.model.run import Checkout

_AS_COMMITTED = "core.autocrlf=false"


class GitSource:
    """Implements `bodywork.ports.Source` with the git that is installed.

    `environment` is read at each checkout, never changed: HOME, PATH, the user's own SSH agent,
    BODYWORK_GITHUB_SSH_PRIVATE_KEY and BODYWORK_SSH_KNOWN_HOSTS. `temporary` is where the
    folders are made (default: TMPDIR or /tmp). `time_limit` is in seconds, for all that one
    checkout asks of git together. `progress` lets git tell how far it is. `wants_submodules` is
    asked with the project's folder whether submodules are to be fetched; None: it does not say.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        temporary: Path | None = None,
        *,
        time_limit: float = 300.0,
        progress: bool = False,
        wants_submodules: Callable[[Path], bool | None] = lambda project: None,
    ) -> None:
        self._environment = environment
        self._temporary = temporary
        self._time_limit = time_limit
        self._progress = progress
        self._wants_submodules = wants_submodules

    @contextlib.contextmanager
    def checkout(
        self,
        repository: str,
        reference: str,
        commit: str = "",
        *,
        path: str = "",
        say: Callable[[str], None],
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
            fetch = Fetch(
                git, wanted, transport, lambda line: say(hide(line, secrets)), self._progress
            )
            try:
                with hidden_in_errors(secrets):  # a server may repeat what it was given
                    checkout = self._complete(fetch, fetch.checkout(), path)
            except GitTimeout:
                raise translate_timeout(wanted, self._time_limit) from None
            yield checkout

    def _complete(self, fetch: Fetch, fetched: Fetched, path: str) -> Checkout:
        """Add the submodules that the project wants, and say what is not there."""
        wanted, entries = fetch.wanted, dict(fetched.entries)
        submodules = tuple(name for name, entry in entries.items() if entry.kind == "submodule")
        wants = self._wants_submodules(fetched.folder / path) if submodules else None
        if wants:
            entries |= fill_submodules(fetch, fetched, self._environment)
        here = wanted.repository.folder
        tree = inspect_folder(here, self._environment) if here else None
        return Checkout(
            wanted.repository.text,
            wanted.reference,
            fetched.commit,
            fetched.folder,
            entries,
            local=wanted.repository.kind == "file",
            fixed=fetched.fixed,
            note=tree.note(fetched.commit, wanted.reference) if tree else "",
            path=path,
            missing=submodules if wants is None else (),
            pointers=find_pointers(fetched.folder, entries),
        )
