"""Passes on what a run lets people see: Git's lines, and the log of each attempt."""

from collections.abc import Callable, Iterable, Iterator

from bodywork.cli.following import Follower, LogFrame, write_log
from bodywork.cli.logs import set_level
from bodywork.cli.paper import Paper
from bodywork.cli.wiring import Place
from bodywork.model.run import LogLine, StageRun
from bodywork.model.stage import Stage
from bodywork.model.workflow import Workflow


class ConsoleReporter:
    """Writes on paper; implements `bodywork.ports.Reporter`."""

    def __init__(self, paper: Paper, place: Place) -> None:
        self._paper = paper
        self._frame = LogFrame(paper, place)
        self._followers: dict[StageRun, Follower] = {}

    def say(self, line: str) -> None:
        """Pass the line on as it is."""
        self._paper.line(line)

    def project_known(self, workflow: Workflow) -> None:
        """Honour the project's LOG_LEVEL."""
        set_level(workflow.log_level)

    def stage_started(
        self,
        attempt: StageRun,
        stage: Stage,
        alone: bool,
        follow: Callable[[], Iterator[LogLine]],
    ) -> None:
        """Show the attempt's log while it is written."""
        self._followers[attempt] = Follower(self._paper, self._frame, attempt, stage, alone, follow)

    def stage_ended(self, attempt: StageRun, lines: Iterable[LogLine]) -> None:
        """Show the rest of the attempt's log, or all of it where nobody has followed it."""
        follower = self._followers.pop(attempt, None)
        if follower is None:
            write_log(self._paper, self._frame, attempt, lines)
        else:
            follower.finish()
