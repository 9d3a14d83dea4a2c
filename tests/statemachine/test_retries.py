import subprocess
import sys

import pytest

from statemachine.errors import StoreUnavailable, TerminalError, TransientError
from statemachine.retries import ONCE, RetryPolicy, call, pause_seconds

STEADY = RetryPolicy(
    attempts=5, deadline_seconds=100, initial_wait_seconds=1, maximum_wait_seconds=4, jitter=False
)


class World:
    """A clock that only sleeping moves, and a function that fails a number of times."""

    def __init__(self, failures: int, fault: Exception | None = None) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self.calls = 0
        self._failures = failures
        self._fault = fault or StoreUnavailable("away")

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def function(self) -> int:
        self.calls += 1
        if self.calls <= self._failures:
            raise self._fault
        return self.calls

    def call(self, policy: RetryPolicy) -> int:
        return call(policy, self.function, sleep=self.sleep, clock=lambda: self.now)


class Nested:
    """A call that fails for ever, within a call; both by one clock, which only pauses move."""

    def __init__(self, outer: RetryPolicy, inner: RetryPolicy) -> None:
        self.now = 0.0
        self.calls = 0
        self._outer, self._inner = outer, inner

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def fail(self) -> int:
        self.calls += 1
        raise StoreUnavailable("away")

    def seconds(self) -> float:
        def inner() -> int:
            return call(self._inner, self.fail, sleep=self.sleep, clock=self.clock)

        with pytest.raises(StoreUnavailable):
            call(self._outer, inner, sleep=self.sleep, clock=self.clock)
        return self.now


@pytest.mark.parametrize("jitter", [True, False])
@pytest.mark.parametrize(("outer", "inner"), [(100.0, 100.0), (100.0, 900.0), (100.0, 30.0)])
def test_a_call_within_a_call_shares_its_budget(outer: float, inner: float, jitter: bool) -> None:
    def policy(seconds: float) -> RetryPolicy:
        return RetryPolicy(10_000, seconds, maximum_wait_seconds=4.0, jitter=jitter)

    nested = Nested(policy(outer), policy(inner))
    assert 95.0 <= nested.seconds() <= 100.0


def test_a_call_around_it_that_is_made_once_sets_no_deadline() -> None:
    nested = Nested(RetryPolicy(1, 10.0), RetryPolicy(10_000, 100.0, maximum_wait_seconds=4.0))
    assert 90.0 <= nested.seconds() <= 100.0


def test_a_budget_ends_with_its_call() -> None:
    policy = RetryPolicy(10_000, 100.0, maximum_wait_seconds=4.0)
    nested = Nested(policy, policy)
    nested.seconds()
    assert 190.0 <= nested.seconds() <= 200.0


def test_a_call_that_succeeds_is_made_once_and_does_not_pause() -> None:
    world = World(failures=0)
    assert (world.call(STEADY), world.sleeps) == (1, [])


def test_a_transient_fault_is_tried_again_with_growing_pauses() -> None:
    world = World(failures=4)
    assert world.call(STEADY) == 5
    assert world.sleeps == [1, 2, 4, 4]


def test_the_last_fault_is_raised_when_the_attempts_are_used_up() -> None:
    world = World(failures=99)
    with pytest.raises(StoreUnavailable, match="away"):
        world.call(STEADY)
    assert world.calls == 5


def test_no_pause_begins_that_would_end_after_the_deadline() -> None:
    world = World(failures=99)
    policy = RetryPolicy(99, deadline_seconds=6.5, initial_wait_seconds=1, jitter=False)
    with pytest.raises(TransientError):
        world.call(policy)
    assert world.sleeps == [1, 2]  # the next one, of 4 seconds, would end at 7


def test_what_is_not_transient_is_not_tried_again() -> None:
    world = World(failures=1, fault=TerminalError("never"))
    with pytest.raises(TerminalError):
        world.call(STEADY)
    assert (world.calls, world.sleeps) == (1, [])


def test_a_policy_of_one_attempt_never_pauses() -> None:
    world = World(failures=1)
    with pytest.raises(StoreUnavailable):
        world.call(ONCE)
    assert (world.calls, world.sleeps) == (1, [])


def test_a_pause_can_be_cancelled() -> None:
    class Stopped(BaseException):
        pass

    def stop(_: float) -> None:
        raise Stopped

    world = World(failures=9)
    with pytest.raises(Stopped):
        call(STEADY, world.function, sleep=stop, clock=lambda: world.now)
    assert world.calls == 1


def test_jitter_keeps_each_pause_below_its_bound() -> None:
    world = World(failures=4)
    world.call(RetryPolicy(attempts=5, initial_wait_seconds=1, maximum_wait_seconds=4))
    bounds = [1, 2, 4, 4]
    assert all(0 <= pause <= bound for pause, bound in zip(world.sleeps, bounds, strict=True))
    assert len(set(world.sleeps)) == 4


def test_the_pause_after_an_attempt_on_record_follows_from_its_number() -> None:
    assert [pause_seconds(STEADY, failed) for failed in (1, 2, 3, 9)] == [1, 2, 4, 4]


def test_tenacity_is_loaded_by_the_first_fault_and_not_before() -> None:
    program = (
        "import sys\n"
        "from statemachine.retries import RetryPolicy, call\n"
        "from statemachine.errors import StoreUnavailable\n"
        "call(RetryPolicy(), lambda: 1)\n"
        "assert 'tenacity' not in sys.modules\n"
        "faults = [StoreUnavailable('x')]\n"
        "def once():\n"
        "    if faults: raise faults.pop()\n"
        "call(RetryPolicy(), once, sleep=lambda s: None)\n"
        "assert 'tenacity' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
