"""The durable record of one machine, as a frozen value.

It must not know how it is written (`codec`) or where (`store`). Times are aware datetimes in UTC
and for people only: no decision of the machine compares them across hosts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | Mapping[str, Json] | None"
Data: TypeAlias = Mapping[str, Json]

SCHEMA = 2


@dataclass(frozen=True, slots=True)
class Move:
    """A state that was entered, when, and by which trigger ("" for the initial one)."""

    state: str
    trigger: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A hook that is due: decided in a checkpoint, delivered after it was saved.

    `key` is the same for each try of the delivery, also across controllers, so that a receiver can
    drop what it has seen. `required` is the hook's: who gives it up may not have the hook.
    """

    key: str
    hook: str
    event: Data
    required: bool = False


@dataclass(frozen=True, slots=True)
class HookFailure:
    """A delivery that was given up after all its retries.

    `reason` is the last error, without what may be a secret (`descriptions.describe_error`).
    """

    key: str
    hook: str
    reason: str
    required: bool


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that a controller needs to go on with a machine.

    Attributes:
        id: name of the machine in its store.
        machine: name of its definition.
        state: the state it is in.
        sequence: 1 at creation, +1 a save.
        epoch: 1 at creation, +1 a take-over; a writer with a lower epoch is fenced.
        writer: random name of the process that saved it.
        software: name and version of the program that saved it.
        data: what the handlers keep, as JSON values.
        path: the states entered so far, oldest first.
        outbox: hooks that are due and not known to be delivered.
        failures: deliveries given up, oldest first; of each required hook at least the first one.
        created_at, updated_at: when, in UTC.
        schema: version of this record's form.
    """

    id: str
    machine: str
    state: str
    sequence: int
    epoch: int
    writer: str
    software: str
    created_at: datetime
    updated_at: datetime
    data: Data = field(default_factory=dict)
    path: tuple[Move, ...] = ()
    outbox: tuple[Delivery, ...] = ()
    failures: tuple[HookFailure, ...] = ()
    schema: int = SCHEMA

    @property
    def failed_hooks(self) -> tuple[str, ...]:
        """The names of the required hooks that failed for good: the handlers decide what of it."""
        return tuple(dict.fromkeys(each.hook for each in self.failures if each.required))
