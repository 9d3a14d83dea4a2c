"""Supervisors that die or hang at any point of their start: noticed in time, never run twice."""

import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from bodywork.errors import EngineError
from bodywork.execution import process_tree
from bodywork.local import processes, spawn
from bodywork.local.spawn import Spawner
from bodywork.local.supervisor import files, keeper
from tests.bodywork.local import faults
from tests.bodywork.local.machine import lay_out, until
from tests.pairs.processes import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left is read from /proc")
ANSWER_SECONDS = 1.0
ROOT = str(Path(__file__).parents[3])
POINTS = sorted(
    (role, random.Random(f"{role}{number}{seed}").randrange(most), number)
    for role, most in ((faults.SPAWNER, 2), (faults.KEEPER, 16), (faults.SUPERVISOR, 32))
    for number in (signal.SIGKILL, signal.SIGSTOP)
    for seed in range(2 if role == faults.SPAWNER else 8)
)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch, earlier: frozenset[int]) -> Iterator[None]:
    """Little of it; and what is left behind becomes a child of this process."""
    monkeypatch.setattr(spawn, "ANSWER_SECONDS", ANSWER_SECONDS)
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.5)
    process_tree.adopt_orphans()
    yield
    for pid in descendants(earlier):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process_tree.adopt_orphans(adopt=False)


def program_with(role: str, point: int, number: int) -> str:
    """Return the program of a spawner that has a fault at that point."""
    return (
        f"import sys; sys.path[:0] = [sys.argv[1], {ROOT!r}]\n"
        "from tests.bodywork.local.faults import main\n"
        f"main(int(sys.argv[2]), {role!r}, {point}, {int(number)})\n"
    )


@pytest.mark.parametrize(("role", "point", "number"), POINTS)
def test_whoever_dies_or_hangs_is_noticed_and_nothing_starts_later(
    patience: None,
    earlier: frozenset[int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    role: str,
    point: int,
    number: int,
) -> None:
    monkeypatch.setattr(spawn, "_PROGRAM", program_with(role, point, number))
    folder, ran = tmp_path / "attempt", tmp_path / "ran"
    lay_out(folder, ["/bin/sh", "-c", f"echo x >> {ran}; exec sleep 600"])
    spawner = Spawner()
    try:
        spawner.supervise(folder)
    except EngineError:
        assert not ran.exists()
    before = ran.read_text() if ran.exists() else ""
    assert processes.stop(folder)
    for pid in descendants(earlier):  # what hung goes on, too late
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    spawner.close()
    until(lambda: nothing_runs(earlier), 60)
    assert (ran.read_text() if ran.exists() else "") in (before, "x\n")
    assert not files.is_held(str(folder))


def nothing_runs(earlier: frozenset[int]) -> bool:
    for pid in process_tree.children() - earlier:
        os.waitpid(pid, os.WNOHANG)
    return not descendants(earlier)


def test_without_a_fault_the_script_runs(
    patience: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else the faults above would be met by supervisors that do not get anywhere."""
    ran = tmp_path / "ran"
    lay_out(tmp_path / "attempt", ["/bin/sh", "-c", f"echo x >> {ran}"])
    monkeypatch.setattr(spawn, "_PROGRAM", program_with(faults.SUPERVISOR, 1_000_000, 0))
    spawner = Spawner()
    spawner.supervise(tmp_path / "attempt")
    until(lambda: processes.look(tmp_path / "attempt").ended, 60)
    spawner.close()
    assert ran.read_text() == "x\n"


def test_of_a_request_that_was_given_up_nothing_ever_starts(
    patience: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    lay_out(tmp_path / "attempt", ["/bin/sh", "-c", f"echo x >> {ran}"])
    monkeypatch.setattr(spawn, "_PROGRAM", "import time; time.sleep(600)")
    spawner = Spawner()
    with pytest.raises(EngineError, match=r"did not begin within 1 seconds"):
        spawner.supervise(tmp_path / "attempt")
    assert keeper.claim_folder(str(tmp_path / "attempt")) is None
    spawner.close()
    assert not ran.exists()


def _look_for_ever(folder: Path) -> NoReturn:
    """Look as another controller does, without a pause."""
    try:
        while True:
            for name in filter(str.isdigit, os.listdir(folder)):
                files.is_held(str(folder / name))
    finally:
        os._exit(0)


def test_looking_keeps_no_supervisor_from_beginning(tmp_path: Path) -> None:
    attempts = [tmp_path / str(number) for number in range(300)]
    for attempt in attempts:
        lay_out(attempt, ["/bin/true"])
    current, over = [attempts[0]], threading.Event()
    looker = os.fork()
    if looker == 0:
        _look_for_ever(tmp_path)

    def look() -> None:
        while not over.is_set():
            files.is_held(str(current[0]))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for attempt in attempts:
            current[0] = attempt
            claim = keeper.claim_folder(str(attempt))
            assert claim, f"{attempt.name} was not begun with"
            assert files.is_held(str(attempt))
            claim.give_up()
            assert not files.is_held(str(attempt))
    finally:
        over.set()
        for thread in threads:
            thread.join()
        os.kill(looker, signal.SIGKILL)
        os.waitpid(looker, 0)
