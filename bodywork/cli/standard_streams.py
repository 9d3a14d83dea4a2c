"""stdin, stdout and stderr, whatever the process was started with: there, open and lenient.

A descriptor that is closed is opened on /dev/null first of all. Otherwise the next file that is
opened (a record, a lock) would get its number, and whatever a child process prints would be written
into that file.

A reader of stdout that goes away (`| head`, a closed terminal) never decides what a command does:
what is written from then on is dropped, and the command goes on to its own end and exit code. Only
what has no end of its own (`--follow`, `--watch`) asks `reader_is_gone`. The same holds where a
hook's module has closed the stream. Other faults of stdout, such as a full disk, are errors as
anywhere. stderr is for people alone: no fault of it counts.

What others wrote (stages, servers, whoever may change objects of a cluster) stands in what commands
tell. So on a terminal, whatever is written loses its escape sequences and control characters here,
at the last place that it passes. What draws on a screen writes to `screen_of(stream)`, and sees to
it by itself that the text in its drawing is harmless. In a file or a pipe everything stands as it
was written.
"""

import errno
import io
import os
import sys
from typing import BinaryIO, TextIO, cast

from bodywork.cli.paper import printable_lines

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
        self._on_terminal = self.isatty()

    def write(self, text: str | bytes) -> int:
        """Write the text, harmless where it is a terminal, or drop it where nobody reads."""
        if isinstance(text, bytes):  # what click answers a shell with, having found no buffer
            text = text.decode()
        self.write_commands(printable_lines(text) if self._on_terminal else text)
        return len(text)

    def write_commands(self, text: str) -> int:
        """Write text that commands the terminal, or drop it where nobody reads."""
        if self._is_closed():
            return len(text)
        try:
            return super().write(text)
        except OSError as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written, or drop it where nobody reads."""
        if self._is_closed():
            return
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def isatty(self) -> bool:
        """Say whether it is a terminal."""
        return not self._is_closed() and super().isatty()

    @property
    def buffer(self) -> BinaryIO:
        """There is none to be had: click would write past us where the encoding is ASCII."""
        raise AttributeError("buffer")

    def discard(self) -> None:
        """Drop what could not be written, and all that follows."""
        self.reader_is_gone = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, self.fileno())
        finally:
            os.close(nowhere)
        super().flush()

    def _is_closed(self) -> bool:
        """Say whether code of others (a hook's module) has closed or detached the stream."""
        try:
            return self.closed
        except ValueError:  # there is no buffer that could be closed
            return True

    def _drop(self, error: OSError) -> None:
        """Raise the error again where it is one that counts."""
        if not (self._lenient or error.errno in _GONE):
            raise error
        self.discard()


class Screen(io.TextIOBase):
    """The same stream, for text that may command the terminal."""

    def __init__(self, output: Output) -> None:
        self._output = output

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """See `io.TextIOBase`."""
        return self._output.encoding

    def write(self, text: str) -> int:
        """See `Output.write_commands`."""
        return self._output.write_commands(text)

    def flush(self) -> None:
        """See `Output.flush`."""
        self._output.flush()

    def isatty(self) -> bool:
        """Say whether it is a terminal."""
        return self._output.isatty()

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._output.fileno()


def screen_of(stream: TextIO) -> TextIO:
    """Return what draws on the terminal that a stream writes to."""
    return cast("TextIO", Screen(stream)) if isinstance(stream, Output) else stream


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
    setattr(sys, "__stdout__", sys.stdout)  # noqa: B010  (Final; shutil asks it for the width)


def reader_is_gone() -> bool:
    """Say whether what is written to stdout is dropped, since nobody reads it."""
    return isinstance(sys.stdout, Output) and sys.stdout.reader_is_gone


def finish_stdout() -> None:
    """Write what is left, or drop it: what a command did is not undone by that.

    Nor by what a hook's module has put into the place of stdout: Python would end with a code of
    its own where that cannot be flushed.
    """
    sys.stdout = sys.__stdout__ or sys.stdout
    try:
        sys.stdout.flush()
    except OSError:
        if isinstance(sys.stdout, Output):
            sys.stdout.discard()


def _output(stream: TextIO | None, descriptor: int, *, lenient: bool) -> TextIO:
    opened = stream or open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    return Output(opened, lenient=lenient) if isinstance(opened, io.TextIOWrapper) else opened
