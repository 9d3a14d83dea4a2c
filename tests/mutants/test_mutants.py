"""Each mutant still has its place and its tests; and what runs them tells one end from another."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from statemachine.errors import CheckpointConflict
from tests.mutants.checks import End, Result, judge_histories, judge_tests
from tests.mutants.defects import MUTANTS
from tests.mutants.mutant import Check, Mutant, StaleMutant
from tests.mutants.told import kind_of
from tests.mutants.tree import ROOT, Tree
from tests.mutants.workshop import Workshop, is_caught, table, together
from tests.simulation.sets import SETS

SHOP = """
def price(number):
    return number * 2


class Till:
    def price(self, number):
        return number * 2
"""
TESTS = """
from shop import price


def test_price():
    assert price(2) == 4
"""
PRICE = Check(("tests/test_shop.py::test_price",))


def shop_mutant(new: str, old: str = "return number * 2", function: str = "price") -> Mutant:
    return Mutant(new, "a price is right", "shop.py", function, old, new, PRICE)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_mutant_has_its_one_place(mutant: Mutant) -> None:
    changed = mutant.changed_in(ROOT)
    compile(changed, mutant.file, "exec")
    assert changed != (ROOT / mutant.file).read_text("utf-8")


def test_mutants_have_names_of_their_own_and_something_to_catch_them() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names)) >= 24
    for mutant in MUTANTS:
        assert mutant.file.startswith(("bodywork/", "statemachine/")), mutant.name
        assert mutant.check.tests, mutant.name


@pytest.mark.timeout(600)
def test_the_tests_that_must_catch_them_can_be_collected() -> None:
    named = sorted({test for mutant in MUTANTS for test in mutant.check.tests})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *named], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_the_histories_that_must_catch_them_are_of_a_set() -> None:
    for mutant in MUTANTS:
        words = mutant.histories.split()
        if words:
            assert words[words.index("--set") + 1] in SETS, mutant.name


@pytest.mark.parametrize(
    "mutant",
    [
        shop_mutant("return 3", old="return 2"),
        shop_mutant("return 3", function=""),
        shop_mutant("return 3", function="Till.cost"),
        shop_mutant("return 3", function="Shop"),
    ],
    ids=["text gone", "text there twice", "method gone", "class gone"],
)
def test_a_mutant_without_its_one_place_is_stale(mutant: Mutant) -> None:
    with pytest.raises(StaleMutant, match="mutant return 3 is stale"):
        mutant.changed(SHOP)


def test_a_mutant_of_a_module_that_is_gone_is_stale(tmp_path: Path) -> None:
    with pytest.raises(StaleMutant, match=r"there is no shop\.py"):
        shop_mutant("return 3").changed_in(tmp_path)


def test_only_the_named_function_is_changed() -> None:
    assert shop_mutant("return 3").changed(SHOP) == SHOP.replace("return number * 2", "return 3", 1)
    till = shop_mutant("return 3", function="Till.price").changed(SHOP)
    assert till.count("return 3") == 1
    assert till.index("return 3") > till.index("class Till")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small repository."""
    folder = tmp_path / "source"
    (folder / "tests" / "mutants").mkdir(parents=True)
    (folder / "shop.py").write_text(SHOP)
    (folder / "tests" / "test_shop.py").write_text(TESTS)
    shutil.copy(ROOT / "tests" / "mutants" / "told.py", folder / "tests" / "mutants")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.timeout(600)
def test_each_end_is_told_from_the_others(source: Path, tmp_path: Path) -> None:
    parts = ("shop.py", "tests", "pyproject.toml")
    trees = [Tree(tmp_path / name, source, parts) for name in ("one", "two")]
    expected = {
        "return 3 * number": End.CAUGHT,
        "return (": End.BROKEN,
    }
    said: list[str] = []
    workshop = Workshop(trees, say=said.append)
    unchanged = workshop.try_unchanged([shop_mutant("one"), shop_mutant("two")])
    assert [each.end for each in unchanged.values()] == [End.PASSED]
    results = workshop.try_mutants((shop_mutant(new) for new in expected), unchanged)
    assert {mutant.name: found.end for mutant, found in results.items()} == expected, results
    assert len(said) == 1 + len(expected)
    hanging = Workshop(trees[:1], limit_seconds=3.0)
    mutant, at_once = shop_mutant("while True: pass"), {PRICE: Result(End.PASSED, 0.1)}
    assert hanging.try_mutants([mutant], at_once)[mutant].end is End.HANGS
    for folder in (source, *(tree.folder for tree in trees)):
        assert (folder / "shop.py").read_text() == SHOP


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AssertionError(), "assertion"),
        (pytest.fail.Exception("DID NOT RAISE"), "assertion"),
        (ExceptionGroup("both", [NameError(), AssertionError()]), "assertion"),
        (CheckpointConflict("another was faster"), "error"),
        (ConnectionRefusedError(), "error"),
        (ExceptionGroup("both", [NameError(), ConnectionRefusedError()]), "mistake"),
        (NameError(), "mistake"),
        (ImportError(), "mistake"),
        (KeyError("x"), "mistake"),
        (pytest.skip.Exception("no Linux"), "skipped"),
    ],
)
def test_a_broken_promise_is_told_from_a_change_that_makes_no_sense(
    error: BaseException, kind: str
) -> None:
    assert kind_of(error) == kind


def test_every_named_test_has_to_catch_it() -> None:
    check = Check(("a.py::one", "a.py::two"))
    told = [
        {"test": "a.py::one[x]", "kind": "passed", "words": ""},
        {"test": "a.py::one[y]", "kind": "assertion", "words": "assert 1 == 2"},
        {"test": "a.py::two", "kind": "passed", "words": ""},
    ]
    assert judge_tests(check, 1, "", told) == (End.BROKEN, "not caught by a.py::two")
    told[2]["kind"] = "assertion"
    assert judge_tests(check, 1, "", told)[0] is End.CAUGHT
    assert judge_tests(check, 1, "", told[:2])[0] is End.BROKEN, "one was not run at all"
    skipped = [{**each, "kind": "skipped"} for each in told]
    assert judge_tests(check, 0, "", skipped)[0] is End.BROKEN


def test_histories_catch_it_by_a_rule_that_is_held_without_it() -> None:
    end = "5 histories, 1 broken, 2.0 s, 2.5 a second\n"
    assert judge_histories(0, end) == (End.PASSED, "")
    assert judge_histories(1, f"seed 3: one_job_per_attempt: 2 Jobs\n{end}") == (
        End.CAUGHT,
        "simulation: one_job_per_attempt",
    )
    fault = f"seed 3: no_error_of_the_code: NameError\n{end}"
    assert judge_histories(1, fault)[0] is End.BROKEN
    assert judge_histories(1, "Traceback …\nNameError: x\n") == (
        End.BROKEN,
        "the simulation ended with 1: NameError: x",
    )


@pytest.mark.parametrize(
    ("first", "second", "end", "by"),
    [
        (End.CAUGHT, End.CAUGHT, End.CAUGHT, "first, second"),
        (End.CAUGHT, End.HANGS, End.CAUGHT, "first, second"),
        (End.CAUGHT, End.PASSED, End.PASSED, "simulation --set all"),
        (End.PASSED, End.CAUGHT, End.PASSED, "tests/test_shop.py::test_price"),
        (End.PASSED, End.BROKEN, End.BROKEN, "second"),
        (End.BROKEN, End.CAUGHT, End.BROKEN, "first"),
    ],
)
def test_each_check_of_a_mutant_has_to_catch_it(first: End, second: End, end: End, by: str) -> None:
    simulation = Check(simulation="--set all")
    results = {
        PRICE: Result(first, 1.0, "" if first is End.PASSED else "first"),
        simulation: Result(second, 2.0, "" if second is End.PASSED else "second"),
    }
    assert together(results) == Result(end, 3.0, by)
    assert is_caught(together(results)) == (end is End.CAUGHT)


def test_the_table_says_loudly_what_was_not_caught() -> None:
    mutant = shop_mutant("return 3")
    assert "SURVIVES tests/" in table({mutant: Result(End.PASSED, 1.0, "tests/test_shop.py")})
    assert "SAYS NOTHING: pytest" in table({mutant: Result(End.BROKEN, 1.0, "pytest")})
    caught = table({mutant: Result(End.CAUGHT, 1.25, "test_shop.py::test_price")})
    assert caught.splitlines()[1].split() == [
        "return", "3", "a", "price", "is", "right", "1.2", "test_shop.py::test_price"
    ]  # fmt: skip
