"""What a record says in few bytes, and what hooks may take of it."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.bounds import (
    FAILURES_BYTES,
    GIVEN_UP,
    KEPT_FAILURES,
    OUTBOX_BYTES,
    give_up_oldest,
    keep_failures,
)
from statemachine.checkpoint import Checkpoint, Delivery, HookFailure, Move
from statemachine.codec import decode, encode
from statemachine.errors import DefinitionError
from statemachine.hooks import Hook, Hooks, decide
from statemachine.outcome import Event
from statemachine.packing import pack_outbox, pack_time, size_of, unpack_outbox, unpack_time
from statemachine.runner import Runner
from statemachine.stores.memory import MemoryStore
from tests.statemachine.machines import order_runner

GOLDEN = Path(__file__).parents[1] / "golden" / "checkpoints"
NOON = datetime(2026, 2, 3, 12, 0, 0, 789, tzinfo=UTC)
EMPTY = Checkpoint("o-1", "order", "paid", 7, 1, "w", "suite 1", NOON, NOON)


def nothing(_: object) -> None:
    """Hear it."""


def due(hooks: Hooks, *events: Event, sequence: int = 7) -> tuple[Delivery, ...]:
    return decide(hooks, replace(EMPTY, sequence=sequence), "new", "pay", events)


names = st.sampled_from(["mail", "slack", "ä", "a/b", "7"])
topics = st.sampled_from(["transition", "enter:*", "money.*", "*"])
hook_sets = st.lists(
    st.builds(
        lambda name, topics, required: Hook(name, tuple(topics), nothing, required),
        names, st.lists(topics, min_size=1, max_size=2), st.booleans(),
    ),
    max_size=4, unique_by=lambda hook: hook.name,
).map(Hooks)  # fmt: skip
events = st.lists(
    st.builds(
        Event,
        st.sampled_from(["money.came", "x"]),
        st.dictionaries(
            st.text(max_size=3), st.sampled_from([1, 1.0, True, "1", None]), max_size=2
        ),
    ),
    max_size=4,
)


def exactly(delivery: Delivery) -> str:
    """Return the delivery as a text, in which 1 is not True."""
    return json.dumps(asdict(delivery), sort_keys=True)


@settings(deadline=None)
@given(st.lists(st.tuples(hook_sets, events, st.sets(st.integers(0, 9))), max_size=3))
def test_deliveries_come_back_as_they_were(
    saves: list[tuple[Hooks, list[Event], set[int]]],
) -> None:
    """Deliveries of several saves by several processes, some of them done meanwhile."""
    outbox = tuple(
        delivery
        for sequence, (hooks, happened, done) in enumerate(saves, 7)
        for number, delivery in enumerate(due(hooks, *happened, sequence=sequence))
        if number not in done
    )
    packed = json.loads(json.dumps(pack_outbox(outbox, "o-1")))
    back = [Delivery(**each) for each in unpack_outbox(packed, "o-1")]
    assert [exactly(each) for each in back] == [exactly(each) for each in outbox]
    assert decode(encode(replace(EMPTY, outbox=outbox))).checkpoint.outbox == outbox


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)))
def test_times_are_kept_to_the_microsecond(at: datetime) -> None:
    if abs(at - NOON) < timedelta(days=36500):
        assert unpack_time(json.loads(json.dumps(pack_time(at, NOON))), NOON) == at


def test_records_of_the_second_schema_are_read() -> None:
    hooks = Hooks(
        [Hook("mail", ("*",), nothing, required=True), Hook("slack", ("money.*",), nothing)]
    )
    outbox = due(hooks, Event("money.came", {"euro": 5}), Event("money.went", {}))
    expected = replace(
        EMPTY,
        path=(Move("new", "", NOON), Move("paid", "pay", NOON + timedelta(seconds=2.5))),
        outbox=(*outbox, Delivery("k", "old", {"topic": "enter:new"})),
        failures=(HookFailure("o-1/1/mail/0", "mail", "TimeoutError", True),),
    )
    path = GOLDEN / "schema-2.json"
    assert decode(path.read_bytes()).checkpoint == expected
    assert encode(expected) == path.read_bytes()


def test_a_long_way_and_many_hooks_take_few_bytes() -> None:
    steps = [f"step-{n}-{what}" for n in range(1, 501) for what in ("running", "done")]
    path = tuple(
        Move(state, "complete", NOON + timedelta(seconds=n * 77.123457))
        for n, state in enumerate(steps)
    )
    bare, walked = len(encode(EMPTY)), len(encode(replace(EMPTY, path=path)))
    assert walked - bare < 56 * len(path)
    one, five = (
        Hooks([Hook(f"hook {n}", ("*",), nothing) for n in range(count)]) for count in (1, 5)
    )
    happened = [Event("stage.failed", {"stage": f"stage-{n}", "attempt": 1}) for n in range(500)]
    single, shared = (size_of(pack_outbox(due(hooks, *happened), "o-1")) for hooks in (one, five))
    assert single < 70 * 500
    assert shared < single + 10 * 500


class Process:
    """A process with a hook of its own, which dies once its deliveries are on record."""

    def __init__(self, name: str, required: bool = False) -> None:
        self.heard: list[str] = []
        self.hook = Hook(name, ("*",), lambda event: self.heard.append(event.key), required)

    def decide(self, before: Checkpoint, *events: Event) -> Checkpoint:
        new = replace(before, sequence=before.sequence + 1)
        box = (*before.outbox, *decide(Hooks([self.hook]), new, "new", "pay", events))
        return give_up_oldest(replace(new, outbox=box), lambda name: name == self.hook.name)


@pytest.mark.parametrize("letter", ["x", "\x1b", "\U0001f600"])
def test_what_is_due_for_hooks_of_dead_processes_does_not_add_up(letter: str) -> None:
    checkpoint, happened = EMPTY, [Event("e", {"text": letter * 200})] * 30
    for number in range(24):
        process = Process(f"hook {number}", required=number == 0)
        checkpoint = process.decide(checkpoint, *happened)
        raw = encode(checkpoint)
        assert len(raw) <= OUTBOX_BYTES + FAILURES_BYTES + 4096
        own = [due for due in checkpoint.outbox if due.hook == process.hook.name]
        assert len(own) == len(happened) + 1
    assert checkpoint.outbox[-1].hook == "hook 23"
    assert checkpoint.failed_hooks == ("hook 0",)  # a required one: its handlers decide
    assert {failure.reason for failure in checkpoint.failures} == {GIVEN_UP}
    remaining = [due.hook for due in checkpoint.outbox]
    assert remaining == sorted(
        remaining, key=lambda hook: int(hook.split()[1])
    )  # oldest went first


def test_what_is_due_for_a_hook_of_this_process_is_never_given_up() -> None:
    process = Process("mine")
    checkpoint = process.decide(EMPTY, *[Event("e", {"text": "x" * 200})] * 1000)
    assert (len(checkpoint.outbox), checkpoint.failures) == (1001, ())


def test_a_runner_reports_what_it_gives_up_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statemachine.bounds.give_up_oldest.__defaults__", (1000,))
    store, reports = MemoryStore(), list[str]()
    first: Runner = order_runner(store)
    stored = first.create("o-1", {})
    owed = tuple(
        due(Hooks([Hook("gone", ("*",), nothing)]), *[Event("e", {"text": "x" * 50})] * 30)
    )
    later = replace(stored.checkpoint, sequence=2, outbox=owed)
    stored = store.save(later, stored.version)
    end = order_runner(store, writer="w2", reports=reports).run(stored)
    assert (end.state, 0 < len(end.outbox) < len(owed)) == ("sent", True)
    assert end.outbox == owed[-len(end.outbox) :]
    assert [failure.reason for failure in end.failures] == [GIVEN_UP] * KEPT_FAILURES
    assert [line for line in reports if "are given up" in line]


@given(
    st.lists(
        st.builds(
            HookFailure,
            st.uuids().map(str),
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(["r", "\U0001f600" * 200]),
            st.booleans(),
        ),
        max_size=80,
    )
)
def test_failures_that_are_kept_fit_and_decide_as_before(failures: list[HookFailure]) -> None:
    kept = keep_failures(failures)
    before, after = (replace(EMPTY, failures=tuple(each)) for each in (failures, kept))
    assert set(after.failed_hooks) == set(before.failed_hooks)
    assert len(encode(after)) - len(encode(EMPTY)) <= FAILURES_BYTES + 1000
    assert keep_failures(kept) == kept
    assert failures[-1:] == list(kept[-1:])


def test_a_hook_has_no_name_that_fills_a_record() -> None:
    with pytest.raises(DefinitionError, match="at most 200 are possible"):
        Hooks([Hook("x" * 201, ("*",), nothing)])
