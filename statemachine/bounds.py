"""What hooks may take of a record, so that it always fits. Pure.

What is due is delivered as soon as it is saved, so a record holds the deliveries of one save, and
those for hooks that no process registers any more. The latter would add up: beyond a bound the
oldest of them are given up, and are on record as failures, as if the hook had not answered.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from statemachine.checkpoint import Checkpoint, Delivery, HookFailure
from statemachine.packing import pack_outbox, size_of

OUTBOX_BYTES = 96 << 10
"""Of what is due; the deliveries of one save may have more, and are never given up."""
FAILURES_BYTES = 16 << 10
KEPT_FAILURES = 20
"""How many failures of hooks that are not required stay on record."""
LONGEST_NAME = 200
"""Characters of a hook's name."""
GIVEN_UP = "not registered in the process that went on, and given up: too much was due"


def give_up_oldest(
    new: Checkpoint, is_registered: Callable[[str], bool], limit: int = OUTBOX_BYTES
) -> Checkpoint:
    """Return the checkpoint with no more due than fits, as far as that is due for hooks that are
    not registered here; what is given up is among its failures."""
    if not new.outbox or _size(new.outbox, new.id) <= limit:
        return new
    missing = [due for due in new.outbox if not is_registered(due.hook)]
    least, most = 1, len(missing)
    while least < most:
        middle = (least + most) // 2
        if _size(_without(new.outbox, missing[:middle]), new.id) <= limit:
            most = middle
        else:
            least = middle + 1
    dropped = missing[:most]
    failures = [HookFailure(due.key, due.hook, GIVEN_UP, due.required) for due in dropped]
    return replace(
        new,
        outbox=_without(new.outbox, dropped),
        failures=keep_failures((*new.failures, *failures)),
    )


def keep_failures(failures: Sequence[HookFailure]) -> tuple[HookFailure, ...]:
    """Return the failures that stay on record: the first of each required hook, by which handlers
    decide, and as many of the newest others as fit."""
    first = {each.hook: each for each in reversed(failures) if each.required}
    others = [each for each in failures if first.get(each.hook) is not each]
    kept: set[int] = set()
    left = FAILURES_BYTES
    for each in (*reversed(first.values()), *reversed(others[-KEPT_FAILURES:])):
        left -= size_of(asdict(each))
        if left < 0 and kept:
            break
        kept.add(id(each))
    return tuple(each for each in failures if id(each) in kept)


def _size(outbox: Sequence[Delivery], machine_id: str) -> int:
    return size_of(pack_outbox(outbox, machine_id))


def _without(outbox: Sequence[Delivery], dropped: Sequence[Delivery]) -> tuple[Delivery, ...]:
    keys = {due.key for due in dropped}
    return tuple(due for due in outbox if due.key not in keys)
