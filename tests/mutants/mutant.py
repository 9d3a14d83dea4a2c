"""A mutant: a seeded defect, as a small change of the source, and the tests that must catch it."""

import ast
from dataclasses import dataclass
from pathlib import Path


class StaleMutant(Exception):
    """The code has moved on: the mutant's change no longer has its one place."""


@dataclass(frozen=True, slots=True)
class Check:
    """What is run at once to catch a mutant: tests by their pytest node ids, or histories.

    Attributes:
        tests: node ids, relative to the repository; each of them has to fail.
        simulation: arguments of `python -m tests.simulation`, in place of tests.
    """

    tests: tuple[str, ...] = ()
    simulation: str = ""

    def __str__(self) -> str:
        return f"simulation {self.simulation}" if self.simulation else " ".join(self.tests)


def caught_by(file: str, *names: str) -> Check:
    """Return the check by these tests of a file, or by all of them."""
    return Check(tuple(f"{file}::{name}" for name in names) or (file,))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A seeded defect.

    Attributes:
        name: names the defect.
        promise: the sentence of `docs/guarantees.md` that it breaks, in short.
        file: the module that is changed, relative to the repository.
        function: where in it, as `Class.method` or `function`; "" for the whole module.
        old: a text that stands there exactly once.
        new: what takes its place.
        check: what must catch it.
        histories: a set of the simulation's that must catch it as well, "" for none.
    """

    name: str
    promise: str
    file: str
    function: str
    old: str
    new: str
    check: Check
    histories: str = ""

    @property
    def checks(self) -> tuple[Check, ...]:
        """All that must catch it."""
        return (self.check, Check(simulation=self.histories)) if self.histories else (self.check,)

    def changed(self, source: str) -> str:
        """Return the source of the module with the defect in it.

        Raises:
            StaleMutant: the function is not there, or the old text does not stand in it once.
        """
        lines = source.splitlines(keepends=True)
        first, last = self._lines(source, len(lines))
        body = "".join(lines[first:last])
        if (count := body.count(self.old)) != 1:
            where = f"{self.file}, {self.function or 'the whole module'}"
            raise StaleMutant(
                f"mutant {self.name} is stale: in {where} its old text stands {count} times, "
                f"not once: {self.old!r}"
            )
        mutated = body.replace(self.old, self.new)
        return "".join([*lines[:first], mutated, *lines[last:]])

    def changed_in(self, root: Path) -> str:
        """Return the module of the repository at `root` with the defect in it.

        Raises:
            StaleMutant: as `changed`, or the module is not there.
        """
        path = root / self.file
        if not path.exists():
            raise StaleMutant(f"mutant {self.name} is stale: there is no {self.file}")
        return self.changed(path.read_text("utf-8"))

    def _lines(self, source: str, all_lines: int) -> tuple[int, int]:
        """Return the first line of the function, counted from 0, and the one behind its last."""
        if not self.function:
            return 0, all_lines
        scope: ast.AST = ast.parse(source)
        for name in self.function.split("."):
            found = [each for each in ast.iter_child_nodes(scope) if _is_called(each, name)]
            if len(found) != 1:
                raise StaleMutant(
                    f"mutant {self.name} is stale: {self.file} has no one {self.function}"
                )
            scope = found[0]
        assert isinstance(scope, (ast.FunctionDef, ast.ClassDef))
        return scope.lineno - 1, scope.end_lineno or all_lines


def _is_called(node: ast.AST, name: str) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name
