"""Runs that were given their name beforehand, by whoever starts the same command again and again.

What is to be done is chosen from the records alone, after each step anew: so it makes no difference
whether this process has lived through the steps before, or was started after a crash.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from bodywork.cli.choice import Choice, Order, choose
from bodywork.cli.launch import Work, account, conclude
from bodywork.cli.wiring import Place, retry_pause
from bodywork.workflow.context import LOG
from bodywork.workflow.resume import may_retry
from statemachine.errors import (
    CheckpointConflict,
    CheckpointExists,
    CheckpointSealed,
    Interrupted,
    OwnershipHeld,
    StoreFull,
)

if TYPE_CHECKING:
    from statemachine.checkpoint import Checkpoint

HELD_SECONDS = 5.0
"""How long to wait before looking again at a run that another controller is at work on."""
_TAKEN = (OwnershipHeld, CheckpointConflict, CheckpointExists, CheckpointSealed)


def carry_named(
    place: Place,
    order: Order,
    choice: Choice,
    pause_seconds: Callable[[int], float] = retry_pause,
) -> int:
    """Carry the run and its retries to their end, and return the exit code.

    Where another controller is at work on it, wait for the end that it comes to.

    Args:
        place, order, choice: as for `launch`; the order names the run.
        pause_seconds: how long to wait before the try of that number (from 2).

    Raises:
        BodyworkError, StateMachineError: as the store and the engine say.
        Interrupted: between two tries.
    """
    with place.kept_alive() as heartbeat:
        return _carry(place, order, choice, pause_seconds, heartbeat)


def _carry(
    place: Place,
    order: Order,
    choice: Choice,
    pause_seconds: Callable[[int], float],
    heartbeat: Callable[[], None],
) -> int:
    while True:
        heartbeat()  # no controller shows it while another one is waited for
        work = Work(place, order, choice)
        try:
            _pause_before_retry(order, choice, pause_seconds)
            last = work.carry_through()
            if not _is_retried(order, last):
                return conclude(place, last)
            choice = choose(place, order)
        except _TAKEN as taken:
            LOG.info("waiting: %s", taken.message)
            time.sleep(HELD_SECONDS)
            choice = choose(place, order)
        except (Interrupted, StoreFull) as stopped:
            return account(place, work, stopped)
        else:
            if choice.request is None:
                return conclude(place, last)


def _is_retried(order: Order, last: "Checkpoint") -> bool:
    """Say whether another try follows; an earlier run, which this one gave way to, has none."""
    return last.id in order.names()[:-1] and may_retry(last)


def _pause_before_retry(
    order: Order, choice: Choice, pause_seconds: Callable[[int], float]
) -> None:
    """Raises `Interrupted`."""
    if choice.request is None or choice.earlier is None or not choice.request.continues:
        return
    number = next(n for n, name in enumerate(order.names()) if name == choice.name)
    LOG.info(
        "run=%s has failed; retry %d of %d is run=%s",
        choice.earlier.id,
        number,
        order.retries,
        choice.name,
    )
    time.sleep(pause_seconds(number + 1))
