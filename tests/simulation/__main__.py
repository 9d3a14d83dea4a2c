"""`python -m tests.simulation --seed N --histories M`: many histories, or one seen closely."""

import argparse
import time
from collections import Counter

from tests.simulation.history import History
from tests.simulation.invariants import violations
from tests.simulation.sets import SETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--histories", type=int, default=100, help="how many seeds from there on")
    parser.add_argument("--set", choices=sorted(SETS), default="all", help="which stories")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what happens")
    chosen = parser.parse_args()
    began = time.monotonic()
    fired: Counter[str] = Counter()
    broken = 0
    for seed in range(chosen.seed, chosen.seed + chosen.histories):
        outcome = History(seed, SETS[chosen.set]).happen()
        fired.update({fault.name: count for fault, count in outcome.fired.items()})
        fired.update(outcome.acted)
        if chosen.verbose:
            print("\n".join(outcome.server.told))
        if found := violations(outcome):
            broken += 1
            for what in found[:5]:
                print(f"seed {seed}: {what}")
            print(
                f"    python -m tests.simulation --set {chosen.set} --seed {seed} --histories 1 -v"
            )
    seconds = time.monotonic() - began
    rate = chosen.histories / seconds
    print(f"{chosen.histories} histories, {broken} broken, {seconds:.1f} s, {rate:.1f} a second")
    print(", ".join(f"{name} {count}" for name, count in sorted(fired.items())))
    return bool(broken)


if __name__ == "__main__":
    raise SystemExit(main())
