"""`python -m tests.mutants [NAME…]`: seeded defects, each of which some test has to catch.

Each check is run first on the unchanged code, where it has to pass, and then with the mutant, in
a copy of the repository. Ends with 1 where a mutant survives, or where its check says nothing.
"""

import argparse
import queue
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from tests.mutants.checks import LIMIT_SECONDS, End, Result, run_check
from tests.mutants.defects import MUTANTS
from tests.mutants.mutant import Check, Mutant
from tests.mutants.tree import ROOT, Tree

T = TypeVar("T", Check, Mutant)

PATIENCE = 5
"""How many times as long as usual a check may take."""


class Workshop:
    """As many trees as checks may run at once.

    Args:
        trees: the copies to work in.
        limit_seconds: what a check may take with a mutant, at the least.
        say: told of each step.
    """

    def __init__(
        self,
        trees: Sequence[Tree],
        limit_seconds: float = LIMIT_SECONDS,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._free: queue.Queue[Tree] = queue.Queue()
        for tree in trees:
            self._free.put(tree)
        self._count = len(trees)
        self._limit_seconds = limit_seconds
        self._say = say

    def try_unchanged(self, checks: Iterable[Check]) -> dict[Check, Result]:
        """Run each check once on the code as it is."""
        return self._for_each(list(dict.fromkeys(checks)), self._run_unchanged, "unchanged")

    def try_mutants(
        self, mutants: Iterable[Mutant], unchanged: Mapping[Check, Result]
    ) -> dict[Mutant, Result]:
        """Run the check of each mutant with the mutant.

        Args:
            unchanged: how the checks went without: a check that takes long, as on a busy machine,
                is not taken for one that hangs.
        """

        def run(mutant: Mutant) -> Result:
            usual = unchanged[mutant.check].seconds
            return self._run_mutant(mutant, max(self._limit_seconds, PATIENCE * usual))

        return self._for_each(list(mutants), run, "mutant")

    def _for_each(
        self, things: Sequence[T], run: Callable[[T], Result], what: str
    ) -> dict[T, Result]:
        results: dict[T, Result] = {}
        with ThreadPoolExecutor(self._count) as pool:
            running = {pool.submit(run, thing): thing for thing in things}
            for done in as_completed(running):
                thing, result = running[done], done.result()
                results[thing] = result
                name = thing.name if isinstance(thing, Mutant) else str(thing)
                self._say(
                    f"[{len(results)}/{len(things)}] {what} {name}: {result.end} "
                    f"({result.seconds:.1f} s)"
                )
        return {thing: results[thing] for thing in things}

    def _run_unchanged(self, check: Check) -> Result:
        tree = self._free.get()
        try:
            return run_check(check, tree, PATIENCE * self._limit_seconds)
        finally:
            self._free.put(tree)

    def _run_mutant(self, mutant: Mutant, limit_seconds: float) -> Result:
        tree = self._free.get()
        try:
            with tree.with_mutant(mutant):
                return run_check(mutant.check, tree, limit_seconds)
        finally:
            self._free.put(tree)


def table(results: dict[Mutant, Result]) -> str:
    """Return a table of what came of each mutant."""
    words = {End.PASSED: "SURVIVES", End.BROKEN: "SAYS NOTHING: ", End.HANGS: "hangs: "}
    rows = [("mutant", "promise that it breaks", "caught by", "seconds")] + [
        (
            mutant.name,
            mutant.promise,
            words.get(result.end, "") + result.by,
            f"{result.seconds:.1f}",
        )
        for mutant, result in results.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(
        f"{name:{widths[0]}}  {promise:{widths[1]}}  {seconds:>7}  {by}"
        for name, promise, by, seconds in rows
    )


def chosen_mutants(names: Sequence[str]) -> list[Mutant]:
    """Return the mutants of these names, all where none is given. Raises `KeyError`."""
    known = {mutant.name: mutant for mutant in MUTANTS}
    return [known[name] for name in names] if names else list(MUTANTS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which mutants; else all")
    parser.add_argument("--processes", type=int, default=2, help="how many checks at once")
    parser.add_argument(
        "--limit", type=float, default=LIMIT_SECONDS, help="seconds until a check hangs"
    )
    options = parser.parse_args()
    try:
        mutants = chosen_mutants(options.names)
    except KeyError as unknown:
        parser.error(f"there is no mutant {unknown}")
    began = time.monotonic()
    for mutant in mutants:
        mutant.changed_in(ROOT)  # a stale one is told before anything is run
    with ExitStack() as opened:
        trees = [
            Tree(Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="mutants-"))))
            for _ in range(options.processes)
        ]
        workshop = Workshop(trees, options.limit, lambda line: print(line, flush=True))
        unchanged = workshop.try_unchanged(mutant.check for mutant in mutants)
        wrong = {check: found for check, found in unchanged.items() if found.end != End.PASSED}
        for check, found in wrong.items():
            print(f"error: without any mutant, {check}: {found.end} {found.by}", file=sys.stderr)
        if wrong:
            return 1
        results = workshop.try_mutants(mutants, unchanged)
    caught = sum(found.end in (End.CAUGHT, End.HANGS) for found in results.values())
    print(f"\n{table(results)}\n")
    print(f"{caught} of {len(results)} mutants caught, {time.monotonic() - began:.0f} s")
    return int(caught < len(results))


if __name__ == "__main__":
    raise SystemExit(main())
