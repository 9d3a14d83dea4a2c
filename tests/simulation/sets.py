"""Sets of stories, from the simplest to all, and which seeds of them the tests go through."""

import os
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
    "pairs": Limits(EVERY_FAULT, controllers=3, services=True, pairs=True, ends=ENDS),
    "all": Limits(EVERY_FAULT, ACTS, runs=2, controllers=4, services=True, ends=ENDS | {"prune"}),
}
ENOUGH = 750
"""In so many histories of a set, each class of faults and each act of it has come."""


def expected(name: str) -> frozenset[str]:
    """Return what comes in each set of `ENOUGH` histories: classes of faults, and acts."""
    return frozenset(fault.name for fault in SETS[name].faults) | SETS[name].acts


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of seeds of one set that the tests go through."""

    name: str
    first: int
    count: int = 250

    @property
    def seeds(self) -> range:
        """The seeds."""
        return range(self.first, self.first + self.count)

    def __str__(self) -> str:
        return f"{self.name}-{self.first}"


PLANNED = (
    Planned("calm", 1, 100),
    Planned("faults", 1),
    Planned("acts", 1001),
    Planned("pairs", 3001, 200 if os.environ.get("BODYWORK_TEST_EVERY") else 40),
    Planned("all", 2001, ENOUGH),
    Planned("all", 2751),
    Planned("all", 3001),
    Planned("all", 3251),
)


@dataclass(frozen=True, slots=True)
class Regression:
    """A seed by which something was found, and what went wrong before it was mended."""

    name: str
    seed: int
    fault: str

    def __str__(self) -> str:
        return f"{self.name}-{self.seed}"


REGRESSIONS = (
    Regression("all", 2011, "a late controller created the Service that a roll-back had removed"),
    Regression(
        "all", 2048, "an overtaken cancel took the name of a source after the run was pruned"
    ),
    Regression("all", 200496, "an overtaken controller put its run on a Service that others use"),
    Regression("all", 3089, "a late controller published the source of a run that had ended"),
    Regression("all", 3102, "a late controller noted a stop on a Job that had ended"),
    Regression("all", 112650, "a controller that slept made a Job anew after its run was pruned"),
    Regression("all", 127713, "a list that the API server called too old ended a roll-back"),
    Regression("all", 116984, "a list that the API server called too old ended a roll-back"),
    Regression("all", 138282, "a roll-back was given up by a controller that had slept"),
    Regression("pairs", 3009, "a cancel that was overtaken rolled a Deployment back once more"),
    Regression("pairs", 3133, "a Service was changed by a controller of a run that was cancelled"),
    Regression("pairs", 3012, "one of two services that failed with ROLLBACK_SCOPE=stage stayed"),
    Regression("pairs", 3080, "a version was deployed once more after its run was cancelled"),
    Regression("acts", 1022, "a cancel, itself overtaken, noted a stop on a Job that had ended"),
)
