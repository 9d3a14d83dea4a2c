"""The logs of stages while they are written: each read by a thread of its own.

A stage that runs alone is shown in place, under the title of its log. Where several run side by
side each line says whose it is; when the stage has ended, a file gets the whole log under its
title, and a person at a screen the command that shows it. Reading is best effort: a log that is not
complete in time is shown as far as it is known, and says so.
"""

import threading
from collections.abc import Callable, Iterable, Iterator

from bodywork.cli import advice
from bodywork.cli.paper import Paper
from bodywork.cli.shortening import shorten_middle
from bodywork.cli.wiring import Place
from bodywork.errors import BodyworkError
from bodywork.model.names import service_name
from bodywork.model.run import LogLine, StageRun
from bodywork.model.stage import Batch, Stage

FILE_COLUMNS = 100
"""How wide the rules are in files and pipes, as the guide shows them."""
LOG_SECONDS = 5.0
"""How long the rest of a log may take to arrive when its stage has ended."""
SERVICE_LOG_SECONDS = 0.2
"""The same for a service, whose log need not end when its deployment is decided."""


class LogFrame:
    """What stands around the log of an attempt: in files the guide's form, which programs read."""

    def __init__(self, paper: Paper, place: Place) -> None:
        self._paper = paper
        self._place = place

    @property
    def repeats(self) -> bool:
        """Whether the lines of a log that were shown among others are shown once more together."""
        return self._paper.columns is None

    def title(self, attempt: StageRun) -> tuple[str, str, str]:
        """Return the lines over an attempt's log."""
        columns = self._paper.columns
        pods = columns is None or self._place.engine_name == "kubernetes"
        again = f" (attempt {attempt.attempt})" if attempt.attempt > 1 else ""
        name = service_name(attempt.project, attempt.stage)
        text = f"---- {'pod logs' if pods else 'logs'} for {name}{again}"
        rule = "-" * (columns or FILE_COLUMNS)
        return (rule, shorten_middle(text, columns) if columns else text, rule)

    def pointer(self, attempt: StageRun) -> str:
        """Return the line that says where the log of an attempt that has ended is."""
        number = [f"--attempt={attempt.attempt}"] if attempt.attempt > 1 else []
        command = advice.command(self._place, "logs", attempt.run, attempt.stage, *number)
        return f"[{attempt.stage}] its whole log: {command}"


class Follower:
    """Passes one attempt's lines on as they come; `finish` when it has ended."""

    def __init__(
        self,
        paper: Paper,
        frame: LogFrame,
        attempt: StageRun,
        stage: Stage,
        alone: bool,
        follow: Callable[[], Iterator[LogLine]],
    ) -> None:
        self._paper = paper
        self._frame = frame
        self._attempt = attempt
        self._alone = alone
        self._patience = LOG_SECONDS if isinstance(stage.kind, Batch) else SERVICE_LOG_SECONDS
        self._follow = follow
        self._lines: list[str] = []
        self._titled = False
        self._cut = False
        self._thread = threading.Thread(
            target=self._pass_on, name=f"log of {attempt.stage}", daemon=True
        )
        self._thread.start()

    def finish(self) -> None:
        """Show what is not shown yet."""
        self._thread.join(self._patience)
        self._cut = self._thread.is_alive()
        if not self._alone and self._frame.repeats:
            self._paper.block((*self._frame.title(self._attempt), *self._lines))
        elif not self._alone:
            self._paper.line(self._frame.pointer(self._attempt))
        elif not self._titled:
            self._titled = True
            self._paper.block(self._frame.title(self._attempt))
        if self._cut and self._patience == LOG_SECONDS:
            self._paper.line("(the log may be incomplete)")

    def _pass_on(self) -> None:
        try:
            for line in self._follow():
                if self._cut:
                    return
                self._show(line.text)
        except BodyworkError as error:
            self._show(f"(the log cannot be followed: {error.message})")

    def _show(self, text: str) -> None:
        if not self._alone:
            self._lines.append(text)
            self._paper.line(f"[{self._attempt.stage}] {text}")
            return
        if not self._titled:
            self._titled = True
            self._paper.block(self._frame.title(self._attempt))
        self._paper.line(text)


def write_log(paper: Paper, frame: LogFrame, attempt: StageRun, lines: Iterable[LogLine]) -> None:
    """Write an attempt's whole log under its title."""
    paper.block(frame.title(attempt))
    paper.pass_on(line.text for line in lines)
