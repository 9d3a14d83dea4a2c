"""Hooks: what others want to hear of a machine, and the outbox that makes sure they do.

Which hooks are due is decided when a checkpoint is made, and saved in it; they are called after the
save, and the next save takes them off the record. So a hook never hears of what did not happen; it
hears of everything that did, at least once, also when the controller died in between; and since a
try bears the same key each time, a receiver can drop what it has seen.

A hook cannot change what a machine does. A `required` one that fails for good is on record
(`Checkpoint.failed_hooks`), and the machine's own handlers decide what that means.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from statemachine.bounds import LONGEST_NAME
from statemachine.checkpoint import Checkpoint, Data, Delivery
from statemachine.errors import DefinitionError, HookFailed, TransientError
from statemachine.outcome import Event
from statemachine.retries import RetryPolicy, call

HOOK_RETRIES = RetryPolicy(attempts=3, deadline_seconds=60.0, initial_wait_seconds=0.5)
_GLANCE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class HookEvent:
    """What a hook is called with.

    Attributes:
        key: the same for each try, also by another controller.
        topic: what the hook registered for and now happened.
        machine_id, machine: the machine, and the name of its definition.
        state, previous, trigger: the state after the move, the one before ("" at creation), and
            the trigger ("" at creation).
        sequence: number of the checkpoint that decided the delivery.
        at: when that was, in UTC.
        data: what belongs to the topic; empty for moves.
    """

    key: str
    topic: str
    machine_id: str
    machine: str
    state: str
    previous: str
    trigger: str
    sequence: int
    at: datetime
    data: Data


HookFunction = Callable[[HookEvent], object]


@dataclass(frozen=True, slots=True)
class Hook:
    """Somebody who wants to be called.

    Attributes:
        name: unique, and the same in every process: deliveries on record are matched by it.
        topics: "transition" (any change of state), "enter:STATE", "leave:STATE", or a topic of
            the machine's own events; a "*" at the end stands for any rest ("stage.*").
        call: gets the event; what it returns is ignored.
        required: its final failure is put on record for the handlers to see.
        time_limit_seconds: for one try. A try that takes longer counts as failed; its thread is
            left behind, as no thread can be stopped from outside.
        retry: how often and how long.
    """

    name: str
    topics: tuple[str, ...]
    call: HookFunction
    required: bool = False
    time_limit_seconds: float = 30.0
    retry: RetryPolicy = HOOK_RETRIES

    def topic_of(self, topics: Iterable[str]) -> str:
        """Return the first of an event's topics that the hook registered for, or ""."""
        return next((topic for topic in topics if self._wants(topic)), "")

    def _wants(self, topic: str) -> bool:
        return any(
            topic.startswith(wanted[:-1]) if wanted.endswith("*") else topic == wanted
            for wanted in self.topics
        )


class Hooks:
    """The hooks of this process."""

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        self._hooks: dict[str, Hook] = {}
        for hook in hooks:
            self.register(hook)

    def register(self, hook: Hook) -> None:
        """Add a hook.

        Raises:
            DefinitionError: another one has its name, that is too long, or it has no topic.
        """
        if not hook.name or not hook.topics:
            raise DefinitionError(f"hook {hook.name!r} needs a name and at least one topic")
        if len(hook.name) > LONGEST_NAME:
            raise DefinitionError(
                f"the name of hook {hook.name[:40]}… has {len(hook.name)} characters; at most "
                f"{LONGEST_NAME} are possible"
            )
        known = self._hooks.get(hook.name)
        if known is not None and known != hook:
            raise DefinitionError(
                f"two hooks are called {hook.name}",
                hint="give one of them another name: deliveries are matched by it",
            )
        self._hooks[hook.name] = hook

    def on(
        self,
        *topics: str,
        name: str = "",
        required: bool = False,
        time_limit_seconds: float = 30.0,
        retry: RetryPolicy = HOOK_RETRIES,
    ) -> Callable[[HookFunction], HookFunction]:
        """Register the decorated function; its name is `module:function` unless one is given."""

        def decorate(function: HookFunction) -> HookFunction:
            known_as = name or f"{function.__module__}:{function.__qualname__}"
            hook = Hook(known_as, topics, function, required, time_limit_seconds, retry)
            self.register(hook)
            return function

        return decorate

    def find(self, name: str) -> Hook | None:
        """Return the hook of that name, or None."""
        return self._hooks.get(name)

    def __iter__(self) -> Any:
        return iter(self._hooks.values())

    def __len__(self) -> int:
        return len(self._hooks)


def decide(
    hooks: Hooks, new: Checkpoint, previous: str, trigger: str, events: Sequence[Event]
) -> tuple[Delivery, ...]:
    """Return the deliveries that are due when `new` is saved; pure.

    A change of state is one event with the topics "transition", "leave:…" and "enter:…": a hook
    that registered for several of them is called once. At creation there is only "enter:…".
    """
    if not len(hooks):
        return ()
    happened = [
        *([(_move_topics(previous, new.state), {})] if previous != new.state else []),
        *(((event.topic,), event.data) for event in events),
    ]
    due = [
        (hook, topic, data)
        for topics, data in happened
        for hook in hooks
        if (topic := hook.topic_of(topics))
    ]
    return tuple(
        Delivery(
            key=f"{new.id}/{new.sequence}/{hook.name}/{number}",
            hook=hook.name,
            event={
                "topic": topic,
                "machine": new.machine,
                "state": new.state,
                "previous": previous,
                "trigger": trigger,
                "sequence": new.sequence,
                "at": new.updated_at.isoformat(),
                "data": data,
            },
            required=hook.required,
        )
        for number, (hook, topic, data) in enumerate(due)
    )


def deliver(
    hook: Hook,
    delivery: Delivery,
    machine_id: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    glance: Callable[[], None] = lambda: None,
) -> None:
    """Call the hook until it succeeds or its policy is used up.

    Args:
        hook: whom to call.
        delivery: with what.
        machine_id: the machine that decided it.
        sleep: for the pauses between tries.
        glance: called every now and then while a try runs; what it raises is passed on (and the
            delivery stays due).

    Raises:
        HookFailed: the last error, or the time limit, is its cause.
    """
    event = event_of(delivery, machine_id)
    try:
        call(hook.retry, lambda: _attempt(hook, event, glance), sleep=sleep)
    except _TryFailed as failed:
        raise HookFailed(
            f"hook {hook.name} failed for {event.topic}: {failed.message}",
            hint=f"delivery {delivery.key} is given up",
        ) from failed.__cause__


def event_of(delivery: Delivery, machine_id: str) -> HookEvent:
    """Return the event that a delivery on record stands for."""
    event: Any = delivery.event
    return HookEvent(
        key=delivery.key,
        topic=event["topic"],
        machine_id=machine_id,
        machine=event["machine"],
        state=event["state"],
        previous=event["previous"],
        trigger=event["trigger"],
        sequence=event["sequence"],
        at=datetime.fromisoformat(event["at"]),
        data=event["data"],
    )


class _TryFailed(TransientError):
    """One try of a hook failed, in whatever way; the cause says how."""


def _attempt(hook: Hook, event: HookEvent, glance: Callable[[], None]) -> None:
    """Call the hook once, in a thread of its own, since only that can be given up waiting for."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            hook.call(event)
        except BaseException as fault:  # also SystemExit: a hook cannot end the controller
            faults.append(fault)

    thread = threading.Thread(target=run, name=f"hook {hook.name}", daemon=True)
    thread.start()
    deadline = time.monotonic() + hook.time_limit_seconds
    while thread.is_alive() and (left := deadline - time.monotonic()) > 0:
        thread.join(min(left, _GLANCE_SECONDS))
        glance()
    if thread.is_alive():
        late = TimeoutError(f"no end after {hook.time_limit_seconds:g} seconds")
        raise _TryFailed(str(late)) from late
    if faults:
        raise _TryFailed(f"{type(faults[0]).__name__}: {faults[0]}") from faults[0]


def _move_topics(previous: str, state: str) -> tuple[str, ...]:
    if not previous:
        return (f"enter:{state}",)
    return ("transition", f"enter:{state}", f"leave:{previous}")
