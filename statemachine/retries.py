"""Trying again: which faults, how often, how long, with which pauses.

This is the only importer of tenacity, which is loaded by the first fault and not before: most calls
succeed at once, and the library takes longer to load than a whole save. So the first try is made
here, and tenacity paces the others. Only a `TransientError` is worth another try.

Calls nest: a store that tries again is itself called again by who saves a checkpoint. They share
one budget of time, the outermost one's: else each would endure an outage anew.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from statemachine.errors import TransientError

if TYPE_CHECKING:
    import tenacity
    from tenacity.wait import wait_base

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How to go on after a transient fault.

    Attributes:
        attempts: greatest number of tries, the first one included.
        deadline_seconds: no pause begins that would end later than this after the first try
            began, nor one that would end after the deadline of a call around this one.
        initial_wait_seconds: upper bound of the first pause; it doubles from try to try.
        maximum_wait_seconds: greatest pause.
        jitter: draw each pause at random below its bound, so that many who failed together do
            not come back together.
    """

    attempts: int = 8
    deadline_seconds: float = 60.0
    initial_wait_seconds: float = 0.1
    maximum_wait_seconds: float = 10.0
    jitter: bool = True


DEFAULT = RetryPolicy()
ONCE = RetryPolicy(attempts=1)

Clock = Callable[[], float]
_OUTER: ContextVar[tuple[Clock, float] | None] = ContextVar("outer", default=None)
"""The clock and the deadline of the call that this thread is in."""


def call(
    policy: RetryPolicy,
    function: Callable[[], T],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Clock = time.monotonic,
) -> T:
    """Call `function` until it returns, fails for good, or the policy is used up.

    Args:
        policy: how often and how long.
        function: takes nothing; a `TransientError` from it means "try again".
        sleep: called with the seconds of each pause; what it raises ends the whole call, which
            is how a pause is cancelled.
        clock: monotonic seconds.

    Raises:
        TransientError: that of the last try.
    """
    with _deadline(policy, clock) as deadline:
        try:
            return function()
        except TransientError as error:
            if policy.attempts <= 1:
                raise
            first = error
        return _call_again(policy, function, first, sleep, lambda: deadline - clock())


@contextmanager
def _deadline(policy: RetryPolicy, clock: Clock) -> Iterator[float]:
    """Give the deadline of a call that begins now, and make it that of all calls within."""
    deadline, outer = clock() + policy.deadline_seconds, _OUTER.get()
    if outer is not None and outer[0] == clock:  # two clocks cannot be compared
        deadline = min(deadline, outer[1])
    inherited = _OUTER.set((clock, deadline) if policy.attempts > 1 else outer)
    try:
        yield deadline
    finally:
        _OUTER.reset(inherited)


def pause_seconds(policy: RetryPolicy, failed: int) -> float:
    """Return how long to pause after the `failed`-th try has failed (counted from 1).

    For attempts that are paced over hours and processes, where no call can span them: the number
    of the attempt is on record, so a pause can be had anew. With `jitter`, it differs each time.
    """
    import tenacity  # here and not above: see the module's docstring

    retrying = tenacity.Retrying(wait=_wait(policy))
    state = tenacity.RetryCallState(retrying, None, (), {})
    state.attempt_number = failed
    return float(retrying.wait(state))


def _call_again(
    policy: RetryPolicy,
    function: Callable[[], T],
    first: TransientError,
    sleep: Callable[[float], None],
    left: Callable[[], float],
) -> T:
    """Go on after the first fault, which is played to tenacity again, so that it counts."""
    import tenacity  # here and not above: see the module's docstring

    faults = [first]

    def attempt() -> T:
        if faults:
            raise faults.pop()
        return function()

    def used_up(state: "tenacity.RetryCallState") -> bool:
        # the deadline as in tenacity's stop_before_delay, but by our clock, from the first try on
        too_late = state.upcoming_sleep >= left()
        return too_late or state.attempt_number >= policy.attempts

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        stop=used_up,
        wait=_wait(policy),
        sleep=sleep,
        reraise=True,
    )
    return retrying(attempt)


def _wait(policy: RetryPolicy) -> "wait_base":
    import tenacity  # here and not above: see the module's docstring

    kind = tenacity.wait_random_exponential if policy.jitter else tenacity.wait_exponential
    return kind(multiplier=policy.initial_wait_seconds, max=policy.maximum_wait_seconds)
