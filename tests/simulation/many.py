"""Many histories, on several processors: what broke is told at once, the rest is counted."""

import gc
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tests.simulation.history import History, Outcome
from tests.simulation.invariants import violations
from tests.simulation.sets import SETS

SEEDS_AT_ONCE = 20
MOST_TOLD = 5
"""How many broken rules of one history are told."""
PROGRESS_SECONDS = 10.0


@dataclass(slots=True)
class Tally:
    """What came of some histories.

    Attributes:
        came: class of faults, or act → how often.
        broken: each broken rule, with the command that shows its history again.
        broken_histories: how many histories broke a rule.
    """

    histories: int = 0
    came: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    broken_histories: int = 0

    def add(self, other: "Tally") -> None:
        """Count the other's histories, too."""
        self.histories += other.histories
        self.came.update(other.came)
        self.broken += other.broken
        self.broken_histories += other.broken_histories


def replay(name: str, seed: int) -> str:
    """Return the command that shows a history."""
    return f"python -m tests.simulation --set {name} --seed {seed} --histories 1 -v"


def go_through(
    name: str, seeds: Iterable[int], seen: Callable[[Outcome], None] = lambda outcome: None
) -> Tally:
    """Let the histories of these seeds of a set happen, in this process."""
    tally = Tally()
    for seed in seeds:
        outcome = _quickly(name, seed)
        seen(outcome)
        tally.histories += 1
        tally.came.update({fault.name: count for fault, count in outcome.fired.items()})
        tally.came.update(outcome.acted)
        if found := violations(outcome):
            tally.broken_histories += 1
            told = [f"seed {seed}: {what}" for what in found[:MOST_TOLD]]
            tally.broken.append("\n".join([*told, f"    {replay(name, seed)}"]))
    return tally


def _quickly(name: str, seed: int) -> Outcome:
    """Let one history happen, and collect its garbage once, at its end."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return History(seed, SETS[name]).happen()
    finally:
        if collects:
            gc.enable()


def go_through_all(name: str, seeds: range, workers: int, say: Callable[[str], None]) -> Tally:
    """Let the histories happen in so many processes; say what broke at once, and how far it is."""
    tally, began, told = Tally(), time.monotonic(), time.monotonic()
    for part in _parts(name, seeds, workers):
        tally.add(part)
        for what in part.broken:
            say(what)
        now = time.monotonic()
        if now - told >= PROGRESS_SECONDS:
            told = now
            say(_progress(seeds, tally.histories, now - began))
    return tally


def _parts(name: str, seeds: range, workers: int) -> Iterator[Tally]:
    parts = [seeds[first : first + SEEDS_AT_ONCE] for first in range(0, len(seeds), SEEDS_AT_ONCE)]
    if workers == 1:
        yield from (go_through(name, part) for part in parts)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(_go_through, [(name, part) for part in parts])


def _go_through(asked: tuple[str, range]) -> Tally:
    return go_through(*asked)


def _progress(seeds: range, done: int, seconds: float) -> str:
    rate = done / seconds
    left = (len(seeds) - done) / rate
    return (
        f"seeds {seeds.start} to {seeds.stop - 1}: {done} of {len(seeds)}, "
        f"{rate:.1f} a second, {left / 60:.0f} min left"
    )
