"""What a command that runs for a while writes on: stdout, line by line.

Log records, Git's output and the logs of stages all come through here, so that a live display can
keep itself below them. A reader that goes away never stops a run: later lines are dropped.
"""

import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from typing import Protocol, TextIO

_ESCAPES = r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
_OTHERS = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Further control characters (C1), line separators, and what turns the direction of a text."""
_CONTROL = re.compile(rf"{_ESCAPES}|[\x00-\x08\x0b-\x1f{_OTHERS}]")


def printable(text: str) -> str:
    """Return the text without escape sequences and control characters (tabs stay).

    What stages and servers print is foreign: on a terminal it must not move the cursor, change
    its title or hide lines.
    """
    shown = text.rstrip("\r").rpartition("\r")[2]  # what a progress bar ended with
    return _CONTROL.sub("", shown)


def printable_lines(text: str) -> str:
    """Return the text with each of its lines made harmless."""
    return "\n".join(printable(line) for line in text.split("\n"))


def escape_control(json_text: str) -> str:
    """Return JSON in which no character can steer a terminal; it means the same."""
    return re.sub(f"[{_OTHERS}]", lambda found: f"\\u{ord(found[0]):04x}", json_text)


def screen_width(stream: TextIO | None = None) -> int | None:
    """Return how wide the screen is that a stream (else stdout) is read on; None for a file.

    BODYWORK_COLUMNS says it for a pipe whose other end is a screen. A terminal that does not know
    its size counts as one of 80 columns.
    """
    told = os.environ.get("BODYWORK_COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        on_screen = (sys.stdout if stream is None else stream).isatty()
    except ValueError:  # it was closed
        return None
    return shutil.get_terminal_size().columns if on_screen else None


class Paper(Protocol):
    """Takes lines."""

    @property
    def columns(self) -> int | None:
        """How wide the screen is that people read it on; None where it is a file or a pipe."""
        ...

    def line(self, text: str) -> None:
        """Write one line, at once."""
        ...

    def block(self, lines: Collection[str]) -> None:
        """Write lines that belong together, and are all there."""
        ...

    def pass_on(self, lines: Iterable[str]) -> None:
        """Write lines as they come; meanwhile other threads may write, and log."""
        ...


class PlainPaper:
    """A stream, flushed at each line; on a terminal, foreign control characters are left out."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._clean: Callable[[str], str] = printable_lines if self._stream.isatty() else str
        self._heard = True
        self._lock = threading.RLock()

    @property
    def columns(self) -> int | None:
        """See `Paper`."""
        return screen_width(self._stream)

    def line(self, text: str) -> None:
        """Write the line; nobody listening is no fault."""
        if not self._heard:
            return
        with self._lock:
            try:
                self._stream.write(self._clean(text) + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # ValueError: the stream was closed
                self._heard = False

    def block(self, lines: Collection[str]) -> None:
        """Write the lines; what other threads write comes before or after."""
        with self._lock:
            for line in lines:
                self.line(line)

    def pass_on(self, lines: Iterable[str]) -> None:
        """Write the lines, without the lock between them.

        To get the next one may take long, and may log. Another thread that logs has the lock of its
        handler while it waits for ours: the two would wait for each other.
        """
        for line in lines:
            self.line(line)
