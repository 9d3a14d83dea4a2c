"""What the workflow says, on stdout: other programs' lines, and each stage's log between rules."""

import sys
from collections.abc import Iterable

from bodywork.cli import logs
from bodywork.model.names import service_name
from bodywork.model.run import LogLine, StageRun
from bodywork.model.workflow import Workflow

RULE = "-" * 100


class Printer:
    """The reporter of the command line; on a terminal, control characters are shown, not obeyed."""

    def __init__(self) -> None:
        self._plain = sys.stdout.isatty()

    def say(self, line: str) -> None:
        """Pass on a line of another program's output."""
        self._print(clean(line) if self._plain else line)

    def project_known(self, workflow: Workflow) -> None:
        """Obey the project's LOG_LEVEL."""
        logs.set_level(workflow.log_level)

    def stage_ended(self, attempt: StageRun, lines: Iterable[LogLine]) -> None:
        """Show an attempt's log as a block."""
        name = service_name(attempt.project, attempt.stage)
        again = f" (attempt {attempt.attempt})" if attempt.attempt > 1 else ""
        block = [RULE, f"---- pod logs for {name}{again}", RULE]
        block += [clean(line.text) if self._plain else line.text for line in lines]
        self._print("\n".join([*block, RULE]))

    def _print(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def clean(text: str) -> str:
    """Return text that cannot command a terminal."""
    return "".join(each if each.isprintable() or each == "\t" else "�" for each in text)
