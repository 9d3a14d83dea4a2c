"""Time limits for what the cluster keeps no deadline for."""

from collections.abc import Callable, Hashable


class Limits:
    """Limits that begin when they are first asked for, by this process's own clock.

    Nothing is compared with the time stamps of other hosts; a resumed controller begins anew.

    Args:
        clock: seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[Hashable, float] = {}

    def is_over(self, what: Hashable, seconds: float) -> bool:
        """Say whether `what` was first asked for as long ago as that."""
        now = self._clock()
        return now - self._since.setdefault(what, now) >= seconds

    def is_new(self, what: Hashable) -> bool:
        """Say whether it is asked for the first time."""
        new = what not in self._since
        self._since.setdefault(what, self._clock())
        return new

    def begin_anew(self, what: Hashable) -> None:
        """Let the limit begin when it is next asked for."""
        self._since.pop(what, None)
