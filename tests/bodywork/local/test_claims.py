"""A service on this machine belongs to one run at a time; what lives is what runs."""

import itertools
import os
import signal
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bodywork.errors import NotClaimed
from bodywork.local.claims import locked
from bodywork.local.live import read_live
from bodywork.local.supervisor.copying import remove_tree
from bodywork.model.names import RunName
from bodywork.model.run import Claim, HeldBy, Phase, ServiceVersion, Unresolved
from tests.bodywork.local.machine import (
    DEPLOYER,
    NAMESPACE,
    PROJECT,
    SERVER,
    Machine,
    attempt_of,
    service,
    until,
)

STAGE = service().name


def answer(machine: Machine) -> str:
    [found] = machine.administration.services(NAMESPACE)
    with urllib.request.urlopen(found.address, timeout=5) as reply:
        return str(reply.read().decode())


def publish(machine: Machine, run: str) -> None:
    machine.publish({"serve/main.py": SERVER.replace("{word}", run)}, run)


def deploy(machine: Machine, run: str) -> Claim:
    """Deploy and accept, where each other run has ended."""
    publish(machine, run)
    claim = machine.claim(attempt_of("serve", 1, run))
    assert machine.deploy(service(), run).phase is Phase.READY
    return claim


def bring_back(machine: Machine, run: str, claim: Claim) -> Phase:
    attempt = attempt_of("serve", 1, run)
    while (seen := machine.engine.restore_version(attempt, claim)).phase is Phase.RUNNING:
        machine.engine.wait([attempt], 0.1)
    return seen.phase


def test_one_change_of_a_service_at_a_time(tmp_path: Path) -> None:
    service_folder = tmp_path / "services" / "shop--serve"
    at_work: list[int] = []
    most: list[int] = []
    together = threading.Barrier(4)

    def change(number: int) -> None:
        together.wait()
        for _ in range(10):
            with locked(service_folder):
                at_work.append(number)
                time.sleep(0.001)  # long enough for another one to come in, if it could
                most.append(len(at_work))
                at_work.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(4)))
    assert most == [1] * 40


def test_two_runs_cannot_end_each_others_version(machine: Machine) -> None:
    deploy(machine, "run-0")
    deploy(machine, "run-a")
    publish(machine, "run-b")
    second = attempt_of("serve", 1, "run-b")
    held = machine.engine.claim_service(
        second, "image", DEPLOYER, lambda run: run in ("run-0", "run-b")
    )
    assert held == HeldBy(RunName("run-a"))
    for change in (
        lambda: machine.engine.ensure_version(second, service(), "c", "image"),
        lambda: machine.engine.accept_version(second),
    ):
        with pytest.raises(NotClaimed):
            change()
    seen = machine.engine.restore_version(second, Claim())
    assert (seen.phase, seen.reason) == (Phase.READY, "run run-a has claimed it since")
    assert answer(machine) == "run-a"


def test_a_roll_back_does_not_go_past_a_version_accepted_since(machine: Machine) -> None:
    deploy(machine, "run-0")
    claim = deploy(machine, "run-a")
    deploy(machine, "run-b")
    assert bring_back(machine, "run-a", claim) is Phase.READY
    assert answer(machine) == "run-b"


def test_files_that_a_roll_back_needs_outlive_the_record_of_their_run(machine: Machine) -> None:
    deploy(machine, "run-0")
    claim = deploy(machine, "run-a")
    machine.engine.forget(RunName("run-0"))
    machine.engine.settle(attempt_of("serve", 1, "run-0"), ())  # late, and without the claim
    assert bring_back(machine, "run-a", claim) is Phase.READY
    assert answer(machine) == "run-0"


def test_a_version_whose_files_are_gone_is_not_taken_for_none(machine: Machine) -> None:
    deploy(machine, "run-0")
    deploy(machine, "run-a")
    machine.engine.settle(attempt_of("serve", 1, "run-a"), ())
    os.rename(
        machine.root / "namespaces/shop/services/shop--serve/versions/run-a-1/work",
        machine.root / "elsewhere",
    )
    claim = machine.claim(attempt_of("serve", 1, "run-b"))
    assert isinstance(claim.previous, Unresolved)
    assert bring_back(machine, "run-b", claim) is Phase.READY  # nothing was put in its place yet
    assert answer(machine) == "run-a"
    assert bring_back(machine, "run-c", deploy(machine, "run-c")) is Phase.FAILED
    assert answer(machine) == "run-c"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_version_whose_supervisor_died_does_not_live_and_can_come_back(machine: Machine) -> None:
    deploy(machine, "run-0")
    service_folder = machine.root / "namespaces/shop/services/shop--serve"
    status = (service_folder / "versions/run-0-1/status.json").read_text()
    child = int(status.partition('"pid": ')[2].partition(",")[0])
    with open(f"/proc/{child}/stat") as file:
        supervisor = int(file.read().rpartition(")")[2].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: machine.engine.live_version(PROJECT, STAGE) is None)
    assert read_live(service_folder)
    publish(machine, "run-a")
    claim = machine.claim(attempt_of("serve", 1, "run-a"))
    assert isinstance(claim.previous, ServiceVersion)
    assert bring_back(machine, "run-a", claim) is Phase.READY
    assert answer(machine) == "run-0"


def work_trees(machine: Machine) -> list[str]:
    """Return the versions whose files are kept, and the names of folders that are half made."""
    versions = machine.root / "namespaces/shop/services/shop--serve/versions"
    kept = [each.name for each in versions.iterdir() if (each / "work").exists()]
    return sorted(kept + [each.name for each in versions.iterdir() if each.name[0] == "."])


def test_only_the_live_version_and_that_of_a_roll_back_keep_their_files(machine: Machine) -> None:
    for run in ("run-0", "run-a", "run-b"):
        deploy(machine, run)
    assert work_trees(machine) == ["run-a-1", "run-b-1"]


def test_a_version_that_was_rolled_back_leaves_no_files(machine: Machine) -> None:
    deploy(machine, "run-0")
    claim = deploy(machine, "run-a")
    half_made = machine.root / "namespaces/shop/services/shop--serve/versions/.run-a-1.0123abcd"
    half_made.mkdir()
    assert bring_back(machine, "run-a", claim) is Phase.READY
    assert work_trees(machine) == ["run-0-1"]
    assert answer(machine) == "run-0"
    assert machine.log(attempt_of("serve", 1, "run-a")) == []  # it is there, and empty


def test_a_run_that_lost_its_claim_leaves_its_successor_all_it_needs(machine: Machine) -> None:
    deploy(machine, "run-0")
    first = deploy(machine, "run-a")
    publish(machine, "run-b")
    second = machine.claim(attempt_of("serve", 1, "run-b"))
    machine.deploy(service(), "run-b", accept=False)
    assert bring_back(machine, "run-a", first) is Phase.READY  # left alone
    assert work_trees(machine) == ["run-a-1", "run-b-1"]
    assert bring_back(machine, "run-b", second) is Phase.READY
    assert answer(machine) == "run-a"


def test_nothing_is_kept_of_a_version_whose_run_is_on_record_no_more(machine: Machine) -> None:
    deploy(machine, "run-0")
    deploy(machine, "run-a")
    machine.engine.forget(RunName("run-0"))  # its version is what a roll-back comes back to
    remove_tree(str(machine.run_folder("run-0")))
    assert work_trees(machine) == ["run-0-1", "run-a-1"]
    deploy(machine, "run-b")
    versions = machine.root / "namespaces/shop/services/shop--serve/versions"
    assert sorted(each.name for each in versions.iterdir()) == ["run-a-1", "run-b-1"]


@pytest.mark.parametrize("fates", [*itertools.product(["well", "fails later"], repeat=2)])
def test_the_last_accepted_version_answers_after_two_runs(
    machine: Machine, fates: tuple[str, ...]
) -> None:
    deploy(machine, "run-0")
    expected = "run-0"
    for number, fate in enumerate(fates):
        run = f"run-{number + 1}"
        claim = deploy(machine, run)
        if fate == "well":
            expected = run
            machine.engine.settle(attempt_of("serve", 1, run), ())
        else:
            assert bring_back(machine, run, claim) is Phase.READY
        assert answer(machine) == expected
