"""A pytest plugin that writes down, for each test, whether it passed, or what it failed by.

`-p tests.mutants.told`, with the file's path in MUTANTS_TOLD: a line of JSON per test.
"""

import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

TOLD = "MUTANTS_TOLD"
PROFILE = "mutants"
OURS = {"bodywork", "statemachine"}

settings.register_profile(
    PROFILE, deadline=None, database=None, phases=(Phase.explicit, Phase.generate)
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None:
        _tell(item.nodeid, kind_of(call.excinfo.value), call.excinfo.exconly(tryshort=True))
    elif call.when == "call":
        _tell(item.nodeid, "passed", "")
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _tell(report.nodeid, "mistake", str(report.longrepr).strip().splitlines()[-1])


def kind_of(error: BaseException) -> str:
    """Return what a test failed by.

    - "assertion"
    - "error": an error of our own or of the system, which the test did not expect
    - "mistake": any other, by which a change of the source fails that makes no sense
    - "skipped"
    """
    if isinstance(error, pytest.skip.Exception):
        return "skipped"
    leaves = list(_leaves(error))
    if any(isinstance(each, (AssertionError, pytest.fail.Exception)) for each in leaves):
        return "assertion"
    expected = all(isinstance(each, OSError) or _is_ours(each) for each in leaves)
    return "error" if expected else "mistake"


def _is_ours(error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] in OURS for kind in type(error).__mro__)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _tell(test: str, kind: str, words: str) -> None:
    with Path(os.environ[TOLD]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"test": test, "kind": kind, "words": words}) + "\n")
