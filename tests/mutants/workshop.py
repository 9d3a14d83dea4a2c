"""Runs the checks of mutants, several at once, and tells what came of them."""

import queue
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from tests.mutants.checks import LIMIT_SECONDS, End, Result, run_check
from tests.mutants.mutant import Check, Mutant
from tests.mutants.tree import Tree

T = TypeVar("T", Check, Mutant)

PATIENCE = 5
"""How many times as long as usual a check may take."""
WORST_FIRST = (End.BROKEN, End.PASSED, End.CAUGHT, End.HANGS)
WORDS = {End.PASSED: "SURVIVES ", End.BROKEN: "SAYS NOTHING: ", End.HANGS: "hangs: "}


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

    def try_unchanged(self, mutants: Iterable[Mutant]) -> dict[Check, Result]:
        """Run each check of these mutants once, on the code as it is."""

        def run(check: Check) -> Result:
            with self._tree() as tree:
                return run_check(check, tree, PATIENCE * self._limit_seconds)

        checks = dict.fromkeys(check for mutant in mutants for check in mutant.checks)
        return self._for_each(list(checks), run, "unchanged")

    def try_mutants(
        self, mutants: Iterable[Mutant], unchanged: Mapping[Check, Result]
    ) -> dict[Mutant, Result]:
        """Run the checks of each mutant with the mutant.

        Args:
            unchanged: how the checks went without: one that takes long, as on a busy machine, is
                not taken for one that hangs.
        """

        def limit_of(check: Check) -> float:
            return max(self._limit_seconds, PATIENCE * unchanged[check].seconds)

        def run(mutant: Mutant) -> Result:
            with self._tree() as tree, tree.with_mutant(mutant):
                return together(
                    {each: run_check(each, tree, limit_of(each)) for each in mutant.checks}
                )

        return self._for_each(list(mutants), run, "mutant")

    @contextmanager
    def _tree(self) -> Iterator[Tree]:
        tree = self._free.get()
        try:
            yield tree
        finally:
            self._free.put(tree)

    def _for_each(
        self, things: Sequence[T], run: Callable[[T], Result], what: str
    ) -> dict[T, Result]:
        results: dict[T, Result] = {}
        with ExitStack() as opened:
            pool = ThreadPoolExecutor(self._count)
            opened.callback(pool.shutdown, cancel_futures=True)  # Ctrl-C begins no further one
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


def together(results: Mapping[Check, Result]) -> Result:
    """Return what came of all checks of a mutant: each has to catch it."""
    end = min((each.end for each in results.values()), key=WORST_FIRST.index)
    told = [
        each.by or str(check)
        for check, each in results.items()
        if each.end is end or end not in (End.PASSED, End.BROKEN)
    ]
    return Result(end, sum(each.seconds for each in results.values()), ", ".join(told))


def is_caught(result: Result) -> bool:
    """Say whether the mutant was caught."""
    return result.end in (End.CAUGHT, End.HANGS)


def table(results: Mapping[Mutant, Result]) -> str:
    """Return a table of what came of each mutant."""
    rows = [("mutant", "promise that it breaks", "seconds", "caught by")] + [
        (
            mutant.name,
            mutant.promise,
            f"{result.seconds:.1f}",
            WORDS.get(result.end, "") + result.by,
        )
        for mutant, result in results.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(
        f"{name:{widths[0]}}  {promise:{widths[1]}}  {seconds:>7}  {by}"
        for name, promise, seconds, by in rows
    )
