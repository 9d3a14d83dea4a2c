"""The contract suite of a checkpoint store: one test a sentence of `CheckpointStore`.

Subclass `StoreContract` in a test module, give it a `store` fixture, and pytest runs the suite::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self) -> CheckpointStore:
            return MyStore(...)

Only this module needs pytest; nothing else of the package imports it.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from statemachine.checkpoint import Checkpoint, Delivery, HookFailure, Move
from statemachine.errors import (
    CheckpointConflict,
    CheckpointExists,
    CheckpointNotFound,
    CheckpointSealed,
    CheckpointTooLarge,
    Fenced,
)
from statemachine.store import CheckpointStore, Stored, load_all

_AT = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)


def sample(machine_id: str = "m-1") -> Checkpoint:
    """Return a first checkpoint with something in every field."""
    return Checkpoint(
        id=machine_id,
        machine="sample",
        state="new",
        sequence=1,
        epoch=1,
        writer="w1",
        software="suite 1",
        created_at=_AT,
        updated_at=_AT,
        data={"text": 'ä\n"x"', "list": [1, 2.5, None, True], "map": {"b": {}, "a": []}},
        path=(Move("new", "", _AT),),
        outbox=(Delivery("m-1/1/hook/0", "hook", {"topic": "enter:new"}),),
        failures=(HookFailure("m-1/0/other/0", "other", "TimeoutError", required=True),),
    )


def later(checkpoint: Checkpoint, *, writer: str = "w1", epoch: int = 0) -> Checkpoint:
    """Return the checkpoint after this one."""
    return replace(
        checkpoint,
        sequence=checkpoint.sequence + 1,
        writer=writer,
        epoch=epoch or checkpoint.epoch,
    )


class StoreContract:
    """What every store must do. `too_large` is a text that no record of the store can hold."""

    too_large = "x" * (2 * 1024 * 1024)

    @pytest.fixture
    def store(self) -> CheckpointStore:
        """Return an empty store; to be overridden."""
        raise NotImplementedError("give the suite a `store` fixture")

    def test_what_was_created_is_loaded_unchanged(self, store: CheckpointStore) -> None:
        """Nothing is lost or altered, and the version is the one that create returned."""
        created = store.create(sample())
        assert created.checkpoint == sample()
        assert store.load("m-1") == created

    def test_an_id_is_created_once(self, store: CheckpointStore) -> None:
        """The second creation fails and changes nothing."""
        created = store.create(sample())
        with pytest.raises(CheckpointExists):
            store.create(replace(sample(), writer="w2"))
        assert store.load("m-1") == created

    def test_a_save_replaces_the_expected_version(self, store: CheckpointStore) -> None:
        """The new checkpoint is loaded, under a new version."""
        created = store.create(sample())
        saved = store.save(later(sample()), created.version)
        assert saved.checkpoint == later(sample())
        assert saved.version != created.version
        assert store.load("m-1") == saved

    def test_a_stale_save_changes_nothing(self, store: CheckpointStore) -> None:
        """Somebody saved since: a conflict, but not a fence."""
        created = store.create(sample())
        saved = store.save(later(sample(), writer="w2"), created.version)
        with pytest.raises(CheckpointConflict) as caught:
            store.save(later(sample()), created.version)
        assert not isinstance(caught.value, Fenced)
        assert store.load("m-1") == saved

    def test_a_save_below_the_stored_epoch_is_fenced(self, store: CheckpointStore) -> None:
        """Somebody took the machine over since."""
        created = store.create(sample())
        taken = store.save(later(sample(), writer="w2", epoch=2), created.version)
        with pytest.raises(Fenced):
            store.save(later(sample()), created.version)
        assert store.load("m-1") == taken

    def test_a_sealed_record_is_final(self, store: CheckpointStore) -> None:
        """Even its own writer cannot save it again; it stays readable."""
        created = store.create(sample())
        sealed = store.save(later(sample()), created.version, seal=True)
        with pytest.raises(CheckpointSealed):
            store.save(later(sealed.checkpoint, epoch=2), sealed.version)
        assert store.load("m-1") == sealed

    def test_a_deleted_record_is_not_created_anew_by_a_save(self, store: CheckpointStore) -> None:
        """A controller that wakes up late cannot resurrect a machine."""
        created = store.create(sample())
        store.delete("m-1")
        with pytest.raises(CheckpointNotFound):
            store.save(later(sample()), created.version)
        assert list(store.list()) == []

    def test_what_is_not_there_is_not_found(self, store: CheckpointStore) -> None:
        """Neither before the first creation nor after a deletion."""
        with pytest.raises(CheckpointNotFound):
            store.load("m-1")
        store.create(sample())
        store.delete("m-1")
        with pytest.raises(CheckpointNotFound):
            store.load("m-1")

    def test_deleting_nothing_is_fine(self, store: CheckpointStore) -> None:
        """Also twice."""
        store.delete("m-1")
        store.create(sample())
        store.delete("m-1")
        store.delete("m-1")
        assert list(store.list()) == []

    def test_a_deleted_id_is_free_again(self, store: CheckpointStore) -> None:
        """The new machine is another one: a version of the old one does not fit it."""
        old = store.create(sample())
        store.delete("m-1")
        new = store.create(replace(sample(), writer="w2"))
        with pytest.raises(CheckpointConflict):
            store.save(later(sample()), old.version)
        assert store.load("m-1") == new

    def test_list_is_sorted_and_complete(self, store: CheckpointStore) -> None:
        """Machines do not get in each other's way."""
        for name in ("m-2", "m-10", "m-1"):
            store.create(sample(name))
        assert list(store.list()) == ["m-1", "m-10", "m-2"]
        store.delete("m-10")
        assert list(store.list()) == ["m-1", "m-2"]
        assert store.load("m-2").checkpoint == sample("m-2")

    def test_all_are_read_at_once_as_they_are_read_one_by_one(self, store: CheckpointStore) -> None:
        """The same checkpoints under the same versions, sorted."""
        for name in ("m-2", "m-10", "m-1"):
            store.create(sample(name))
        assert list(load_all(store)) == [store.load(name) for name in ("m-1", "m-10", "m-2")]

    def test_a_record_that_is_too_large_is_not_written(self, store: CheckpointStore) -> None:
        """Neither by create nor by save; what was there stays."""
        with pytest.raises(CheckpointTooLarge):
            store.create(replace(sample(), data={"text": self.too_large}))
        created = store.create(sample())
        with pytest.raises(CheckpointTooLarge):
            store.save(replace(later(sample()), data={"text": self.too_large}), created.version)
        assert store.load("m-1") == created

    def test_of_two_creators_at_once_one_wins(self, store: CheckpointStore) -> None:
        """The record is that of the one who was told so."""
        won = _race(lambda writer: store.create(replace(sample(), writer=writer)))
        assert [store.load("m-1")] == won

    def test_of_many_savers_at_once_one_wins(self, store: CheckpointStore) -> None:
        """Compare-and-swap: all expect the same version, one gets it."""
        version = store.create(sample()).version
        won = _race(lambda writer: store.save(later(sample(), writer=writer), version))
        assert [store.load("m-1")] == won


def _race(write: Callable[[str], Stored]) -> list[Stored]:
    """Let several threads write at once; return what those who were not refused were told."""
    start, won = threading.Barrier(6), list[Stored]()

    def contend(writer: str) -> None:
        start.wait()
        try:
            won.append(write(writer))
        except (CheckpointConflict, CheckpointExists):
            return

    threads = [threading.Thread(target=contend, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won
