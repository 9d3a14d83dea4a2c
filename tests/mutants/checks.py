"""Runs a check in a tree, and says what came of it."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.mutants.mutant import Check
from tests.mutants.tree import Tree

LIMIT_SECONDS = 120.0
CATCHING = frozenset({"assertion", "error"})
"""What a test that catches a mutant fails by: see `told`."""
_BROKEN_RULE = re.compile(r"^seed \d+: (?P<rule>\w+): ", re.M)
_ERROR_OF_THE_CODE = "no_error_of_the_code"


class End(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    CAUGHT = "caught"
    """Each test, or some history, failed by what it asserts."""
    HANGS = "hangs"
    """It did not end within its time: caught as well, in its way."""
    BROKEN = "broken"
    """Something failed by another error: an import, a wrong name or type, the command itself."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a check.

    Attributes:
        by: the tests or rules that failed, or what else went wrong, for people.
    """

    end: End
    seconds: float
    by: str = ""


def run_check(check: Check, tree: Tree, limit_seconds: float = LIMIT_SECONDS) -> Result:
    """Run the check in the tree, as it is now, for so many seconds at most."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        told = Path(folder) / "told"
        environment = tree.environment() | {"MUTANTS_TOLD": str(told)}
        ended = _run(_command(check), tree.folder, environment, limit_seconds)
        seconds = time.monotonic() - began
        if ended is None:
            return Result(End.HANGS, seconds, f"no end within {limit_seconds:.0f} s")
        code, output = ended
        if check.simulation:
            end, by = judge_histories(code, output)
        else:
            lines = told.read_text("utf-8").splitlines() if told.exists() else []
            end, by = judge_tests(check, code, output, [json.loads(line) for line in lines])
    return Result(end, seconds, by)


def judge_tests(
    check: Check, code: int, output: str, told: Iterable[Mapping[str, str]]
) -> tuple[End, str]:
    """Return what came of tests: each one that the check names has to catch the mutant."""
    failed: list[str] = []
    kinds: dict[str, set[str]] = {test: set() for test in check.tests}
    for each in told:
        for test, seen in kinds.items():
            if is_of(each["test"], test):
                seen.add(each["kind"])
        if each["kind"] not in ("passed", *CATCHING):
            failed.append(f"{each['kind']} in {_short(each['test'])}: {each['words']}")
    if failed:
        return End.BROKEN, failed[0]
    if code not in (0, 1) or not all(kinds.values()):
        return End.BROKEN, f"pytest ended with {code}: {_last_line(output)}"
    caught = [test for test, seen in kinds.items() if not seen.isdisjoint(CATCHING)]
    missed = [test for test, seen in kinds.items() if seen.isdisjoint(CATCHING)]
    if not caught:
        return End.PASSED, ""
    if missed:
        return End.BROKEN, f"not caught by {', '.join(map(_short, missed))}"
    return End.CAUGHT, ", ".join(map(_short, caught))


def judge_histories(code: int, output: str) -> tuple[End, str]:
    """Return what came of histories: some rule is broken that is held without the mutant."""
    rules = {found["rule"] for found in _BROKEN_RULE.finditer(output)}
    broken = sorted(rules - {_ERROR_OF_THE_CODE})
    if code not in (0, 1) or " histories, " not in output:
        return End.BROKEN, f"the simulation ended with {code}: {_last_line(output)}"
    if broken:
        return End.CAUGHT, f"simulation: {', '.join(broken)}"
    if _ERROR_OF_THE_CODE in rules:
        return End.BROKEN, f"only {_ERROR_OF_THE_CODE} is broken"
    return End.PASSED, ""


def is_of(test: str, named: str) -> bool:
    """Say whether a test is the one that is named, or one of its parameters or methods."""
    return test == named or test.startswith((f"{named}[", f"{named}::"))


def _command(check: Check) -> list[str]:
    if check.simulation:
        return [sys.executable, "-m", "tests.simulation", *check.simulation.split()]
    options = ["-q", "-p", "no:cacheprovider", "-p", "tests.mutants.told"]
    generated = ["--hypothesis-profile=mutants", "--hypothesis-seed=1"]
    return [sys.executable, "-m", "pytest", *options, *generated, *check.tests]


def _run(
    command: list[str], folder: Path, environment: dict[str, str], limit_seconds: float
) -> tuple[int, str] | None:
    """Return the command's exit code and output; None where it did not end, and was killed."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    with process:
        try:
            output, _ = process.communicate(timeout=limit_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None
    return process.returncode, output


def _short(test: str) -> str:
    """Return a node id without the folders."""
    return test.rpartition("/")[2]


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else "without a word"
