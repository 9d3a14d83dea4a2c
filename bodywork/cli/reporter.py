"""Passes on what a run lets people see: Git's lines, and the log of each attempt that has ended."""

from collections.abc import Iterable

from bodywork.cli.logs import set_level
from bodywork.cli.paper import Paper
from bodywork.model.names import service_name
from bodywork.model.run import LogLine, StageRun
from bodywork.model.workflow import Workflow

RULE = "-" * 100


class ConsoleReporter:
    """Writes on paper; implements `bodywork.ports.Reporter`."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper

    def say(self, line: str) -> None:
        """Pass the line on as it is."""
        self._paper.line(line)

    def project_known(self, workflow: Workflow) -> None:
        """Honour the project's LOG_LEVEL."""
        set_level(workflow.log_level)

    def stage_ended(self, attempt: StageRun, lines: Iterable[LogLine]) -> None:
        """Show the attempt's log between rules."""
        write_log(self._paper, attempt, lines)


def write_log(paper: Paper, attempt: StageRun, lines: Iterable[LogLine]) -> None:
    """Write an attempt's log under its title, as the guide shows it."""
    again = f" (attempt {attempt.attempt})" if attempt.attempt > 1 else ""
    name = service_name(attempt.project, attempt.stage)
    paper.block((RULE, f"---- pod logs for {name}{again}", RULE))
    paper.block(line.text for line in lines)
