"""A store that kills its controller, and the proof that a machine survives every such death.

The faults are injected by wrapping the store, so neither the runner nor a real store holds a test
hook. `Crash` is no `Exception`: nothing in a handler may swallow it, as nothing survives a SIGKILL.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from statemachine.checkpoint import Checkpoint, Data
from statemachine.runner import Runner
from statemachine.store import CheckpointStore, Stored


class Crash(BaseException):
    """The controller is dead from here on."""


def _raise() -> None:
    raise Crash


class CrashingStore:
    """Passes all calls on, and crashes before or after the n-th write.

    Args:
        store: does the work.
        crash_before: number of the write (creation included, from 1) that is never made.
        crash_after: number of the write that is made, and whose answer nobody hears.
        crash: what to do then; `os.kill(os.getpid(), signal.SIGKILL)` is the real thing.
    """

    def __init__(
        self,
        store: CheckpointStore,
        *,
        crash_before: int = 0,
        crash_after: int = 0,
        crash: Callable[[], None] = _raise,
    ) -> None:
        self.writes = 0
        self.crashes = 0
        self._store = store
        self._before = crash_before
        self._after = crash_after
        self._crash = crash

    def create(self, checkpoint: Checkpoint) -> Stored:
        """Create, or crash."""
        return self._write(lambda: self._store.create(checkpoint))

    def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
        """Save, or crash."""
        return self._write(lambda: self._store.save(checkpoint, expected, seal=seal))

    def load(self, machine_id: str) -> Stored:
        """Load."""
        return self._store.load(machine_id)

    def delete(self, machine_id: str) -> None:
        """Delete."""
        self._store.delete(machine_id)

    def list(self) -> Sequence[str]:
        """List."""
        return self._store.list()

    def _write(self, write: Callable[[], Stored]) -> Stored:
        self.writes += 1
        if self.writes == self._before:
            self.crashes += 1
            self._crash()
        stored = write()
        if self.writes == self._after:
            self.crashes += 1
            self._crash()
        return stored


@dataclass(frozen=True, slots=True)
class Death:
    """One crash that was survived: where it was, and what the resumed machine came to."""

    write: int
    landed: bool
    end: Checkpoint


def run_to_end_with_crashes(
    new_store: Callable[[], CheckpointStore],
    new_runner: Callable[[CheckpointStore], Runner],
    machine_id: str,
    data: Data,
    *,
    result: Callable[[Checkpoint], object] = lambda end: (end.state, end.data),
) -> Sequence[Death]:
    """Kill a machine's controller before and after each of its writes, resume, compare.

    Args:
        new_store: gives an empty store (and may reset the outside world of the handlers).
        new_runner: gives a controller, a new one after each crash.
        machine_id, data: the machine.
        result: what must be the same at the end as without any crash.

    Raises:
        AssertionError: an end differs, or a crash that was planned did not happen.
    """
    learning = CrashingStore(new_store())
    expected = result(new_runner(learning).run_to_end(machine_id, data))
    return [
        _survive(new_store(), new_runner, machine_id, data, (write, landed), (result, expected))
        for write in range(1, learning.writes + 1)
        for landed in (False, True)
    ]


def _survive(
    store: CheckpointStore,
    new_runner: Callable[[CheckpointStore], Runner],
    machine_id: str,
    data: Data,
    where: tuple[int, bool],
    wanted: tuple[Callable[[Checkpoint], object], object],
) -> Death:
    (write, landed), (result, expected) = where, wanted
    dying = (
        CrashingStore(store, crash_after=write)
        if landed
        else CrashingStore(store, crash_before=write)
    )
    try:
        new_runner(dying).run_to_end(machine_id, data)
    except Crash:
        end = new_runner(store).run_to_end(machine_id, data)
    else:
        raise AssertionError(f"the machine no longer makes write {write}: is it deterministic?")
    if (got := result(end)) != expected:
        side = "after" if landed else "before"
        raise AssertionError(f"killed {side} write {write}: ended in {got!r}, not {expected!r}")
    return Death(write, landed, end)
