"""What holds for every test: under continuous integration a skipped test is a failed one.

A machine that lacks sshd or Git would else report success for what it never tried. The reasons
below are the exceptions: they depend on who runs the tests and on which kernel, which no
installation changes.
"""

import os
import re
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is not a fault
settings.load_profile("untimed")

MAY_BE_SKIPPED = re.compile(
    r"(macOS|Linux) only|/proc is Linux's|needs Linux's|(only|needs) root|root may|may not mount"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cluster",
        choices=["own", "existing"],
        default="own",
        help="The cluster of tests/cluster: one started on this machine, or that of KUBECONFIG.",
    )


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if not MAY_BE_SKIPPED.search(reason):
        report.outcome = "failed"
        report.longrepr = f"{reason}: nothing may be skipped here (CI=true)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip(report)
    return report
