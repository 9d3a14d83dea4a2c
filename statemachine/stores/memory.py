"""Checkpoints in this process's memory: for tests and for machines that need not outlive it.

It keeps the same bytes as the durable stores, so that what cannot be stored fails here, too, and
nothing that a handler changes later can change the past.
"""

import threading
from collections.abc import Sequence

from statemachine.checkpoint import Checkpoint
from statemachine.codec import LIMIT_BYTES, encode, recall
from statemachine.errors import CheckpointExists, CheckpointNotFound
from statemachine.store import Stored
from statemachine.stores.rules import Head, check_save, version_of


class MemoryStore:
    """A `CheckpointStore` without a disk; safe for threads."""

    def __init__(self, *, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._records: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def create(self, checkpoint: Checkpoint) -> Stored:
        """Keep the first checkpoint of a machine."""
        raw = encode(checkpoint, limit=self._limit)
        with self._lock:
            if checkpoint.id in self._records:
                raise CheckpointExists(f"machine {checkpoint.id} is already on record")
            self._records[checkpoint.id] = raw
        return _stored(raw)

    def load(self, machine_id: str) -> Stored:
        """Return the newest checkpoint."""
        with self._lock:
            return _stored(self._raw(machine_id))

    def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
        """Replace exactly the version `expected`."""
        raw = encode(checkpoint, sealed=seal, limit=self._limit)
        with self._lock:
            current = self._raw(checkpoint.id)
            record = recall(current)
            head = Head(version_of(current), record.checkpoint.epoch, record.sealed)
            check_save(head, checkpoint, expected)
            self._records[checkpoint.id] = raw
        return _stored(raw)

    def delete(self, machine_id: str) -> None:
        """Forget the machine."""
        with self._lock:
            self._records.pop(machine_id, None)

    def list(self) -> Sequence[str]:
        """Return all ids, sorted."""
        with self._lock:
            return sorted(self._records)

    def _raw(self, machine_id: str) -> bytes:
        try:
            return self._records[machine_id]
        except KeyError:
            raise CheckpointNotFound(f"no machine {machine_id} is on record") from None


def _stored(raw: bytes) -> Stored:
    return Stored(recall(raw).checkpoint, version_of(raw))
