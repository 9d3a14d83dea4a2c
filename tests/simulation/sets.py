"""Sets of stories, from the simplest to all."""

from dataclasses import dataclass

from tests.simulation.acts import ACTS, OF_BATCH
from tests.simulation.faults import Fault
from tests.simulation.stories import Limits

EVERY_FAULT = frozenset(Fault)
ENDS = frozenset({"cancel", "take-over"})

SETS = {
    "calm": Limits(),
    "faults": Limits(EVERY_FAULT),
    "two": Limits(EVERY_FAULT, runs=1, controllers=4, ends=ENDS),
    "acts": Limits(EVERY_FAULT, OF_BATCH, runs=1, controllers=4, ends=ENDS),
    "services": Limits(services=True),
    "all": Limits(EVERY_FAULT, ACTS, runs=2, controllers=4, services=True, ends=ENDS | {"prune"}),
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of seeds of one set that the tests go through."""

    name: str
    first: int
    count: int

    @property
    def seeds(self) -> range:
        """The seeds."""
        return range(self.first, self.first + self.count)

    def __str__(self) -> str:
        return f"{self.name}-{self.first}"


PLANNED = (
    Planned("calm", 1, 20),
    Planned("faults", 1, 80),
    Planned("acts", 1001, 80),
    Planned("all", 2001, 240),
)

NOT_YET_HELD: dict[str, frozenset[str]] = {
    "calm": frozenset(),
    # The source of a run is published again, and a Job that has ended is noted to be stopped, by a
    # controller that was stopped for long and does not know yet that its run has ended.
    "faults": frozenset({"nothing_after_the_end"}),
    "acts": frozenset({"nothing_after_the_end"}),
    "all": frozenset({"nothing_after_the_end"}),
}
"""Rules that are known to be broken, by set, and why. To be emptied; nothing is to be added."""
