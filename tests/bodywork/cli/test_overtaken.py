"""A controller that has lost its run looks at the record again, and says who has it."""

from dataclasses import replace

import pytest

from bodywork.cli.overtaken import newest_record, report_take_over
from bodywork.model.names import RunName
from bodywork.workflow import lifecycle
from bodywork.workflow.status import ControllerStatus
from statemachine.store import Stored
from tests.bodywork.cli.places import MemoryPlace
from tests.bodywork.workflow.harness import PIPELINE, Office, Repository


class LateStore:
    """A store in which a cancelled run ends when it has been looked at twice."""

    def __init__(self, office: Office, run: RunName) -> None:
        self.looks = 0
        self._office = office
        self._run = run

    def load(self, run: str) -> Stored:
        self.looks += 1
        if self.looks == 3:
            self._office.controller().cancel(self._run, "ada")
        found = self._office.store.load(run)
        data = {**found.checkpoint.data, "cancelled_by": "ada"}
        return replace(found, checkpoint=replace(found.checkpoint, data=data))


@pytest.fixture
def office() -> Office:
    return Office(Repository(c0=PIPELINE))


def test_the_end_of_a_cancelled_run_is_waited_for(office: Office) -> None:
    run = office.begin_and_die("step-1-running")
    place = MemoryPlace(office)
    late = LateStore(office, run)
    place.look_at = late
    found = newest_record(place, run)
    assert found
    assert found.state == lifecycle.CANCELLED
    assert late.looks == 3


def test_a_signal_ends_the_waiting(office: Office) -> None:
    run = office.begin_and_die("step-1-running")
    place = MemoryPlace(office)
    place.look_at = LateStore(office, run)
    found = newest_record(place, run, stop=lambda: True)
    assert found
    assert found.state == "step-1-running"


@pytest.mark.parametrize(
    ("ended", "holder", "text"),
    [
        (False, "", "another controller has taken run RUN over; this controller"),
        (False, "bob (process 7 on host)", "bob (process 7 on host) has taken run RUN over; this"),
        (True, "", "has taken run RUN over, and it has ended: succeeded; this controller"),
    ],
)
def test_a_take_over_is_said(
    ended: bool, holder: str, text: str, office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunName(office.run().id) if ended else office.begin_and_die("step-1-running")
    place = MemoryPlace(office)
    if holder:
        place.controllers[run] = ControllerStatus(holder, True)
    assert report_take_over(place, run) == 3
    first, hint = capsys.readouterr().err.splitlines()
    assert text.replace("RUN", run) in first
    assert hint.startswith(f"hint: how it goes: bodywork status {run}")


def test_a_record_that_is_gone_is_no_reason_to_fail(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_take_over(MemoryPlace(office), "nowhere") == 3
    assert "another controller has taken run nowhere over" in capsys.readouterr().err
