"""Many seeds, each a history: no rule is broken in any, and every class of faults has come."""

import subprocess
import sys

import pytest

from tests.simulation.acts import ACTS
from tests.simulation.faults import Fault
from tests.simulation.many import go_through
from tests.simulation.sets import ENOUGH, PLANNED, REGRESSIONS, SETS, Planned, Regression, expected


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


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("planned", PLANNED, ids=str)
def test_histories_keep_the_rules(planned: Planned) -> None:
    tally = go_through(planned.name, planned.seeds)
    assert not tally.broken, "\n".join(tally.broken)
    if planned.count >= ENOUGH:
        assert (+tally.came).keys() >= expected(planned.name), "some never came"


@pytest.mark.parametrize("regression", REGRESSIONS, ids=str)
def test_what_was_mended_stays_mended(regression: Regression) -> None:
    tally = go_through(regression.name, [regression.seed])
    assert not tally.broken, "\n".join([regression.fault, *tally.broken])


@pytest.mark.parametrize(
    "hiding",
    [
        ["bodywork.workflow.progress.redact_address"],
        ["bodywork.cluster.verdicts.redact", "bodywork.model.run.redact"],
        ["tests.simulation.canaries.hide"],
    ],
    ids=["address", "logs of pods", "values of secrets"],
)
def test_a_secret_that_is_told_breaks_a_rule(
    hiding: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in hiding:
        monkeypatch.setattr(name, lambda text, *_: text)
    tally = go_through("all", range(5000, 5004))
    assert "no_secret_is_told" in "\n".join(tally.broken)


def test_every_act_and_fault_is_drawn_by_some_set() -> None:
    assert SETS["all"].faults == frozenset(Fault)
    assert SETS["all"].acts == ACTS
    assert sum(planned.count for planned in PLANNED) >= 2000
