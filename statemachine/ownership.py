"""Who is at work on a machine, so that people and patient newcomers can know.

This decides nothing: compare-and-swap and the epoch do. A lease only tells a newcomer whether
waiting is worth it, and speeds a take-over up; with this module removed, two controllers could
still never both act. So a lease is written without ceremony, and a late renewal by a controller
that has lost the machine does no harm: the new one writes over it.

A lease expires by *our* monotonic clock: we watch it for its whole duration, and if it does not
change in that time its holder is taken for dead. A store that is slow for us is slow for the holder
as well: the time of our own looks does not count, and the holder is given that of two more. Clocks
of two hosts are never compared. On one host there is a shortcut, whatever the store: what a dead
process held is free at once.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from statemachine.checkpoint import Checkpoint, Data
from statemachine.errors import Interrupted, OwnershipHeld, StateMachineError
from statemachine.processes import identify
from statemachine.runner import Runner
from statemachine.scheduling import THREADS, Scheduler
from statemachine.store import CheckpointStore, Stored
from statemachine.stores.rules import fenced

LOOK_SECONDS = 0.1
RENEWAL_REQUESTS = 2
"""A renewal looks who holds the lease, and signs it."""
RECENT_RENEWALS = 2
"""For as many intervals after a renewal the machine is taken for held, without being asked for."""
INSTANT_SECONDS = 0.001
"""What is left of a wait, and too short to be waited for."""
PARTING_SECONDS = 0.4
"""How long the end of a controller may take that a user has interrupted: it should be at once."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A controller at work, as it signs its lease.

    Attributes:
        name: for people ("ada on laptop").
        host, pid: where it runs.
        epoch: the one it holds the machine with.
        renewals: grows while it lives.
        software: name and version of its program.
        process: what tells it from other processes of that id (`processes.identify`).
    """

    name: str
    host: str
    pid: int
    epoch: int = 0
    renewals: int = 0
    software: str = ""
    process: str = ""

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid} on {self.host})"


def this_process(name: str, software: str = "") -> Holder:
    """Return the holder that this process is."""
    pid = os.getpid()
    return Holder(name, os.uname().nodename, pid, software=software, process=identify(pid))


class LeaseStore(Protocol):
    """Keeps one lease a machine; losing one must do no harm.

    All calls may raise `StoreUnavailable` or `StoreFull`.
    """

    def read(self, machine_id: str) -> Holder | None:
        """Return who signed the lease; None where there is none or it cannot be read."""
        ...

    def write(self, machine_id: str, holder: Holder) -> None:
        """Sign the lease, whoever has signed it before. It is not made for a machine that is
        gone."""
        ...

    def clear(self, machine_id: str, holder: Holder) -> None:
        """Remove the lease if it is of this holder's epoch."""
        ...

    def is_dead(self, machine_id: str, holder: Holder) -> bool:
        """Say whether the holder is known for certain to run no more; False when in doubt."""
        ...


class Ownership:
    """Takes machines for this controller and keeps their leases fresh.

    Args:
        leases: where leases are kept.
        store: where the machines are kept.
        runner: takes a machine over, by compare-and-swap.
        me: how this controller signs.
        duration_seconds: how long a lease must stay unchanged until its holder counts as dead.
        renew_seconds: how often we renew ours.
        look_seconds: how often we look at that of another while we wait.
        monotonic, sleep: for watching the lease of another; what `sleep` raises ends it.
        scheduler: gives the thread that renews ours.
    """

    def __init__(
        self,
        leases: LeaseStore,
        store: CheckpointStore,
        runner: Runner,
        me: Holder,
        *,
        duration_seconds: float = 10.0,
        renew_seconds: float = 2.0,
        look_seconds: float = LOOK_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        scheduler: Scheduler = THREADS,
    ) -> None:
        self._leases = leases
        self._store = store
        self._runner = runner
        self._me = me
        self._duration_seconds = duration_seconds
        self._renew_seconds = renew_seconds
        self._look_seconds = look_seconds
        self._monotonic = monotonic
        self._sleep = sleep
        self._scheduler = scheduler
        self._heartbeats: dict[str, Heartbeat] = {}

    @property
    def duration_seconds(self) -> float:
        """How long `acquire` waits, to see whether another controller is at work; longer where the
        store is slow."""
        return self._duration_seconds

    def acquire(
        self,
        machine_id: str,
        *,
        take_over: bool = False,
        waiting: Callable[[Holder], None] = lambda _: None,
        data_of: Callable[[Checkpoint], Data] | None = None,
    ) -> Stored:
        """Take the machine over from whoever had it, with a higher epoch, and sign its lease.

        Args:
            machine_id: the machine; it must be on record and not ended.
            take_over: do not look at the lease at all: somebody says that the holder is gone.
            waiting: told once whom we wait for, before a wait.
            data_of: gives the data to go on with; else they stay.

        Raises:
            OwnershipHeld: its holder is alive.
            CheckpointConflict: another newcomer was faster.
            CheckpointNotFound, CheckpointSealed: there is nothing to go on with.
        """
        if not take_over:
            self._outlast(machine_id, waiting)
        stored = self._store.load(machine_id)
        data = data_of(stored.checkpoint) if data_of else None
        return self.hold(self._runner.take_over(stored, data))

    def hold(self, stored: Stored) -> Stored:
        """Sign the lease of a machine that this process has just made or taken over."""
        machine_id = stored.checkpoint.id
        self.release(machine_id)
        mine = replace(self._me, epoch=stored.checkpoint.epoch)
        heartbeat = Heartbeat(
            self._leases,
            machine_id,
            mine,
            self._renew_seconds,
            self._scheduler,
            monotonic=self._monotonic,
        )
        self._heartbeats[machine_id] = heartbeat
        heartbeat.start()
        return stored

    def lost(self, machine_id: str) -> bool:
        """Say whether another controller was seen to have signed with a higher epoch."""
        heartbeat = self._heartbeats.get(machine_id)
        return heartbeat is not None and heartbeat.lost

    def check(self) -> None:
        """Ask the record of each machine that this process holds whether it still does.

        For effects that no store and no name fences by itself, and after a pause, in which another
        controller may have come: it need not find out by a refused write.

        Raises:
            Fenced: another controller has taken a machine over.
            StoreUnavailable, CheckpointNotFound, CheckpointCorrupt: as the store says.
        """
        for machine_id, heartbeat in tuple(self._heartbeats.items()):
            asked = self._monotonic()
            epoch = self._store.load(machine_id).checkpoint.epoch
            if epoch > heartbeat.epoch:
                heartbeat.lost = True
                raise fenced(machine_id, epoch)
            heartbeat.held_at = asked

    def check_unless_recent(self) -> None:
        """Ask as `check` does where a lease was not renewed of late, or is another controller's.

        A controller that was stopped for a while finds so that its machine was taken over, before
        it changes anything. While renewals come in time, nothing is asked.

        Raises:
            Fenced, StoreUnavailable, CheckpointNotFound, CheckpointCorrupt: as `check` says.
        """
        oldest = self._monotonic() - RECENT_RENEWALS * self._renew_seconds
        heartbeats = tuple(self._heartbeats.values())
        if any(heartbeat.lost or heartbeat.held_at < oldest for heartbeat in heartbeats):
            self.check()

    def release(self, machine_id: str) -> None:
        """Stop renewing and clear our lease, so that the next controller need not wait."""
        heartbeat = self._heartbeats.pop(machine_id, None)
        if heartbeat is not None:
            heartbeat.end()

    def _outlast(self, machine_id: str, waiting: Callable[[Holder], None]) -> None:
        """Return when nobody holds the machine any more.

        Raises:
            OwnershipHeld: somebody renewed meanwhile.
        """
        began = self._monotonic()
        first = self._leases.read(machine_id)
        slowest = took = min(self._monotonic() - began, self._duration_seconds)
        if first is None or self._leases.is_dead(machine_id, first):
            return
        waiting(first)
        waited = 0.0
        while (
            left := self._duration_seconds + RENEWAL_REQUESTS * slowest - waited
        ) > INSTANT_SECONDS:
            began = self._monotonic()
            self._sleep(min(left, max(self._look_seconds, took)))
            asked = self._monotonic()
            waited += asked - began
            now = self._leases.read(machine_id)
            took = min(self._monotonic() - asked, self._duration_seconds)
            slowest = max(slowest, took)
            if now is None or self._leases.is_dead(machine_id, now):
                return
            if now != first:
                raise OwnershipHeld(
                    f"machine {machine_id} is at work: {now} controls it",
                    holder=str(now),
                    hint="wait for it, or stop it first; it can then be resumed at once",
                )


class Heartbeat:
    """Renews one lease in a thread of its own until it is ended or the machine is lost."""

    def __init__(
        self,
        leases: LeaseStore,
        machine_id: str,
        holder: Holder,
        renew_seconds: float,
        scheduler: Scheduler = THREADS,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lost = False
        self.held_at = monotonic()
        self._leases = leases
        self._machine_id = machine_id
        self._holder = holder
        self._renew_seconds = renew_seconds
        self._fault: BaseException | None = None
        self._scheduler = scheduler
        self._monotonic = monotonic
        self._ended = scheduler.event()
        self._thread = scheduler.thread("lease", self._beat)

    @property
    def epoch(self) -> int:
        """The epoch that the machine is held with."""
        return self._holder.epoch

    def start(self) -> None:
        """Sign the lease and begin to renew it."""
        self.renew()
        self._thread.start()

    def end(self) -> None:
        """Stop renewing; clear the lease if it is still ours, and as far as that can be done in
        `PARTING_SECONDS`: a store that does not answer keeps nobody from ending."""
        self._ended.set()
        parting = self._scheduler.thread("end of the lease", self._part)
        parting.start()
        parting.join(PARTING_SECONDS)
        if self._fault is not None:
            raise self._fault

    def _part(self) -> None:
        self._thread.join()
        try:
            self._leases.clear(self._machine_id, self._holder)
        except (StateMachineError, Interrupted):
            return  # it expires by itself
        except BaseException as fault:  # told where the lease is ended, not by this thread
            self._fault = fault

    def renew(self) -> None:
        """Sign anew, unless another controller with a higher epoch has."""
        try:
            asked = self._monotonic()
            found = self._leases.read(self._machine_id)
            if found is not None and found.epoch > self._holder.epoch:
                self.lost = True
                return
            self.held_at = asked
            self._holder = replace(self._holder, renewals=self._holder.renewals + 1)
            self._leases.write(self._machine_id, self._holder)
        except (StateMachineError, Interrupted):
            return  # a missed renewal only makes a newcomer bolder; the epoch still decides

    def _beat(self) -> None:
        while not self.lost and not self._ended.wait(self._renew_seconds):
            self.renew()
