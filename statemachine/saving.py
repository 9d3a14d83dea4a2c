"""Writing to a store whose answer may get lost: look, then decide, then perhaps write again.

After a write without an answer nobody knows whether it landed. Loading tells: our sequence and
writer, it landed; a higher epoch, the machine is somebody else's; the old version, send it again;
anything else, a conflict.
"""

import time
from collections.abc import Callable

from statemachine.checkpoint import Checkpoint
from statemachine.errors import (
    CheckpointConflict,
    CheckpointExists,
    CheckpointNotFound,
    Fenced,
    StoreUnavailable,
)
from statemachine.retries import RetryPolicy, call
from statemachine.store import CheckpointStore, Stored

Sleep = Callable[[float], None]
Clock = Callable[[], float]


def create_surely(
    store: CheckpointStore,
    first: Checkpoint,
    retry: RetryPolicy,
    sleep: Sleep,
    clock: Clock = time.monotonic,
) -> Stored:
    """Create the record, also over lost answers.

    Raises:
        CheckpointExists: somebody else has made a machine of that id.
        StoreUnavailable: for longer than the policy endures.
    """

    def look() -> Stored | None:
        try:
            found = store.load(first.id)
        except CheckpointNotFound:
            return None
        if not _is_ours(found.checkpoint, first):
            raise CheckpointExists(f"machine {first.id} is already on record")
        return found

    return _surely(lambda: store.create(first), look, retry, sleep, clock)


def save_surely(
    store: CheckpointStore,
    new: Checkpoint,
    expected: str,
    *,
    seal: bool,
    retry: RetryPolicy,
    sleep: Sleep,
    clock: Clock = time.monotonic,
) -> Stored:
    """Replace the version `expected`, also over lost answers.

    Raises:
        CheckpointConflict, CheckpointNotFound, CheckpointSealed, …: as `CheckpointStore.save`.
        StoreUnavailable: for longer than the policy endures.
    """

    def look() -> Stored | None:
        found = store.load(new.id)
        if _is_ours(found.checkpoint, new):
            return found
        if found.checkpoint.epoch > new.epoch:
            raise Fenced(
                f"another controller has taken machine {new.id} over "
                f"(epoch {found.checkpoint.epoch})"
            )
        if found.version == expected:
            return None
        raise CheckpointConflict(f"machine {new.id} was saved by {found.checkpoint.writer}")

    return _surely(lambda: store.save(new, expected, seal=seal), look, retry, sleep, clock)


def _surely(
    write: Callable[[], Stored],
    look: Callable[[], Stored | None],
    retry: RetryPolicy,
    sleep: Sleep,
    clock: Clock,
) -> Stored:
    uncertain = False

    def attempt() -> Stored:
        nonlocal uncertain
        if uncertain and (landed := look()) is not None:
            return landed
        try:
            return write()
        except StoreUnavailable:
            uncertain = True
            raise

    return call(retry, attempt, sleep=sleep, clock=clock)


def _is_ours(found: Checkpoint, sent: Checkpoint) -> bool:
    return (found.sequence, found.writer) == (sent.sequence, sent.writer)
