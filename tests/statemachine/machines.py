"""Small machines that the tests of this folder drive."""

from collections.abc import Callable
from datetime import UTC, datetime

from statemachine.checkpoint import Checkpoint, Data
from statemachine.definition import Definition, State, Transition
from statemachine.hooks import Hooks
from statemachine.outcome import Advance, Event, Wait
from statemachine.retries import RetryPolicy
from statemachine.runner import Handler, Runner
from statemachine.store import CheckpointStore

AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)

ORDER = Definition(
    name="order",
    initial="new",
    states=(State("new"), State("paid"), State("sent", terminal=True)),
    transitions=(
        Transition("pay", "new", "paid"),
        Transition("pack", "paid", "paid"),
        Transition("send", "paid", "sent"),
    ),
)


def count(data: Data, key: str) -> int:
    value = data.get(key, 0)
    assert isinstance(value, int)
    return value


def pay(checkpoint: Checkpoint) -> Advance | Wait:
    return Advance("pay", checkpoint.data, (Event("money.came", {"euro": 5}),))


def pack_twice(checkpoint: Checkpoint) -> Advance | Wait:
    packed = count(checkpoint.data, "packed")
    if packed == 2:
        return Advance("send", checkpoint.data)
    return Advance("pack", {**checkpoint.data, "packed": packed + 1})


HANDLERS: dict[str, Handler] = {"new": pay, "paid": pack_twice}


def order_runner(
    store: CheckpointStore,
    *,
    writer: str = "w1",
    hooks: Hooks | None = None,
    handlers: dict[str, Handler] | None = None,
    stop: Callable[[], bool] = lambda: False,
    observer: Callable[[Checkpoint], None] | None = None,
    reports: list[str] | None = None,
    retry: RetryPolicy | None = None,
    sleeps: list[float] | None = None,
) -> Runner:
    slept = sleeps if sleeps is not None else []
    return Runner(
        store,
        lambda _: ORDER,
        {**HANDLERS, **(handlers or {})}.__getitem__,
        writer=writer,
        software="tests 1",
        hooks=hooks,
        retry=retry or RetryPolicy(attempts=4, initial_wait_seconds=0.01),
        clock=lambda: AT,
        stop=stop,
        observer=observer,
        report=(reports if reports is not None else []).append,
        sleep=slept.append,
    )
