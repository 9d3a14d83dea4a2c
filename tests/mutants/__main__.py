"""`python -m tests.mutants [NAME…]`: seeded defects, each of which some test has to catch.

Each check is run first on the unchanged code, where it has to pass, and then with the mutant, in
a copy of the repository. Ends with 1 where a mutant survives, is stale, or its check says nothing.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.mutants.checks import LIMIT_SECONDS, End
from tests.mutants.defects import MUTANTS
from tests.mutants.mutant import Mutant, StaleMutant
from tests.mutants.tree import ROOT, Tree
from tests.mutants.workshop import Workshop, is_caught, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which mutants; else all")
    parser.add_argument("--processes", type=int, default=2, help="how many checks at once")
    parser.add_argument(
        "--limit", type=float, default=LIMIT_SECONDS, help="seconds until a check hangs"
    )
    options = parser.parse_args()
    known = {mutant.name: mutant for mutant in MUTANTS}
    if unknown := set(options.names) - known.keys():
        parser.error(f"there is no mutant {', '.join(sorted(unknown))}")
    mutants = [known[name] for name in options.names] or list(MUTANTS)
    if stale := find_stale(mutants):
        print("\n".join(f"error: {each}" for each in stale), file=sys.stderr)
        return 1
    with ExitStack() as opened:
        folders = [
            Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
            for _ in range(options.processes)
        ]
        trees = [Tree(folder) for folder in folders]
        workshop = Workshop(trees, options.limit, lambda line: print(line, flush=True))
        return try_all(workshop, mutants)


def find_stale(mutants: Sequence[Mutant]) -> list[StaleMutant]:
    """Return why some of the mutants cannot be tried: the code has moved on."""
    stale = []
    for mutant in mutants:
        try:
            mutant.changed_in(ROOT)
        except StaleMutant as error:
            stale.append(error)
    return stale


def try_all(workshop: Workshop, mutants: Sequence[Mutant]) -> int:
    """Try the mutants, print the table, and return the exit code."""
    began = time.monotonic()
    unchanged = workshop.try_unchanged(mutants)
    wrong = {check: found for check, found in unchanged.items() if found.end is not End.PASSED}
    for check, found in wrong.items():
        print(f"error: without any mutant, {check}: {found.end} {found.by}", file=sys.stderr)
    if wrong:
        return 1
    results = workshop.try_mutants(mutants, unchanged)
    caught = sum(map(is_caught, results.values()))
    print(f"\n{table(results)}\n")
    print(f"{caught} of {len(results)} mutants caught, {time.monotonic() - began:.0f} s")
    return int(caught < len(results))


if __name__ == "__main__":
    raise SystemExit(main())
