"""`python -m tests.pairs --seed N --pairs M`: many pairs of runs on this machine, or one seen
closely."""

import argparse
import time
from collections import Counter
from pathlib import Path

from tests.pairs.pair import Pair, be_director


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.pairs", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--pairs", type=int, default=200, help="how many seeds from there on")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what happens")
    parser.add_argument("--keep", type=Path, help="a new folder that is kept, with the log")
    chosen = parser.parse_args()
    be_director()
    began = time.monotonic()
    acted: Counter[str] = Counter()
    broken = requests = 0
    for seed in range(chosen.seed, chosen.seed + chosen.pairs):
        outcome = Pair(seed, keep=chosen.keep).happen()
        acted += outcome.acted
        requests += outcome.requests
        if chosen.verbose:
            print("\n".join(outcome.told))
        if outcome.broken:
            broken += 1
            for what in outcome.broken[:5]:
                print(f"seed {seed}: {what}")
            print(f"    python -m tests.pairs --seed {seed} --pairs 1 -v", flush=True)
    seconds = time.monotonic() - began
    print(f"{chosen.pairs} pairs, {broken} broken, {requests} requests, {seconds:.1f} s")
    print(", ".join(f"{name} {count}" for name, count in sorted(acted.items())))
    return bool(broken)


if __name__ == "__main__":
    raise SystemExit(main())
