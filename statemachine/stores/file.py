"""Checkpoints in a folder of this machine: `<root>/<id>/checkpoint.json`.

A save is: lock, compare, write a temporary file, fsync it, rename it over the old one, fsync the
folder. Whatever kills the process or fills the disk in between, the old record or the new one is
there, whole. The temporary file has one fixed name, so a crash leaves at most one, which the next
save overwrites. A save does not parse: the record on disk is judged by its hash when it is the one
that this process wrote or read last.

The folder may hold other things of the machine (logs, say); `delete` removes them as well, by
renaming the folder out of sight first: a crash in the middle leaves no half machine.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from statemachine.checkpoint import Checkpoint
from statemachine.codec import LIMIT_BYTES, Record, decode, encode, recall
from statemachine.errors import (
    CheckpointCorrupt,
    CheckpointExists,
    CheckpointNotFound,
    Fenced,
)
from statemachine.store import Stored
from statemachine.stores.disk import remove_tree, replace, sync_folder, translated
from statemachine.stores.locks import locked
from statemachine.stores.rules import Head, check_save, fenced, version_of

RECORD = "checkpoint.json"
_LOCK = ".lock"
_TRASH = ".deleted-"
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}\Z")


class FileStore:
    """A `CheckpointStore` on a local file system, safe for processes and threads.

    Args:
        root: folder of all machines; made when the first one is created. Folders have mode 0700,
            files 0600.
        limit: greatest size of a record, in bytes.
        lock_seconds: how long to wait for another process that is just saving.
    """

    def __init__(self, root: Path, *, limit: int = LIMIT_BYTES, lock_seconds: float = 10.0) -> None:
        self.root = root
        self._limit = limit
        self._lock_seconds = lock_seconds
        self._known: dict[str, Head] = {}

    def create(self, checkpoint: Checkpoint) -> Stored:
        """Write the first checkpoint of a machine; see `CheckpointStore`."""
        raw = encode(checkpoint, limit=self._limit)
        folder = self._folder(checkpoint.id)
        with translated(folder), self._locked(folder, make=True):
            if os.path.lexists(folder / RECORD):
                raise CheckpointExists(
                    f"machine {checkpoint.id} is already on record in {folder}",
                    hint="choose another id, or go on with the machine that is there",
                )
            replace(folder / RECORD, raw)
            sync_folder(self.root)
        return self._remember(raw, Record(checkpoint, sealed=False))

    def load(self, machine_id: str) -> Stored:
        """Return the newest checkpoint; see `CheckpointStore`."""
        folder = self._folder(machine_id)
        with translated(folder):
            raw = _read(folder)
        known = self._known.get(machine_id)
        if known is not None and known.version == version_of(raw):
            return Stored(recall(raw).checkpoint, known.version)
        return self._remember(raw, _decoded(folder, raw))

    def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
        """Replace the version `expected`; see `CheckpointStore`."""
        raw = encode(checkpoint, sealed=seal, limit=self._limit)
        folder = self._folder(checkpoint.id)
        with translated(folder), self._locked(folder):
            check_save(self._head(folder), checkpoint, expected)
            replace(folder / RECORD, raw)
        return self._remember(raw, Record(checkpoint, seal))

    def delete(self, machine_id: str) -> None:
        """Remove the machine's whole folder, whatever lies in it; see `CheckpointStore`.

        What an earlier delete could not finish is removed as well.
        """
        folder = self._folder(machine_id)
        self._known.pop(machine_id, None)
        if os.path.lexists(folder):
            with suppress(CheckpointNotFound), translated(folder), self._locked(folder):
                folder.rename(self.root / f"{_TRASH}{machine_id}-{os.urandom(6).hex()}")
                sync_folder(self.root)
        with translated(self.root):
            trash = [name for name in _names(self.root) if name.startswith(_TRASH)]
        for name in trash:
            remove_tree(self.root / name)

    def list(self) -> Sequence[str]:
        """Return the ids of all machines, sorted."""
        with translated(self.root):
            return sorted(
                name
                for name in _names(self.root)
                if _ID.match(name) and os.path.lexists(self.root / name / RECORD)
            )

    @contextmanager
    def guard(self, machine_id: str, epoch: Callable[[], int]) -> Iterator[None]:
        """Hold the machine's record for as long as the context lasts: nobody can save it, take it
        over or delete it meanwhile. For effects on this machine, which no server fences; keep them
        short, and never save inside.

        Args:
            machine_id: the machine on whose behalf the effect happens.
            epoch: gives the epoch that the caller holds; asked once the record is held.

        Raises:
            Fenced: the record has a higher epoch, or is gone.
            StoreUnavailable: somebody else held the record for longer than `lock_seconds`.
        """
        folder = self._folder(machine_id)
        with ExitStack() as held:
            try:
                with translated(folder):
                    held.enter_context(self._locked(folder))
                    head = self._head(folder)
            except CheckpointNotFound as error:
                raise Fenced(error.message, hint=error.hint) from error
            if head.epoch > epoch():
                raise fenced(machine_id, head.epoch)
            yield

    def _folder(self, machine_id: str) -> Path:
        if not _ID.match(machine_id):
            raise CheckpointNotFound(
                f"{machine_id!r} cannot be the id of a machine",
                hint="ids have up to 200 letters, digits, '-', '_' and '.', and no '.' in front",
            )
        return self.root / machine_id

    def _head(self, folder: Path) -> Head:
        raw = _read(folder)
        version = version_of(raw)
        known = self._known.get(folder.name)
        if known is not None and known.version == version:
            return known
        return _foreign_head(folder, raw, version)

    def _remember(self, raw: bytes, record: Record) -> Stored:
        checkpoint = record.checkpoint
        head = Head(version_of(raw), checkpoint.epoch, record.sealed)
        self._known[checkpoint.id] = head
        return Stored(checkpoint, head.version)

    def _locked(self, folder: Path, *, make: bool = False) -> AbstractContextManager[None]:
        path = folder / _LOCK

        def opened() -> int:
            while True:
                if make:
                    self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
                    with suppress(FileExistsError):
                        folder.mkdir(mode=0o700)
                try:
                    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                except FileNotFoundError:
                    if not make:  # else: deleted in this very moment, so make it again
                        raise _not_found(folder) from None

        return locked(path, opened, seconds=self._lock_seconds)


def _names(root: Path) -> Sequence[str]:
    try:
        return os.listdir(root)
    except FileNotFoundError:
        return []


def _read(folder: Path) -> bytes:
    try:
        return (folder / RECORD).read_bytes()
    except FileNotFoundError:
        raise _not_found(folder) from None
    except IsADirectoryError:
        raise CheckpointCorrupt(f"{folder / RECORD} is a folder", hint="remove it") from None


def _not_found(folder: Path) -> CheckpointNotFound:
    if folder.is_dir():
        return CheckpointNotFound(
            f"the record of machine {folder.name} was deleted (or its creation was cut short); "
            f"its folder is still there: {folder}",
            hint=f"restore {RECORD} from a copy, or delete the machine and start a new one",
        )
    return CheckpointNotFound(f"no machine {folder.name} is on record in {folder.parent}")


def _decoded(folder: Path, raw: bytes) -> Record:
    path = folder / RECORD
    try:
        record = decode(raw)
    except CheckpointCorrupt as error:
        raise CheckpointCorrupt(f"{path}: {error.message}", hint=error.hint) from error
    if record.checkpoint.id != folder.name:
        raise CheckpointCorrupt(
            f"{path}: this is the record of machine {record.checkpoint.id}",
            hint=f"it was copied or moved here; put it back, or delete machine {folder.name}",
        )
    return record


def _foreign_head(folder: Path, raw: bytes, version: str) -> Head:
    """Read the head of a record that another process wrote, in the cheap way: a save that
    conflicts and a guard need no more, and neither trusts a record that cannot be read."""
    try:
        document = json.loads(raw)
        return Head(version, int(document["epoch"]), bool(document["sealed"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        record = _decoded(folder, raw)  # says precisely what is wrong
        return Head(version, record.checkpoint.epoch, record.sealed)
