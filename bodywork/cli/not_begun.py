"""Jobs of schedules whose controllers have not started, beside the runs that have begun."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from bodywork.cli.exits import tell
from bodywork.cli.wiring import Place
from bodywork.errors import EngineError

if TYPE_CHECKING:
    from bodywork.cluster.cron_manifests import Tick


def find_not_begun(place: Place, begun: Collection[str]) -> "Sequence[Tick]":
    """Return the Jobs whose controller has not started, oldest first.

    Args:
        place: where to look.
        begun: the runs on record; a Job that has one has started, whatever else is known of it.
    """
    if place.schedules is None:
        return ()
    try:
        ticks = place.schedules.ticks.waiting()
    except EngineError:
        return ()  # who may not look at Jobs can still look at runs
    return [tick for tick in ticks if tick.name not in begun]


def tell_not_begun(tick: "Tick", say: "Callable[..., None]" = tell) -> None:
    """Say what a Job's controller waits for."""
    reason = f"the controller of job {tick.name} has not started: {tick.waits_for}"
    say(reason, tick.hint, label="note")


def document_not_begun(ticks: "Sequence[Tick]") -> list[dict[str, str]]:
    """Return the Jobs as JSON."""
    return [
        {
            "job": tick.name,
            "cronjob": tick.cronjob,
            "waits_for": tick.waits_for,
            "hint": tick.hint,
        }
        for tick in ticks
    ]
