"""Where checkpoints are kept: the contract that every store must meet.

Each sentence of the protocol's docstrings is a test in `statemachine.testing`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from statemachine.checkpoint import Checkpoint
from statemachine.errors import CheckpointCorrupt, CheckpointNotFound


@dataclass(frozen=True, slots=True)
class Stored:
    """A checkpoint and the store's own name for exactly this version of it (opaque)."""

    checkpoint: Checkpoint
    version: str


class CheckpointStore(Protocol):
    """Keeps the newest checkpoint of each machine; compare-and-swap is the contract.

    All calls may raise `StoreUnavailable`. A call that raises anything else has changed nothing.
    """

    def create(self, checkpoint: Checkpoint) -> Stored:
        """Write the first checkpoint of a machine; of two callers at once, one wins.

        Raises:
            CheckpointExists: the id is taken.
            CheckpointTooLarge, StoreFull: nothing was written.
        """
        ...

    def load(self, machine_id: str) -> Stored:
        """Return the newest checkpoint: never one older than any that was ever returned.

        Raises:
            CheckpointNotFound: there is none.
            CheckpointCorrupt: there is something, but it cannot be trusted.
        """
        ...

    def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
        """Replace the version `expected` by this checkpoint, durably, or change nothing.

        With `seal` it is the last one: every later save of the machine fails.

        Raises:
            CheckpointConflict: the stored version is another one (`Fenced` where its epoch is
                higher than the checkpoint's).
            CheckpointNotFound: it was deleted; it is not created anew.
            CheckpointSealed: it was sealed, and the epochs are equal.
            CheckpointTooLarge, StoreFull: nothing was written.
        """
        ...

    def delete(self, machine_id: str) -> None:
        """Remove the machine and all that the store keeps for it; nothing to remove is fine."""
        ...

    def list(self) -> Sequence[str]:
        """Return the ids of all machines, sorted, the unreadable ones included."""
        ...


@runtime_checkable
class ReadsAll(Protocol):
    """A store that can read all its records at once, where that is cheaper than one by one."""

    def load_all(self) -> Sequence[Stored | CheckpointCorrupt]:
        """Return every machine's newest checkpoint, or why it cannot be read, sorted by id."""
        ...


def load_all(store: CheckpointStore) -> Iterator[Stored | CheckpointCorrupt]:
    """Yield every machine's newest checkpoint, or why it cannot be read, sorted by id."""
    if isinstance(store, ReadsAll):
        yield from store.load_all()
        return
    for machine_id in store.list():
        try:
            yield store.load(machine_id)
        except CheckpointCorrupt as error:
            yield error
        except CheckpointNotFound:
            continue  # deleted a moment ago
