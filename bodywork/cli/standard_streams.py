"""stdin, stdout and stderr, whatever the process was started with: there, open and lenient.

A descriptor that is closed is opened on /dev/null first of all. Otherwise the next file that is
opened (a record, a lock) would get its number, and whatever a child process prints would be written
into that file.

A reader of stdout that goes away (`| head`, a closed terminal) never decides what a command does:
what is written from then on is dropped, and the command goes on to its own end and exit code. Only
what has no end of its own (`--follow`, `--watch`) asks `reader_is_gone`. Other faults of stdout,
such as a full disk, are errors as anywhere. stderr is for people alone: no fault of it counts.
"""

import errno
import io
import os
import sys
from typing import TextIO

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.ECONNRESET, errno.ESHUTDOWN})
"""What a pipe, a terminal and a socket answer when their other end has been closed."""


class Output(io.TextIOWrapper):
    """A text stream that replaces what its encoding cannot print, and outlives its reader.

    Args:
        stream: what it takes the place of; it must not be used any more.
        lenient: whether any fault counts as a reader that is gone.
    """

    def __init__(self, stream: io.TextIOWrapper, *, lenient: bool) -> None:
        encoding, line_buffering = stream.encoding, stream.line_buffering
        errors = "backslashreplace" if stream.errors == "backslashreplace" else "replace"
        super().__init__(
            stream.detach(), encoding=encoding, errors=errors, line_buffering=line_buffering
        )
        self.reader_is_gone = False
        self._lenient = lenient

    def write(self, text: str) -> int:
        """Write the text, or drop it where nobody reads."""
        try:
            return super().write(text)
        except OSError as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written, or drop it where nobody reads."""
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def discard(self) -> None:
        """Drop what could not be written, and all that follows."""
        self.reader_is_gone = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, self.fileno())
        finally:
            os.close(nowhere)
        super().flush()

    def _drop(self, error: OSError) -> None:
        """Raise the error again where it is one that counts."""
        if not (self._lenient or error.errno in _GONE):
            raise error
        self.discard()


def open_standard_streams() -> None:
    """Make the process's three streams usable; call it before any file is opened."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _output(sys.stdout, 1, lenient=False)
    sys.stderr = _output(sys.stderr, 2, lenient=True)


def reader_is_gone() -> bool:
    """Say whether what is written to stdout is dropped, since nobody reads it."""
    return isinstance(sys.stdout, Output) and sys.stdout.reader_is_gone


def finish_stdout() -> None:
    """Write what is left, or drop it: what a command did is not undone by that."""
    try:
        sys.stdout.flush()
    except OSError:
        if isinstance(sys.stdout, Output):
            sys.stdout.discard()


def _output(stream: TextIO | None, descriptor: int, *, lenient: bool) -> TextIO:
    opened = stream or open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    return Output(opened, lenient=lenient) if isinstance(opened, io.TextIOWrapper) else opened
