"""Who may replace a stored checkpoint: the one rule of compare-and-swap, for the stores that
enforce it themselves (a server with its own compare-and-swap does not need it)."""

import hashlib
from dataclasses import dataclass

from statemachine.checkpoint import Checkpoint
from statemachine.errors import CheckpointConflict, CheckpointSealed, Fenced


@dataclass(frozen=True, slots=True)
class Head:
    """What must be known of the stored checkpoint to judge a save."""

    version: str
    epoch: int
    sealed: bool


def version_of(raw: bytes) -> str:
    """Return the version of stored bytes: their hash.

    No version comes twice in a machine's life, since each save has a higher sequence.
    """
    return hashlib.sha256(raw).hexdigest()


def check_save(head: Head, checkpoint: Checkpoint, expected: str) -> None:
    """Let the save pass or raise.

    Raises:
        Fenced, CheckpointSealed, CheckpointConflict: as `CheckpointStore.save` says. Who was
            overtaken hears that, also when the machine has ended since.
    """
    if head.epoch > checkpoint.epoch:
        raise fenced(checkpoint.id, head.epoch)
    if head.sealed:
        raise CheckpointSealed(
            f"machine {checkpoint.id} has ended; its record is final",
            hint="start a new machine instead of changing a finished one",
        )
    if head.version != expected:
        raise CheckpointConflict(
            f"machine {checkpoint.id} was saved by somebody else since it was loaded",
            hint="load it again and decide anew",
        )


def fenced(machine_id: str, epoch: int) -> Fenced:
    """Return the error for a writer whose epoch is over."""
    return Fenced(
        f"another controller has taken machine {machine_id} over (epoch {epoch})",
        hint="nothing is lost: the other controller goes on; look at the machine's state",
    )
