"""The clock by which limits are kept: it only grows, for every process of this boot alike, and also
while the machine sleeps. What people set the time of day to changes nothing."""

import time

_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux's CLOCK_MONOTONIC stops while the machine sleeps; that of macOS goes on."""


def now() -> float:
    """Return seconds since some point before the first process of this boot."""
    return time.clock_gettime(_CLOCK)
