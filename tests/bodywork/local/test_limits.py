"""Limits are kept by a clock that nobody sets, and that goes on while the machine sleeps."""

import time
from pathlib import Path

import pytest

from bodywork.execution import clock
from bodywork.local import spawn
from bodywork.model.run import Phase
from tests.bodywork.local.machine import (
    SERVER,
    Machine,
    batch,
    service,
)

ROOT = str(Path(__file__).parents[3])
JUMPING = f"""
import sys; sys.path[:0] = [sys.argv[1], {ROOT!r}]
import itertools, time
from bodywork.execution import clock
from bodywork.local.supervisor import spawner, supervise
at = itertools.cycle([0.0, 4e9, -4e9, 1e6, -1e6])
wall, slept = time.time, clock.now
time.time = lambda: max(0.0, wall() + next(at))
"""
SLEEPING = """
supervise.LONGEST_WAIT_SECONDS = 0.05
began = slept()
clock.now = lambda: slept() + (1e6 if slept() > began + 0.5 else 0.0)
"""
SERVE = "spawner.main(int(sys.argv[2]))\n"


@pytest.fixture
def jumping(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine on whose supervisors the time of day jumps at each look."""
    monkeypatch.setattr(spawn, "_PROGRAM", JUMPING + SERVE)
    return machine


def test_the_clock_goes_on_while_the_machine_sleeps_and_nobody_sets_it() -> None:
    first = clock.now()
    assert clock.now() >= first
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert abs(time.clock_gettime(time.CLOCK_BOOTTIME) - first) < 60


def test_a_time_of_day_that_jumps_ends_no_stage(jumping: Machine) -> None:
    seen = jumping.run("import time\ntime.sleep(0.3)\n", batch(seconds=600))
    assert (seen.phase, seen.reason) == (Phase.SUCCEEDED, "")


def test_a_time_of_day_that_jumps_lengthens_no_limit(jumping: Machine) -> None:
    seen = jumping.run("import time\ntime.sleep(600)\n", batch(seconds=1))
    assert (seen.phase, seen.reason) == (Phase.FAILED, "exceeded MAX_COMPLETION_TIME_SECONDS=1")


def test_the_time_that_a_machine_sleeps_counts(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawn, "_PROGRAM", JUMPING + SLEEPING + SERVE)
    seen = machine.run("import time\ntime.sleep(600)\n", batch(seconds=3600))
    assert (seen.phase, seen.reason) == (Phase.FAILED, "exceeded MAX_COMPLETION_TIME_SECONDS=3600")


def test_a_time_of_day_that_jumps_neither_fails_nor_spares_a_service(
    jumping: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumping.publish({"serve/main.py": SERVER.format(word="v1")})
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert jumping.deploy(service(seconds=60), "run-1").phase is Phase.READY
    monkeypatch.setattr(time, "time", lambda: 0.0)
    jumping.publish({"serve/main.py": "import time\ntime.sleep(600)\n"}, "run-2")
    seen = jumping.deploy(service(seconds=1), "run-2")
    assert seen.phase is Phase.FAILED
    assert "within MAX_STARTUP_TIME_SECONDS=1" in seen.reason
