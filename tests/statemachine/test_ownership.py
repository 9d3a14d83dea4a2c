import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import (
    CheckpointNotFound,
    Fenced,
    Interrupted,
    OwnershipHeld,
    StoreUnavailable,
)
from statemachine.ownership import Heartbeat, Holder, Ownership, this_process
from statemachine.store import Stored
from statemachine.stores.file import FileStore
from statemachine.stores.leases import LEASE, FileLeaseStore
from statemachine.stores.memory import MemoryStore
from tests.statemachine.machines import order_runner

ADA = Holder("ada", "far-away", 17, epoch=1, renewals=3, software="orders 1")
NEVER = 3600.0


@dataclass
class MemoryLeases:
    held: dict[str, Holder] = field(default_factory=dict)
    dead: bool = False
    away: bool = False
    slowness: Callable[[], None] = lambda: None

    def read(self, machine_id: str) -> Holder | None:
        self.slowness()
        if self.away:
            raise StoreUnavailable("away")
        return self.held.get(machine_id)

    def write(self, machine_id: str, holder: Holder) -> None:
        self.held[machine_id] = holder

    def clear(self, machine_id: str, holder: Holder) -> None:
        if self.held.get(machine_id, ADA).epoch == holder.epoch:
            self.held.pop(machine_id, None)

    def is_dead(self, machine_id: str, holder: Holder) -> bool:
        return self.dead


class World:
    """A machine on record, its leases, and a clock that only a newcomer's sleep moves."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.leases = MemoryLeases()
        self.now = 500.0
        self.while_asleep: Callable[[], None] = lambda: None
        self.waited_for: list[Holder] = []
        order_runner(self.store, writer="ada").create("o-1", {})

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.while_asleep()

    def newcomer(self) -> Ownership:
        return Ownership(
            self.leases,
            self.store,
            order_runner(self.store, writer="bob"),
            Holder("bob", "here", 18),
            duration_seconds=10,
            renew_seconds=NEVER,
            monotonic=lambda: self.now,
            sleep=self.sleep,
        )

    def epoch(self) -> int:
        return self.store.load("o-1").checkpoint.epoch


@pytest.fixture
def world() -> World:
    return World()


def test_a_machine_without_a_lease_is_taken_over_at_once(world: World) -> None:
    stored = world.newcomer().acquire("o-1", waiting=world.waited_for.append)
    assert (stored.checkpoint.epoch, stored.checkpoint.writer) == (2, "bob")
    assert (world.now, world.waited_for) == (500, [])
    assert world.leases.held["o-1"] == Holder("bob", "here", 18, epoch=2, renewals=1)


def test_a_lease_that_does_not_change_for_its_duration_is_outlasted(world: World) -> None:
    world.leases.held["o-1"] = ADA
    world.newcomer().acquire("o-1", waiting=world.waited_for.append)
    assert world.waited_for == [ADA]
    assert world.now == pytest.approx(510)
    assert world.epoch() == 2


def test_a_lease_that_is_renewed_refuses_the_newcomer_and_says_who_holds_it(world: World) -> None:
    world.leases.held["o-1"] = ADA

    def renew() -> None:
        if world.now > 509:
            world.leases.held["o-1"] = replace(ADA, renewals=4)

    world.while_asleep = renew
    with pytest.raises(OwnershipHeld, match="ada") as caught:
        world.newcomer().acquire("o-1")
    assert caught.value.holder == "ada (process 17 on far-away)"
    assert world.epoch() == 1


@given(
    seconds=st.floats(0, 30),
    renews_every=st.floats(0.1, 6),
    phase=st.floats(0, 1),
    outage=st.floats(0, 900),
)
def test_a_store_that_is_slow_for_all_lets_no_living_holder_be_overtaken(
    seconds: float, renews_every: float, phase: float, outage: float
) -> None:
    """Each request takes `seconds`, of both, and is carried out at its end; one look `outage`."""
    world = World()
    world.leases.held["o-1"] = ADA
    cycle = renews_every + 2 * seconds
    due = world.now + phase * cycle
    looks = 0

    def renew_if_due() -> None:
        nonlocal due
        while world.now >= due:
            held = world.leases.held["o-1"]
            world.leases.held["o-1"] = replace(held, renewals=held.renewals + 1)
            due += cycle

    def take_time() -> None:
        nonlocal due, looks
        looks += 1
        if looks == 2:  # the holder's requests are not answered either
            world.now += outage
            due += outage
        world.now += seconds
        renew_if_due()

    world.leases.slowness = take_time
    world.while_asleep = renew_if_due
    with pytest.raises(OwnershipHeld):
        world.newcomer().acquire("o-1")
    assert world.epoch() == 1


@given(seconds=st.floats(0, 30))
def test_a_store_that_is_slow_delays_a_take_over_by_a_few_of_its_requests(seconds: float) -> None:
    world = World()
    world.leases.held["o-1"] = ADA

    def take_time() -> None:
        world.now += seconds

    world.leases.slowness = take_time
    world.newcomer().acquire("o-1")
    slow = min(seconds, 10)
    looks = (10 + 2 * slow) / max(slow, 0.1) + 3
    assert world.now - 500 <= 10 + 2 * slow + looks * seconds + 1


def test_a_lease_that_is_cleared_meanwhile_ends_the_wait(world: World) -> None:
    world.leases.held["o-1"] = ADA
    world.while_asleep = world.leases.held.clear
    world.newcomer().acquire("o-1")
    assert world.now < 501
    assert world.epoch() == 2


def test_a_holder_known_to_be_dead_is_not_waited_for(world: World) -> None:
    world.leases.held["o-1"], world.leases.dead = ADA, True
    world.newcomer().acquire("o-1", waiting=world.waited_for.append)
    assert (world.now, world.waited_for, world.epoch()) == (500, [], 2)


def test_a_person_may_take_over_without_any_wait(world: World) -> None:
    world.leases.held["o-1"] = ADA
    world.newcomer().acquire("o-1", take_over=True)
    assert (world.now, world.epoch()) == (500, 2)


def test_a_take_over_may_bring_new_data(world: World) -> None:
    stored = world.newcomer().acquire("o-1", data_of=lambda old: {**old.data, "by": "bob"})
    assert stored.checkpoint.data == {"by": "bob"}


def test_what_is_not_on_record_cannot_be_acquired(world: World) -> None:
    with pytest.raises(CheckpointNotFound):
        world.newcomer().acquire("o-2")
    assert world.leases.held == {}


def test_a_released_machine_is_free_at_once(world: World) -> None:
    first = world.newcomer()
    first.acquire("o-1")
    first.release("o-1")
    first.release("o-1")
    assert world.leases.held == {}
    world.newcomer().acquire("o-1", waiting=world.waited_for.append)
    assert (world.waited_for, world.epoch()) == ([], 3)


def test_without_any_lease_the_one_who_lost_the_machine_is_still_fenced(world: World) -> None:
    old = order_runner(world.store, writer="ada")
    stored = world.store.load("o-1")
    world.newcomer().acquire("o-1")
    world.leases.held.clear()
    with pytest.raises(Fenced):
        old.run(stored)


def test_a_renewal_that_meets_a_higher_epoch_knows_that_the_machine_is_lost() -> None:
    leases = MemoryLeases()
    heartbeat = Heartbeat(leases, "o-1", replace(ADA, epoch=1), NEVER)
    heartbeat.renew()
    before = heartbeat.lost
    leases.held["o-1"] = bob = Holder("bob", "here", 18, epoch=2)
    heartbeat.renew()
    assert (before, heartbeat.lost) == (False, True)
    assert leases.held["o-1"] == bob


class Asked(MemoryStore):
    """A store that counts how often a machine is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = 0

    def load(self, machine_id: str) -> Stored:
        self.loads += 1
        return super().load(machine_id)


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("away", [3.9, 4.1, 300.0])
def test_who_was_stopped_for_a_while_is_asked_for_before_its_next_change(
    away: float, taken: bool
) -> None:
    store, leases, now = Asked(), MemoryLeases(away=True), [0.0]
    runner = order_runner(store, writer="ada")
    ownership = Ownership(leases, store, runner, ADA, renew_seconds=2.0, monotonic=lambda: now[0])
    ownership.hold(runner.create("o-1", {}))
    if taken:
        order_runner(store, writer="bob").take_over(store.load("o-1"))
    store.loads, now[0] = 0, away
    if taken and away > 4:
        with pytest.raises(Fenced):
            ownership.check_unless_recent()
    else:
        ownership.check_unless_recent()
        ownership.check_unless_recent()
    assert store.loads == (away > 4)
    ownership.release("o-1")


def test_a_renewal_writes_over_a_late_one_of_a_lower_epoch() -> None:
    leases = MemoryLeases({"o-1": replace(ADA, epoch=1)})
    Heartbeat(leases, "o-1", Holder("bob", "here", 18, epoch=2), NEVER).renew()
    assert leases.held["o-1"].name == "bob"


def test_a_lease_that_cannot_be_reached_does_not_stop_the_work(world: World) -> None:
    world.leases.away = True
    ownership = world.newcomer()
    stored = ownership.acquire("o-1", take_over=True)
    assert stored.checkpoint.epoch == 2
    assert not ownership.lost("o-1")
    ownership.release("o-1")


def test_a_heartbeat_renews_until_it_is_ended() -> None:
    class Watched(MemoryLeases):
        def write(self, machine_id: str, holder: Holder) -> None:
            super().write(machine_id, holder)
            if holder.renewals == 5:
                fifth.append(holder)
                heartbeat._ended.set()

    fifth = list[Holder]()
    leases = Watched()
    heartbeat = Heartbeat(leases, "o-1", replace(ADA, renewals=0), 0.001)
    heartbeat.start()
    heartbeat._thread.join()
    heartbeat.end()
    assert [holder.renewals for holder in fifth] == [5]
    assert leases.held == {}


# -- leases in files ------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    order_runner(FileStore(tmp_path)).create("o-1", {})
    return tmp_path


def test_a_lease_in_a_file_is_read_by_others_and_cleared_by_its_holder(root: Path) -> None:
    mine, others = FileLeaseStore(root), FileLeaseStore(root)
    assert others.read("o-1") is None
    mine.write("o-1", ADA)
    assert others.read("o-1") == ADA
    others.clear("o-1", replace(ADA, epoch=9))
    assert others.read("o-1") == ADA
    mine.clear("o-1", ADA)
    assert others.read("o-1") is None
    assert sorted(os.listdir(root / "o-1")) == [".lock", "checkpoint.json"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"name": 1}', "\0"])
def test_a_lease_that_cannot_be_read_protects_nobody(root: Path, content: str) -> None:
    (root / "o-1" / LEASE).write_text(content)
    assert FileLeaseStore(root).read("o-1") is None


def test_no_lease_is_made_for_a_machine_that_is_gone(root: Path) -> None:
    FileLeaseStore(root).write("o-2", ADA)
    assert not (root / "o-2").exists()


def test_a_holder_of_this_host_is_alive_as_long_as_it_keeps_its_lock(root: Path) -> None:
    me = replace(this_process("ada"), epoch=1)
    mine, others = FileLeaseStore(root), FileLeaseStore(root)
    mine.write("o-1", me)
    assert not others.is_dead("o-1", me)
    mine._let_go("o-1")
    assert others.is_dead("o-1", me)


def test_of_a_holder_of_another_host_nothing_is_known(root: Path) -> None:
    FileLeaseStore(root).write("o-1", ADA)
    assert not FileLeaseStore(root).is_dead("o-1", ADA)


HOLD_FOR_EVER = """
import sys, time
from pathlib import Path
from statemachine.ownership import Ownership, this_process
from statemachine.stores.file import FileStore
from statemachine.stores.leases import FileLeaseStore
from tests.statemachine.machines import order_runner
root = Path(sys.argv[1])
store = FileStore(root)
Ownership(
    FileLeaseStore(root), store, order_runner(store, writer="ada"), this_process("ada"),
    renew_seconds=0.05,
).acquire("o-1")
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def owner(root: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD_FOR_EVER, str(root)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def newcomer(root: Path, *, duration_seconds: float) -> Ownership:
    store = FileStore(root)
    runner = order_runner(store, writer="bob")
    me = this_process("bob")
    return Ownership(FileLeaseStore(root), store, runner, me, duration_seconds=duration_seconds)


def test_a_living_owner_is_refused_to_a_newcomer_a_killed_one_is_replaced_at_once(
    root: Path, owner: "subprocess.Popen[str]"
) -> None:
    waited_for = list[Holder]()
    with owner:
        with pytest.raises(OwnershipHeld) as caught:
            newcomer(root, duration_seconds=60).acquire("o-1", waiting=waited_for.append)
        assert f"ada (process {owner.pid} on" in caught.value.holder
        owner.kill()
        owner.wait()
    bob = newcomer(root, duration_seconds=NEVER)  # it would wait for an hour, if it had to
    assert bob.acquire("o-1").checkpoint.epoch == 3
    bob.release("o-1")
    assert len(waited_for) == 1


def test_a_stopped_owner_is_replaced_when_its_lease_has_expired(
    root: Path, owner: "subprocess.Popen[str]"
) -> None:
    with owner:
        os.kill(owner.pid, signal.SIGSTOP)
        bob = newcomer(root, duration_seconds=0.3)
        stored = bob.acquire("o-1")
        owner.kill()
    assert (stored.checkpoint.epoch, stored.checkpoint.writer) == (3, "bob")
    bob.release("o-1")


class Hanging:
    """Leases of a store that answers nothing until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def read(self, machine_id: str) -> Holder | None:
        self.let_go.wait()
        return None

    def write(self, machine_id: str, holder: Holder) -> None:
        self.let_go.wait()

    def clear(self, machine_id: str, holder: Holder) -> None:
        self.let_go.wait()

    def is_dead(self, machine_id: str, holder: Holder) -> bool:
        return False


def test_a_store_that_hangs_keeps_no_controller_from_ending() -> None:
    leases = Hanging()
    leases.let_go.set()
    heartbeat = Heartbeat(leases, "o-1", ADA, 0.001)
    heartbeat.start()
    leases.let_go.clear()
    heartbeat.end()  # returns, or this test never ends
    leases.let_go.set()


def test_a_stop_that_reaches_the_lease_is_no_fault_of_its_thread() -> None:
    class Stopped(Hanging):
        def read(self, machine_id: str) -> Holder | None:
            raise Interrupted("stopped while the store did not answer")

        def clear(self, machine_id: str, holder: Holder) -> None:
            raise Interrupted("stopped while the store did not answer")

    heartbeat = Heartbeat(Stopped(), "o-1", ADA, 0.001)
    heartbeat.start()
    heartbeat.end()
