"""The only loop: load → handle → fire → save → notify.

A handler makes the outside world agree with the checkpoint and says what it saw; the runner alone
writes. What it writes is decided by compare-and-swap: whoever lost the machine learns it at the
next save and changes nothing more. Nothing here knows what a machine is for, and no step after a
crash differs from one before it.

Saves: one a step. Deliveries of hooks are called after the save that decided them and taken off the
record by the next one, so they cost no write. The end is sealed in the same write when nothing is
due; otherwise the last state is saved open, its hooks are called, and a second write seals it.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeAlias

from statemachine.bounds import give_up_oldest, keep_failures
from statemachine.checkpoint import Checkpoint, Data, Delivery, HookFailure, Move
from statemachine.definition import Definition
from statemachine.descriptions import describe_error
from statemachine.errors import CheckpointNotFound, HookFailed, Interrupted
from statemachine.hooks import Hooks, decide, deliver
from statemachine.machine import next_state
from statemachine.outcome import Advance, Event, Wait
from statemachine.retries import DEFAULT, RetryPolicy
from statemachine.saving import create_surely, save_surely
from statemachine.store import CheckpointStore, Stored

Handler: TypeAlias = Callable[[Checkpoint], Advance | Wait]

_GLANCE_SECONDS = 0.05


def _now() -> datetime:
    return datetime.now(UTC)


def log_warning(message: str) -> None:
    """Report through the standard library's logging, under the name `statemachine`."""
    import logging  # only needed when something went wrong

    logger = logging.getLogger("statemachine")
    if not logger.handlers:  # a library prints nothing where no log is set up
        logger.addHandler(logging.NullHandler())
    logger.warning(message)


class Runner:
    """Drives machines of one kind, for one controller.

    Args:
        store: where they are kept.
        definition_of: gives the machine's definition for its data (steps may become known late).
        handler_of: gives the handler of a state.
        writer: random name of this process; tells our saves from those of others.
        software: name and version of this program, put on record for people.
        hooks: who wants to be told.
        retry: for a store that does not answer.
        clock: aware UTC time, put on record for people.
        stop: says whether somebody asked us to stop; asked often.
        observer: told of each checkpoint that was saved by us.
        report: told, in a line, of hooks that failed or are not here.
        sleep: seconds to pause between tries; cut into pieces, so that `stop` is heeded.
        monotonic: the clock of those pauses.
    """

    def __init__(
        self,
        store: CheckpointStore,
        definition_of: Callable[[Data], Definition],
        handler_of: Callable[[str], Handler],
        *,
        writer: str,
        software: str,
        hooks: Hooks | None = None,
        retry: RetryPolicy = DEFAULT,
        clock: Callable[[], datetime] = _now,
        stop: Callable[[], bool] = lambda: False,
        observer: Callable[[Checkpoint], None] | None = None,
        report: Callable[[str], None] = log_warning,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._definition_of = definition_of
        self._handler_of = handler_of
        self._writer = writer
        self._software = software
        self._hooks = hooks if hooks is not None else Hooks()
        self._retry = retry
        self._clock = clock
        self._stop = stop
        self._observer = observer or (lambda _: None)
        self._report = report
        self._sleep = sleep
        self._monotonic = monotonic
        self._done: dict[str, HookFailure | None] = {}
        self._missing: set[str] = set()

    def create(self, machine_id: str, data: Data) -> Stored:
        """Put a new machine on record, in its initial state.

        Raises:
            CheckpointExists: the id is taken.
        """
        definition, now = self._definition_of(data), self._clock()
        first = Checkpoint(
            id=machine_id,
            machine=definition.name,
            state=definition.initial,
            sequence=1,
            epoch=1,
            writer=self._writer,
            software=self._software,
            created_at=now,
            updated_at=now,
            data=data,
            path=(Move(definition.initial, "", now),),
        )
        first = replace(first, outbox=decide(self._hooks, first, "", "", ()))
        return self._tell(
            create_surely(self._store, first, self._retry, self._pause, self._monotonic)
        )

    def take_over(self, stored: Stored, data: Data | None = None) -> Stored:
        """Become the one who may save the machine; whoever did so before is fenced.

        Args:
            stored: as it was loaded.
            data: new data to go on with; None keeps what is there.

        Raises:
            CheckpointConflict: somebody was faster.
            CheckpointSealed: the machine has ended.
        """
        taken = self._next(stored.checkpoint, epoch=stored.checkpoint.epoch + 1)
        return self._save(taken if data is None else replace(taken, data=data), stored)

    def step(self, stored: Stored) -> Stored:
        """Call the state's handler once, and record what it says.

        Raises:
            IllegalTransition: the handler fired what the definition does not allow.
            CheckpointConflict: somebody else saved (`Fenced`: and it is theirs now).
            StoreUnavailable: for longer than the retry policy endures.
            Interrupted: while waiting for the store or a hook.
        """
        checkpoint = stored.checkpoint
        outcome = self._handler_of(checkpoint.state)(checkpoint)
        if isinstance(outcome, Wait):
            outcome.wake_up()
            return stored
        definition = self._definition_of(outcome.data)
        target = next_state(definition, checkpoint.state, outcome.trigger)
        advanced = self._advanced(checkpoint, outcome, target)
        seal = target in definition.terminal and not advanced.outbox
        return self._save(advanced, stored, seal=seal)

    def run(self, stored: Stored) -> Checkpoint:
        """Step until the machine has ended and its hooks have been told; return its last record.

        A machine that has already ended is not changed. A hook that is due but not registered in
        this process stays on record, and keeps the record open for a process that has it.

        Raises:
            Interrupted: `stop` said so; all that is known is on record.
        """
        while not self._has_ended(stored.checkpoint):
            if self._stop():
                self._note_deliveries(stored)
                raise Interrupted(f"machine {stored.checkpoint.id} can be gone on with")
            stored = self.step(stored)
        return self._closed(stored).checkpoint

    def run_to_end(self, machine_id: str, data: Data) -> Checkpoint:
        """Go on with the machine, or make it with these data if there is none, until its end.

        It does not ask whether another controller is at work (`Ownership` does): it takes over.

        Raises:
            As `create`, `take_over` and `run`.
        """
        try:
            stored = self._store.load(machine_id)
        except CheckpointNotFound:
            return self.run(self.create(machine_id, data))
        ended = self._has_ended(stored.checkpoint)
        return self.run(stored if ended else self.take_over(stored))

    def definition(self, checkpoint: Checkpoint) -> Definition:
        """Return the definition that the machine goes by, with its data as they are."""
        return self._definition_of(checkpoint.data)

    # -- records ------------------------------------------------------------------------------

    def _next(self, checkpoint: Checkpoint, *, epoch: int = 0) -> Checkpoint:
        """Return the checkpoint after this one, in the same state, without deliveries that are
        done."""
        over = [self._done[due.key] for due in checkpoint.outbox if due.key in self._done]
        return replace(
            checkpoint,
            sequence=checkpoint.sequence + 1,
            epoch=epoch or checkpoint.epoch,
            writer=self._writer,
            software=self._software,
            updated_at=self._clock(),
            outbox=tuple(due for due in checkpoint.outbox if due.key not in self._done),
            failures=keep_failures((*checkpoint.failures, *(each for each in over if each))),
        )

    def _advanced(self, checkpoint: Checkpoint, advance: Advance, target: str) -> Checkpoint:
        new = replace(self._next(checkpoint), state=target, data=advance.data)
        if target != checkpoint.state:
            move = Move(target, advance.trigger, new.updated_at)
            new = replace(new, path=(*new.path, move))
        events: tuple[Event, ...] = advance.events
        due = decide(self._hooks, new, checkpoint.state, advance.trigger, events)
        return self._bounded(replace(new, outbox=(*new.outbox, *due)))

    def _bounded(self, new: Checkpoint) -> Checkpoint:
        """Return the checkpoint without what is due for hooks of other processes, and too much."""
        bounded = give_up_oldest(new, lambda name: self._hooks.find(name) is not None)
        if given_up := len(new.outbox) - len(bounded.outbox):
            self._report(
                f"{given_up} deliveries are given up, for hooks that are not registered here: "
                "a record cannot hold more"
            )
        return bounded

    def _save(self, new: Checkpoint, old: Stored, *, seal: bool = False) -> Stored:
        saved = save_surely(
            self._store,
            new,
            old.version,
            seal=seal,
            retry=self._retry,
            sleep=self._pause,
            clock=self._monotonic,
        )
        for due in old.checkpoint.outbox:
            if due not in new.outbox:
                self._done.pop(due.key, None)
        return self._tell(saved)

    def _tell(self, saved: Stored) -> Stored:
        self._observer(saved.checkpoint)
        self._deliver_all(saved.checkpoint)
        return saved

    def _has_ended(self, checkpoint: Checkpoint) -> bool:
        return checkpoint.state in self.definition(checkpoint).terminal

    def _closed(self, stored: Stored) -> Stored:
        """Deliver what is due at the end, and seal the record when nothing is left."""
        if not stored.checkpoint.outbox:
            return stored
        self._deliver_all(stored.checkpoint)
        final = self._next(stored.checkpoint)
        if final.outbox == stored.checkpoint.outbox:
            return stored
        return self._save(final, stored, seal=not final.outbox)

    def _note_deliveries(self, stored: Stored) -> None:
        """Take delivered hooks off the record before a planned stop: it saves a second call."""
        noted = self._next(stored.checkpoint)
        if noted.outbox != stored.checkpoint.outbox:
            self._save(noted, stored)

    # -- hooks --------------------------------------------------------------------------------

    def _deliver_all(self, checkpoint: Checkpoint) -> None:
        for due in checkpoint.outbox:
            if due.key not in self._done:
                self._deliver(checkpoint, due)

    def _deliver(self, checkpoint: Checkpoint, due: Delivery) -> None:
        hook = self._hooks.find(due.hook)
        if hook is None:
            self._report_missing(due)
            return
        failure = None
        try:
            deliver(hook, due, checkpoint.id, sleep=self._pause, glance=self._heed_stop)
        except HookFailed as failed:
            self._report(failed.message)
            reason = describe_error(failed.__cause__ or failed)
            failure = HookFailure(due.key, due.hook, reason, hook.required)
        self._done[due.key] = failure

    def _report_missing(self, due: Delivery) -> None:
        if due.hook not in self._missing:
            self._missing.add(due.hook)
            self._report(f"hook {due.hook} is due but not registered here; it stays on record")

    # -- being stopped ------------------------------------------------------------------------

    def _heed_stop(self) -> None:
        if self._stop():
            raise Interrupted("stopped while waiting; all that was recorded stands")

    def _pause(self, seconds: float) -> None:
        while seconds > 0:
            self._heed_stop()
            self._sleep(min(seconds, _GLANCE_SECONDS))
            seconds -= _GLANCE_SECONDS
