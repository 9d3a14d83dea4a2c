"""A stage's output as lines, each with the time (UTC) at which it came.

Bounded, for stages that print without end and services that run for ever: the log keeps its head
and its newest part, in files of their own (`parts`), each of whole lines: half a secret would not
be recognised. The same holds for what a full disk did not take.

What a carriage return overwrites on a terminal (a progress bar) is a *state* of its line. While the
line lasts, one state a second is written, with a carriage return at its end, so that readers know
that it is not the line itself; at the end of the line, its last state is written as a line.
"""

import contextlib
import os
import time
from collections.abc import Callable

from bodywork.local.supervisor import files
from bodywork.local.supervisor.parts import Part, list_parts, measure

HEAD_BYTES = 4 << 20
PART_BYTES = 2 << 20
KEPT_PARTS = 6
LINE_BYTES = 64 << 10
STATE_SECONDS = 1.0
CUT = " …"
"""Ends a line that had more bytes, and goes on in the next one."""


class Log:
    """Appends to a log; partial lines wait for their end."""

    def __init__(
        self,
        path: str,
        *,
        head_bytes: int = HEAD_BYTES,
        part_bytes: int = PART_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = _Output(path, head_bytes, part_bytes)
        self._clock = clock
        self._rest = b""
        self._has_states = False
        self._shown = b""
        self._shown_at = clock() - STATE_SECONDS

    def feed(self, output: bytes) -> None:
        """Take some output, cut anywhere."""
        lines = (self._rest + output).split(b"\n")
        self._rest = lines.pop()
        whole = [_last_state(line) for line in lines]
        if whole:
            self._has_states, self._shown = False, b""
        self._take_states()
        if len(self._rest) > LINE_BYTES:
            whole.append(self._rest + CUT.encode())
            self._rest = b""
        self._append(whole)
        self.show_state()

    def say(self, line: str) -> None:
        """Add a line of the supervisor's own."""
        self.flush()
        self._append([line.encode()])

    def flush(self) -> None:
        """Write a last line that has no end."""
        if last := _last_state(self._rest):
            self._append([last])
        self._rest, self._has_states, self._shown = b"", False, b""
        self._output.note_end()

    def state_due(self) -> float | None:
        """Return when, by the log's clock, `show_state` will have something to write."""
        state = _last_state(self._rest).strip()
        is_new = self._has_states and state and state != self._shown
        return self._shown_at + STATE_SECONDS if is_new else None

    def show_state(self) -> None:
        """Write the state of an unfinished line, where it is due."""
        due = self.state_due()
        if due is not None and self._clock() >= due:
            self._shown, self._shown_at = _last_state(self._rest).strip(), self._clock()
            self._append([_last_state(self._rest) + b"\r"])

    def _take_states(self) -> None:
        """Keep only the last state of the unfinished line."""
        kept = _last_state(self._rest)
        if b"\r" in self._rest.rstrip(b"\r"):
            self._has_states = True
            self._rest = kept + (b"\r" if self._rest.endswith(b"\r") else b"")

    def _append(self, lines: list[bytes]) -> None:
        if lines:
            moment = time.time()
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
            mark = f"{stamp}.{int(moment % 1 * 1000):03d}Z ".encode()
            self._output.write([mark + line + b"\n" for line in lines])


class _Output:
    """Writes whole lines into the files of a log, and counts them; it goes on where it stopped."""

    def __init__(self, head: str, head_bytes: int, part_bytes: int) -> None:
        self._head = head
        self._part_bytes = part_bytes
        parts = list_parts(head)
        self._limit = head_bytes if len(parts) == 1 else part_bytes
        self._open(parts[-1])
        lines, self._size, is_whole = measure(parts[-1].path)
        self._lines, self._bytes = parts[-1].lines + lines, parts[-1].size + self._size
        if not is_whole:  # its supervisor was killed meanwhile: it counts as a line that is lost
            self._lines += 1
            self._close()

    def write(self, lines: list[bytes]) -> None:
        """Write the lines; what the disk does not take is dropped, and counted."""
        group: list[bytes] = []
        size = 0
        for line in lines:
            if self._size + size and self._size + size + len(line) > self._limit:
                self._write(group)
                self._close()
                group, size = [], 0
            group.append(line)
            size += len(line)
        self._write(group)

    def note_end(self) -> None:
        """Leave something that says how much was lost, where the last lines were."""
        if self._file is None:
            with contextlib.suppress(OSError):
                self._begin_part()

    def _write(self, group: list[bytes]) -> None:
        text = b"".join(group)
        try:
            if self._file is None and group:
                self._begin_part()
            if self._file is not None:
                files.write_all(self._file, text)
            self._size += len(text)
        except OSError:
            self._drop_half()  # a full disk must not end the stage
        self._lines += len(group)
        self._bytes += len(text)

    def _drop_half(self) -> None:
        """Take back what was written in part; what comes next goes into a new part."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, self._size)
        if not self._size and self._part.path != self._head:
            with contextlib.suppress(OSError):
                os.unlink(self._part.path)
        self._close()

    def _begin_part(self) -> None:
        later = list_parts(self._head)[1:]
        for part in later[: max(0, len(later) + 1 - KEPT_PARTS)]:  # first, since that makes room
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part.path)
        self._open(Part.after(self._head, self._lines, self._bytes))

    def _open(self, part: Part) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file: int | None = os.open(part.path, flags, 0o600)
        self._part, self._size = part, 0

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file, self._size, self._limit = None, 0, self._part_bytes


def _last_state(line: bytes) -> bytes:
    """Return what a terminal shows of a line in the end."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]
