"""What a stage's script meets and what becomes of it: one suite for all that run stages.

Subclass `ExecutionContract` and give it the fixture `bench`, which runs the scripts of
`tests.contract.scripts`, each in a stage of one project.
"""

from dataclasses import dataclass
from typing import Protocol

import pytest

from bodywork.execution.lines import LINE_BYTES
from bodywork.execution.outcome import describe_exit_code
from tests.contract.scripts import ALL, LONG_LINE, Script

LONG_SECONDS = 60
TIME_LIMIT = "exceeded MAX_COMPLETION_TIME_SECONDS="


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a script ended.

    Attributes:
        exit_code: None where the time limit ended it.
        reason: of a failure, for people; "" where the engine has told none, or it went well.
        output: the whole log, with what the engine says above the script's own lines.
    """

    exit_code: int | None
    reason: str
    output: tuple[str, ...]


class Bench(Protocol):
    """Where scripts run."""

    short_seconds: int
    """The time limit of scripts that must be ended by it: enough to begin."""

    def outcome(self, script: Script) -> Outcome:
        """Return how a script ended; it runs once."""
        ...

    def seconds(self, script: Script) -> int:
        """Return a script's time limit."""
        return LONG_SECONDS if script.exit_code is not None else self.short_seconds


SILENT = next(script for script in ALL if script.name == "silent")


class ExecutionContract:
    """The suite."""

    @pytest.mark.parametrize("script", ALL, ids=lambda script: script.name)
    def test_a_script(self, bench: Bench, script: Script) -> None:
        seen = bench.outcome(script)
        above = len(bench.outcome(SILENT).output)
        if script.last:
            assert script.last in seen.output[-1]
        else:
            assert seen.output[above:] == script.lines
        if script.exit_code is None:
            assert seen.reason.startswith(f"{TIME_LIMIT}{bench.seconds(script)}")
        else:
            assert seen.exit_code == script.exit_code
            assert seen.reason == (
                "" if seen.exit_code == 0 else describe_exit_code(script.exit_code)
            )

    def test_of_a_very_long_line_the_beginning_is_told(self, bench: Bench) -> None:
        seen = bench.outcome(LONG_LINE)
        above = len(bench.outcome(SILENT).output)
        told = "".join(line.removesuffix(" …") for line in seen.output[above:])
        assert LONG_LINE.lines[0].startswith(told)
        assert len(told) >= LINE_BYTES
