"""`python -m tests.simulation --seed N --histories M`: many histories, or one seen closely."""

import argparse
import os
import time
from functools import partial

from tests.simulation.history import Outcome
from tests.simulation.many import Tally, go_through, go_through_all
from tests.simulation.sets import ENOUGH, SETS, expected


def main() -> int:
    """Go through the histories; 1 where a rule broke, or a class of faults never came."""
    chosen = _parse()
    seeds, began = range(chosen.seed, chosen.seed + chosen.histories), time.monotonic()
    say = partial(print, flush=True)
    if chosen.verbose:
        tally = go_through(chosen.set, seeds, _show)
        print("\n".join(tally.broken))
    else:
        tally = go_through_all(chosen.set, seeds, chosen.workers, say)
    seconds = time.monotonic() - began
    _tell(tally, seconds)
    missing = sorted(expected(chosen.set) - (+tally.came).keys())
    if missing and chosen.histories >= ENOUGH:
        print(f"never came: {', '.join(missing)}")
        return 1
    return bool(tally.broken)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--histories", type=int, default=100, help="how many seeds from there on")
    parser.add_argument("--set", choices=sorted(SETS), default="all", help="which stories")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="how many processes"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print what happens, in one process"
    )
    return parser.parse_args()


def _show(outcome: Outcome) -> None:
    print("\n".join(outcome.server.told))


def _tell(tally: Tally, seconds: float) -> None:
    rate = tally.histories / seconds
    print(
        f"{tally.histories} histories, {tally.broken_histories} broken, "
        f"{seconds:.1f} s, {rate:.1f} a second"
    )
    print(", ".join(f"{name} {count}" for name, count in sorted((+tally.came).items())))


if __name__ == "__main__":
    raise SystemExit(main())
