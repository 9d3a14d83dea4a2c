"""What a controller says that has lost its run to another one, or to a `bodywork cancel`."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from bodywork.cli import advice, exits
from bodywork.cli.conclusion import describe_take_over
from bodywork.cli.wiring import Place
from bodywork.errors import BodyworkError
from bodywork.workflow import lifecycle
from bodywork.workflow.record import parse_progress
from statemachine.errors import StateMachineError

if TYPE_CHECKING:
    from statemachine.checkpoint import Checkpoint

CANCEL_SECONDS = 10.0
"""How long the stages of a cancelled run are given to end, before its last state is shown."""
LOOK_SECONDS = 0.1
_UNREADABLE = (BodyworkError, StateMachineError)


def newest_record(
    place: Place, run: str, stop: Callable[[], bool] = lambda: False
) -> "Checkpoint | None":
    """Return the record that another controller writes; None where it cannot be read.

    Where the run is being cancelled, its end is waited for, so that it can be shown.
    """
    deadline = time.monotonic() + CANCEL_SECONDS
    try:
        while True:
            now = place.store.load(run).checkpoint
            ended = now.state in lifecycle.TERMINAL
            if ended or not parse_progress(now.data).cancelled_by:
                return now
            if stop() or time.monotonic() > deadline:
                return now
            time.sleep(LOOK_SECONDS)
    except _UNREADABLE:
        return None


def report_take_over(place: Place, run: str) -> int:
    """Say who has the run now; return the exit code."""
    now, holder = newest_record(place, run, stop=lambda: True), ""
    try:
        status = place.who_controls(run)
        holder = status.holder if status else ""
    except _UNREADABLE:
        pass  # it is said without a name
    told = describe_take_over(run, now, holder)
    exits.tell(told.text, f"how it goes: {advice.command(place, 'status', run)}", label=told.label)
    return exits.HELD
