"""A project that was sent along with its run: a snapshot in a mounted folder, as a `Source`."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bodywork.errors import SourceError
from bodywork.model.run import Checkout
from bodywork.snapshot import chunk_name, unpack


class UnpackedSource:
    """Implements `bodywork.ports.Source` for the one commit that is there.

    Args:
        folder: holds the chunks, each a file; a cluster mounts them as links.
        digest: of the snapshot, 64 hex digits.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        self._folder = folder
        self._digest = digest

    @contextmanager
    def checkout(
        self,
        repository: str,
        reference: str,
        commit: str = "",
        *,
        path: str = "",
        say: Callable[[str], None],
    ) -> Iterator[Checkout]:
        """Unpack the snapshot into a folder that lives as long as the context."""
        say(f"Unpacking commit {commit or reference} into 'bodywork_project'...")
        with tempfile.TemporaryDirectory(prefix="bodywork-") as scratch:
            target = Path(scratch, "bodywork_project")
            unpack(self._chunks(), self._digest, target)
            yield Checkout(repository, reference, commit, target, {}, local=True, path=path)

    def _chunks(self) -> Iterator[bytes]:
        number = 0
        while (file := self._folder / chunk_name(number)).exists():
            yield file.read_bytes()
            number += 1
        if not number:
            raise SourceError(f"there is no snapshot of the project in {self._folder}")
