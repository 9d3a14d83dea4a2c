"""Log records in the guide's form: `2020-11-24 20:04:12,648 - INFO - workflow.run_workflow - …`.

On a screen that is too narrow for it, without the date and the logger: `20:04:12 INFO …`.
"""

import logging
import textwrap

from bodywork.cli.paper import Paper
from bodywork.model.redaction import redact

FORM = "%(asctime)s - %(levelname)s - %(name)s - %(message)s"
SHORT_FORM = "%(asctime)s %(levelname)s %(message)s"
WIDE_COLUMNS = 100


class PaperHandler(logging.Handler):
    """Writes each record as a line."""

    def __init__(self, paper: Paper) -> None:
        super().__init__()
        self._paper = paper
        self._short = logging.Formatter(SHORT_FORM, "%H:%M:%S")
        self.setFormatter(logging.Formatter(FORM))

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text, in the form that the paper has room for; no password in it."""
        columns = self._paper.columns
        if columns is None or columns >= WIDE_COLUMNS:
            return redact(super().format(record))
        text = redact(self._short.format(record))  # before a password with blanks is folded
        if len(text) <= columns or "\n" in text:
            return text
        return textwrap.fill(  # at words: names and paths stay whole
            text,
            columns,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        try:
            self._paper.line(self.format(record))
        except Exception:  # as every handler: logging must not end what it logs
            self.handleError(record)


def log_to(paper: Paper) -> None:
    """Send the records of this process to the paper, INFO and above until a project says else."""
    root = logging.getLogger()
    root.handlers[:] = [PaperHandler(paper)]
    root.setLevel(logging.INFO)


def set_level(level: str) -> None:
    """Honour a project's LOG_LEVEL.

    What libraries tell of themselves at DEBUG stays out: what they sent and got holds secrets.
    """
    logging.getLogger().setLevel(level)
    for library in ("kubernetes", "urllib3"):
        logging.getLogger(library).setLevel(max(logging.INFO, logging.getLevelName(level)))
