import threading

import pytest

from statemachine.checkpoint import Checkpoint
from statemachine.errors import DefinitionError, Interrupted
from statemachine.hooks import Hook, HookEvent, Hooks
from statemachine.outcome import Advance, Event, Wait
from statemachine.retries import ONCE, RetryPolicy
from statemachine.store import CheckpointStore
from statemachine.stores.memory import MemoryStore
from statemachine.testing import Crash, CrashingStore
from tests.statemachine.machines import order_runner


def listening(*topics: str, heard: list[HookEvent]) -> Hooks:
    return Hooks([Hook("ear", topics, heard.append)])


def run_order(hooks: Hooks, store: CheckpointStore | None = None) -> Checkpoint:
    runner = order_runner(store or MemoryStore(), hooks=hooks)
    return runner.run(runner.create("o-1", {}))


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        (("transition",), ["transition:paid", "transition:sent"]),
        (("enter:new", "enter:sent"), ["enter:new:new", "enter:sent:sent"]),
        (("leave:new",), ["leave:new:paid"]),
        (("money.came",), ["money.came:paid"]),
        (("money.*", "enter:p*"), ["enter:paid:paid", "money.came:paid"]),
        (("money",), []),
    ],
)
def test_a_hook_hears_what_it_registered_for(topics: tuple[str, ...], expected: list[str]) -> None:
    heard = list[HookEvent]()
    run_order(listening(*topics, heard=heard))
    assert [f"{event.topic}:{event.state}" for event in heard] == expected


def test_a_move_that_fits_several_topics_is_told_once() -> None:
    heard = list[HookEvent]()
    run_order(listening("transition", "enter:sent", "leave:paid", heard=heard))
    assert [event.state for event in heard] == ["paid", "sent"]


def test_an_event_says_all_about_the_move_and_its_own_data() -> None:
    heard = list[HookEvent]()
    run_order(listening("money.came", heard=heard))
    (event,) = heard
    assert (event.machine_id, event.machine, event.sequence) == ("o-1", "order", 2)
    assert (event.previous, event.trigger, event.state) == ("new", "pay", "paid")
    assert (event.data, event.key) == ({"euro": 5}, "o-1/2/ear/0")


def test_a_hook_is_called_after_the_save_that_it_hears_of() -> None:
    store = MemoryStore()
    on_record = list[str]()
    hooks = Hooks(
        [Hook("h", ("*",), lambda _: on_record.append(store.load("o-1").checkpoint.state))]
    )
    run_order(hooks, store)
    assert on_record == ["new", "paid", "paid", "sent"]


def test_deliveries_cost_no_write_but_one_to_close_the_end() -> None:
    silent, telling = CrashingStore(MemoryStore()), CrashingStore(MemoryStore())
    run_order(Hooks(), silent)
    run_order(listening("transition", heard=[]), telling)
    assert telling.writes == silent.writes + 1


def test_nothing_is_due_any_more_at_the_end() -> None:
    assert run_order(listening("*", heard=[])).outbox == ()


@pytest.mark.parametrize("write", range(1, 7))
@pytest.mark.parametrize("landed", [False, True])
def test_each_hook_is_heard_at_least_once_wherever_the_controller_dies(
    write: int, landed: bool
) -> None:
    heard = list[HookEvent]()
    hooks = listening("transition", "money.*", heard=heard)
    inner = MemoryStore()
    dying = CrashingStore(
        inner, crash_after=write if landed else 0, crash_before=0 if landed else write
    )
    with pytest.raises(Crash):
        order_runner(dying, hooks=hooks).run_to_end("o-1", {})
    end = order_runner(inner, writer="w2", hooks=hooks).run_to_end("o-1", {})
    assert end.outbox == ()
    keyed = {event.key: (event.topic, event.state) for event in heard}
    assert sorted(keyed.values()) == [
        ("money.came", "paid"),
        ("transition", "paid"),
        ("transition", "sent"),
    ]


def test_a_delivery_that_the_dead_controller_owed_bears_the_same_key() -> None:
    heard = list[HookEvent]()
    hooks, inner = listening("transition", heard=heard), MemoryStore()
    dying = CrashingStore(inner, crash_before=3)
    with pytest.raises(Crash):
        order_runner(dying, hooks=hooks).run_to_end("o-1", {})
    order_runner(inner, writer="w2", hooks=hooks).run_to_end("o-1", {})
    assert [event.key for event in heard] == ["o-1/2/ear/0", "o-1/2/ear/0", "o-1/6/ear/0"]


class Failing:
    """Fails a number of times, then hears."""

    def __init__(self, failures: int) -> None:
        self.left, self.calls, self.heard = failures, 0, list[str]()

    def __call__(self, event: HookEvent) -> None:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise ValueError("token=s3cret")
        self.heard.append(event.topic)


def test_a_hook_that_fails_is_tried_again() -> None:
    failing = Failing(2)
    end = run_order(Hooks([Hook("h", ("enter:paid",), failing)]))
    assert (failing.heard, failing.calls, end.failures) == (["enter:paid"], 3, ())


def test_a_hook_that_fails_for_good_is_reported_and_changes_nothing() -> None:
    failing, reports = Failing(99), list[str]()
    hooks = Hooks([Hook("h", ("enter:paid",), failing)])
    runner = order_runner(MemoryStore(), hooks=hooks, reports=reports)
    end = runner.run(runner.create("o-1", {}))
    assert (end.state, end.outbox, failing.calls) == ("sent", (), 3)
    assert reports == ["hook h failed for enter:paid: ValueError: token=s3cret"]
    (failure,) = end.failures
    assert (failure.hook, failure.reason, failure.required) == ("h", "ValueError: token=***", False)
    assert end.failed_hooks == ()


def test_what_a_failing_hook_says_is_not_put_on_record() -> None:
    end = run_order(Hooks([Hook("h", ("enter:paid",), Failing(99))]))
    assert "s3cret" not in repr(end)


def test_a_required_hook_that_failed_is_seen_by_the_handlers() -> None:
    seen = list[tuple[str, ...]]()

    def pack(checkpoint: Checkpoint) -> Advance | Wait:
        seen.append(checkpoint.failed_hooks)
        return Advance("send" if checkpoint.failed_hooks else "pack", checkpoint.data)

    hooks = Hooks([Hook("h", ("enter:paid",), Failing(99), required=True)])
    runner = order_runner(MemoryStore(), hooks=hooks, handlers={"paid": pack})
    end = runner.run(runner.create("o-1", {}))
    assert seen == [(), ("h",)]
    assert end.failed_hooks == ("h",)


def test_a_hook_that_hangs_is_given_up_after_its_time_limit() -> None:
    never = threading.Event()
    hanging = Hook("h", ("enter:new",), lambda _: never.wait(), False, 0.01, ONCE)
    end = run_order(Hooks([hanging]))
    never.set()
    assert [failure.reason for failure in end.failures] == [
        "TimeoutError: no end after 0.01 seconds"
    ]
    assert end.state == "sent"


def test_a_stop_during_a_hook_leaves_it_due() -> None:
    called, release = threading.Event(), threading.Event()

    def hang(_: HookEvent) -> None:
        called.set()
        release.wait()

    store, hooks = MemoryStore(), Hooks([Hook("h", ("enter:new",), hang)])
    runner = order_runner(store, hooks=hooks, stop=called.is_set)
    with pytest.raises(Interrupted):
        runner.run(runner.create("o-1", {}))
    release.set()
    stored = store.load("o-1")
    assert [due.key for due in stored.checkpoint.outbox] == ["o-1/1/h/0"]
    assert order_runner(store, hooks=hooks).run(stored).outbox == ()


def test_a_planned_stop_takes_delivered_hooks_off_the_record() -> None:
    heard, store = list[HookEvent](), MemoryStore()
    hooks = listening("enter:new", heard=heard)
    stopped = list[bool]()
    runner = order_runner(store, hooks=hooks, stop=lambda: bool(stopped))
    created = runner.create("o-1", {})
    stopped.append(True)
    with pytest.raises(Interrupted):
        runner.run(created)
    assert store.load("o-1").checkpoint.outbox == ()
    order_runner(store, hooks=hooks).run(store.load("o-1"))
    assert len(heard) == 1


def test_a_hook_that_is_not_registered_here_stays_due_and_is_reported_once() -> None:
    heard, reports, store = list[HookEvent](), list[str](), MemoryStore()
    hooks = listening("*", heard=heard)
    with_hook = order_runner(CrashingStore(store, crash_after=1), hooks=hooks)
    with pytest.raises(Crash):
        with_hook.create("o-1", {})
    end = order_runner(store, writer="w2", reports=reports).run(store.load("o-1"))
    assert [due.key for due in end.outbox] == ["o-1/1/ear/0"]
    assert reports == ["hook ear is due but not registered here; it stays on record"]
    closed = order_runner(store, writer="w3", hooks=hooks).run(store.load("o-1"))
    assert (closed.outbox, [event.key for event in heard]) == ((), ["o-1/1/ear/0"])


def test_the_record_keeps_few_failures_of_hooks_that_nobody_requires() -> None:
    def many(checkpoint: Checkpoint) -> Advance | Wait:
        return Advance("pay", {}, tuple(Event(f"e.{number}", {}) for number in range(30)))

    hooks = Hooks([Hook("h", ("e.*",), Failing(99), retry=ONCE)])
    runner = order_runner(MemoryStore(), hooks=hooks, handlers={"new": many})
    end = runner.run(runner.create("o-1", {}))
    assert [failure.key for failure in end.failures] == [f"o-1/2/h/{n}" for n in range(10, 30)]


def test_hooks_are_registered_by_decoration() -> None:
    hooks = Hooks()

    @hooks.on("enter:sent", "money.*", name="mail", required=True, retry=RetryPolicy(attempts=7))
    def mail(event: HookEvent) -> None:
        raise NotImplementedError

    @hooks.on("transition")
    def unnamed(event: HookEvent) -> None:
        raise NotImplementedError

    found = hooks.find("mail")
    assert found is not None
    assert (found.topics, found.call, found.required) == (("enter:sent", "money.*"), mail, True)
    assert found.retry.attempts == 7
    assert [hook.name.rpartition(".")[2] for hook in hooks] == ["mail", "unnamed"]


def test_two_hooks_cannot_share_a_name() -> None:
    hooks, call = Hooks(), Failing(0)
    hooks.register(Hook("h", ("*",), call))
    hooks.register(Hook("h", ("*",), call))  # the same one again is fine
    with pytest.raises(DefinitionError, match="two hooks are called h"):
        hooks.register(Hook("h", ("*",), Failing(0)))


def test_a_hook_without_a_topic_is_refused() -> None:
    with pytest.raises(DefinitionError, match="at least one topic"):
        Hooks([Hook("h", (), Failing(0))])
