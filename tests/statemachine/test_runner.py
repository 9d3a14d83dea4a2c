from collections.abc import Callable
from dataclasses import replace

import pytest

from statemachine.checkpoint import Checkpoint
from statemachine.errors import (
    CheckpointConflict,
    CheckpointExists,
    CheckpointSealed,
    Fenced,
    IllegalTransition,
    Interrupted,
    StoreUnavailable,
)
from statemachine.outcome import Advance, Wait
from statemachine.store import CheckpointStore, Stored
from statemachine.stores.memory import MemoryStore
from statemachine.testing import CrashingStore, run_to_end_with_crashes
from tests.statemachine.machines import AT, order_runner


class FlakyStore(CrashingStore):
    """Loses answers: the n-th write raises StoreUnavailable, before or after it was made."""

    def __init__(self, store: CheckpointStore, *, before: int = 0, after: int = 0) -> None:
        def fail() -> None:
            raise StoreUnavailable("no answer")

        super().__init__(store, crash_before=before, crash_after=after, crash=fail)


def states(checkpoint: Checkpoint) -> list[str]:
    return [move.state for move in checkpoint.path]


def test_a_new_machine_is_on_record_before_anything_happens() -> None:
    store = MemoryStore()
    stored = order_runner(store).create("o-1", {"for": "ada"})
    assert store.load("o-1") == stored
    first = stored.checkpoint
    assert (first.state, first.sequence, first.epoch, first.writer) == ("new", 1, 1, "w1")
    assert (first.created_at, first.data, states(first)) == (AT, {"for": "ada"}, ["new"])


def test_a_machine_runs_to_its_end_and_is_sealed_in_the_last_write() -> None:
    store = CrashingStore(MemoryStore())
    runner = order_runner(store)
    end = runner.run(runner.create("o-1", {}))
    assert (end.state, end.data, states(end)) == ("sent", {"packed": 2}, ["new", "paid", "sent"])
    assert (store.writes, end.sequence) == (5, 5)
    stored = store.load("o-1")
    with pytest.raises(CheckpointSealed):
        store.save(replace(end, sequence=6), stored.version)


def test_a_move_to_the_same_state_records_data_and_no_path() -> None:
    runner = order_runner(MemoryStore())
    paid = runner.step(runner.create("o-1", {}))
    packed = runner.step(paid)
    assert packed.checkpoint.data == {"packed": 1}
    assert packed.checkpoint.path == paid.checkpoint.path
    assert packed.checkpoint.sequence == paid.checkpoint.sequence + 1


def test_going_on_with_a_finished_machine_changes_nothing() -> None:
    store = CrashingStore(MemoryStore())
    runner = order_runner(store)
    end = runner.run(runner.create("o-1", {}))
    stored, writes = store.load("o-1"), store.writes
    assert order_runner(store, writer="w2").run(stored) == end
    assert (store.load("o-1"), store.writes) == (stored, writes)


def test_nothing_is_written_while_a_handler_waits() -> None:
    store, woken = CrashingStore(MemoryStore()), list[int]()

    def wait_three_times(checkpoint: Checkpoint) -> Advance | Wait:
        if len(woken) < 3:
            return Wait(lambda: woken.append(store.writes))
        return Advance("pay", checkpoint.data)

    runner = order_runner(store, handlers={"new": wait_three_times})
    assert runner.run(runner.create("o-1", {})).state == "sent"
    assert woken == [1, 1, 1]


def test_an_illegal_trigger_is_refused_and_nothing_is_written() -> None:
    store = MemoryStore()
    runner = order_runner(store, handlers={"new": lambda _: Advance("send", {})})
    stored = runner.create("o-1", {})
    with pytest.raises(IllegalTransition):
        runner.run(stored)
    assert store.load("o-1") == stored


def test_a_stop_leaves_the_machine_where_it_was_and_it_can_be_gone_on_with() -> None:
    store, seen = MemoryStore(), list[Checkpoint]()
    runner = order_runner(store, stop=lambda: len(seen) == 3, observer=seen.append)
    with pytest.raises(Interrupted):
        runner.run(runner.create("o-1", {}))
    stored = store.load("o-1")
    assert stored.checkpoint == seen[-1]
    assert stored.checkpoint.data == {"packed": 1}
    assert order_runner(store).run(stored).state == "sent"


def test_a_stop_during_a_wait_is_heeded_before_the_next_look() -> None:
    asked, looks = list[bool](), list[str]()

    def never(checkpoint: Checkpoint) -> Advance | Wait:
        looks.append(checkpoint.state)
        return Wait(lambda: asked.append(True))

    runner = order_runner(MemoryStore(), handlers={"new": never}, stop=lambda: bool(asked))
    with pytest.raises(Interrupted):
        runner.run(runner.create("o-1", {}))
    assert looks == ["new"]


def test_a_take_over_raises_the_epoch_and_fences_the_one_before() -> None:
    store = MemoryStore()
    old, new = order_runner(store, writer="old"), order_runner(store, writer="new")
    stored = old.create("o-1", {})
    taken = new.take_over(stored, {"packed": 1})
    assert (taken.checkpoint.epoch, taken.checkpoint.sequence) == (2, 2)
    assert (taken.checkpoint.writer, taken.checkpoint.data) == ("new", {"packed": 1})
    with pytest.raises(Fenced):
        old.step(stored)
    assert store.load("o-1") == taken


def test_of_two_newcomers_one_takes_the_machine() -> None:
    store = MemoryStore()
    stored = order_runner(store).create("o-1", {})
    taken = order_runner(store, writer="w2").take_over(stored)
    with pytest.raises(CheckpointConflict):
        order_runner(store, writer="w3").take_over(stored)
    assert store.load("o-1") == taken


def test_a_finished_machine_cannot_be_taken_over() -> None:
    store = MemoryStore()
    runner = order_runner(store)
    runner.run(runner.create("o-1", {}))
    with pytest.raises(CheckpointSealed):
        order_runner(store, writer="w2").take_over(store.load("o-1"))


@pytest.mark.parametrize("write", range(1, 6))
@pytest.mark.parametrize("landed", [False, True])
def test_a_lost_answer_is_looked_up_and_the_write_made_exactly_once(
    write: int, landed: bool
) -> None:
    inner = MemoryStore()
    store = FlakyStore(inner, after=write) if landed else FlakyStore(inner, before=write)
    runner = order_runner(store)
    end = runner.run(runner.create("o-1", {}))
    assert (end.state, end.sequence, store.crashes) == ("sent", 5, 1)
    assert inner.load("o-1").checkpoint == end


class Meddling(MemoryStore):
    """Loses the answer of the second write, after somebody else has changed the record."""

    def __init__(self, meddle: Callable[[Stored], Checkpoint]) -> None:
        super().__init__()
        self._meddle: Callable[[Stored], Checkpoint] | None = meddle

    def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
        if self._meddle is None:
            return super().save(checkpoint, expected, seal=seal)
        found, meddle, self._meddle = self.load(checkpoint.id), self._meddle, None
        super().save(meddle(found), found.version)
        raise StoreUnavailable("no answer")


def test_after_a_lost_answer_a_higher_epoch_means_fenced() -> None:
    store = Meddling(lambda found: replace(found.checkpoint, sequence=2, writer="x", epoch=2))
    runner = order_runner(store)
    with pytest.raises(Fenced):
        runner.run(runner.create("o-1", {}))


def test_after_a_lost_answer_another_writer_of_our_epoch_is_a_conflict() -> None:
    store = Meddling(lambda found: replace(found.checkpoint, sequence=2, writer="x"))
    runner = order_runner(store)
    with pytest.raises(CheckpointConflict, match="was saved by x") as caught:
        runner.run(runner.create("o-1", {}))
    assert not isinstance(caught.value, Fenced)


def test_a_lost_answer_to_a_creation_does_not_adopt_a_machine_of_somebody_else() -> None:
    inner = MemoryStore()
    order_runner(inner, writer="other").create("o-1", {})
    with pytest.raises(CheckpointExists):
        order_runner(FlakyStore(inner, before=1)).create("o-1", {})


def test_a_store_that_stays_away_ends_in_its_own_error_after_the_policy() -> None:
    class Away(MemoryStore):
        def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
            raise StoreUnavailable("away")

    sleeps = list[float]()
    runner = order_runner(Away(), sleeps=sleeps)
    with pytest.raises(StoreUnavailable):
        runner.run(runner.create("o-1", {}))
    assert len(sleeps) == 3  # four attempts


def test_a_stop_ends_the_wait_for_a_store_that_stays_away() -> None:
    class Away(MemoryStore):
        def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
            stopped.append(True)
            raise StoreUnavailable("away")

    stopped, store = list[bool](), Away()
    runner = order_runner(store, stop=lambda: bool(stopped))
    with pytest.raises(Interrupted):
        runner.run(runner.create("o-1", {}))
    assert len(stopped) == 1


def test_the_machine_ends_alike_wherever_its_controller_dies() -> None:
    deaths = run_to_end_with_crashes(MemoryStore, order_runner, "o-1", {"for": "ada"})
    assert [(death.write, death.landed) for death in deaths] == [
        (write, landed) for write in range(1, 6) for landed in (False, True)
    ]
    assert all(states(death.end) == ["new", "paid", "sent"] for death in deaths)


def test_the_crash_proof_notices_a_machine_that_forgets() -> None:
    packed = list[str]()

    def pack_from_memory(checkpoint: Checkpoint) -> Advance | Wait:
        packed.append("")
        data = {**checkpoint.data, "packed": len(packed)}
        return Advance("send" if len(packed) >= 3 else "pack", data)

    def new_store() -> CheckpointStore:
        packed.clear()
        return MemoryStore()

    with pytest.raises(AssertionError, match="killed before write 5"):
        run_to_end_with_crashes(
            new_store,
            lambda store: order_runner(store, handlers={"paid": pack_from_memory}),
            "o-1",
            {},
        )
