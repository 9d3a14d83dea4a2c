"""Many seeds, each a history: no rule is broken in any, and every class of faults has come."""

import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.simulation.acts import ACTS
from tests.simulation.faults import Fault
from tests.simulation.history import History, Outcome
from tests.simulation.invariants import violations
from tests.simulation.sets import NOT_YET_HELD, PLANNED, SETS, Planned


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """Keep nothing of what controllers log: a failing history is printed by its own command."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def replay(name: str, seed: int) -> str:
    return f"python -m tests.simulation --set {name} --seed {seed} --histories 1 -v"


def test_the_same_seed_gives_the_same_history_in_another_process() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "5", "--histories", "3", "-v"]
    told = [
        subprocess.run(
            command, capture_output=True, text=True, check=False, env={"PYTHONHASHSEED": seed}
        ).stdout.rpartition("3 histories")[0]
        for seed in ("1", "2")
    ]
    assert told[0].count("\n") > 100
    assert told[0] == told[1]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("planned", PLANNED, ids=str)
def test_histories_keep_the_rules(planned: Planned) -> None:
    fired: Counter[Fault] = Counter()
    acted: Counter[str] = Counter()
    broken: list[str] = []
    for seed in planned.seeds:
        outcome = History(seed, SETS[planned.name]).happen()
        fired += outcome.fired
        acted += outcome.acted
        broken += judged(planned, seed, outcome)
    assert not broken, "\n".join(broken)
    if planned.name == "all":
        assert fired.keys() >= frozenset(Fault), "some never came"
        assert (+acted).keys() >= ACTS, "some never came"


def judged(planned: Planned, seed: int, outcome: Outcome) -> list[str]:
    excused = NOT_YET_HELD[planned.name]
    found = [each for each in violations(outcome) if each.partition(":")[0] not in excused]
    return [f"{each}\n    {replay(planned.name, seed)}" for each in found]


def test_every_act_and_fault_is_drawn_by_some_set() -> None:
    assert SETS["all"].faults == frozenset(Fault)
    assert SETS["all"].acts == ACTS
