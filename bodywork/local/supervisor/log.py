"""A stage's output as lines, each with the time (UTC) at which it came.

Bounded, for stages that print without end and services that run for ever: the log keeps its head
and its newest part, in files of their own (`parts`), each of whole lines: half a secret would not
be recognised. What a full disk does not take is written as soon as there is room; of much, the
newest part.

What a carriage return overwrites on a terminal (a progress bar) is a *state* of its line. While the
line lasts, one state a second is written, with a carriage return at its end, so that readers know
that it is not the line itself; at the end of the line, its last state is written as a line.
"""

import contextlib
import os
import time
from collections.abc import Callable

from bodywork.execution.lines import LINE_BYTES, last_state
from bodywork.local.supervisor import files
from bodywork.local.supervisor.parts import Part, list_parts, measure

HEAD_BYTES = 4 << 20
PART_BYTES = 2 << 20
KEPT_PARTS = 6
WAITING_BYTES = 64 << 10
"""How much of the output may wait for room on a full disk."""
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
        waiting_bytes: int = WAITING_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = _Output(path, head_bytes, part_bytes, waiting_bytes)
        self._clock = clock
        self._rest = b""
        self._has_states = False
        self._shown = b""
        self._shown_at = clock() - STATE_SECONDS

    def feed(self, output: bytes) -> None:
        """Take some output, cut anywhere."""
        lines = (self._rest + output).split(b"\n")
        self._rest = lines.pop()
        whole = [last_state(line) for line in lines]
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
        if last := last_state(self._rest):
            self._append([last])
        self._rest, self._has_states, self._shown = b"", False, b""

    def end(self) -> None:
        """Write what is left, if there is room by now."""
        self.flush()
        self._output.give_up()

    def state_due(self) -> float | None:
        """Return when, by the log's clock, `show_state` will have something to write."""
        state = last_state(self._rest).strip()
        is_new = self._has_states and state and state != self._shown
        return self._shown_at + STATE_SECONDS if is_new else None

    def show_state(self) -> None:
        """Write the state of an unfinished line, where it is due."""
        due = self.state_due()
        if due is not None and self._clock() >= due:
            self._shown, self._shown_at = last_state(self._rest).strip(), self._clock()
            self._append([last_state(self._rest) + b"\r"])

    def _take_states(self) -> None:
        """Keep only the last state of the unfinished line."""
        kept = last_state(self._rest)
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
    """Writes whole lines into the files of a log, and counts them; it goes on where it stopped.

    What a full disk does not take waits in memory for room, as far as it has a place there.
    """

    def __init__(self, head: str, head_bytes: int, part_bytes: int, waiting_bytes: int) -> None:
        self._head = head
        self._part_bytes = part_bytes
        self._waiting_bytes = waiting_bytes
        self._waiting: list[bytes] = []
        parts = list_parts(head)
        self._limit = head_bytes if len(parts) == 1 else part_bytes
        self._open(parts[-1])
        lines, self._size, is_whole = measure(parts[-1].path)
        self._lines, self._bytes = parts[-1].lines + lines, parts[-1].size + self._size
        if not is_whole:  # its supervisor was killed meanwhile: it counts as a line that is lost
            self._lines += 1
            self._close()

    def write(self, lines: list[bytes]) -> None:
        """Write the lines, and before them those that wait."""
        self._waiting += lines
        try:
            while self._waiting:
                self._write_some()
        except OSError:  # a full disk must not end the stage
            if self._file is not None:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, self._size)
            self._drop(self._waiting_bytes)

    def give_up(self) -> None:
        """Write what waits; where there is no room, leave a file that says how much it was."""
        self.write([])
        self._drop(0)
        if self._file is None:
            with contextlib.suppress(OSError):
                self._begin_part()

    def _write_some(self) -> None:
        if self._size and self._size + len(self._waiting[0]) > self._limit:
            self._close()
        file = self._begin_part() if self._file is None else self._file
        count, size = 0, 0
        for line in self._waiting:
            if count and self._size + size + len(line) > self._limit:
                break
            count, size = count + 1, size + len(line)
        files.write_all(file, b"".join(self._waiting[:count]))
        self._size += size
        self._count(count)

    def _drop(self, most: int) -> None:
        """Give the oldest lines that wait up; what comes next goes into a new part."""
        count, size = 0, sum(map(len, self._waiting))
        while size > most:
            size -= len(self._waiting[count])
            count += 1
        if count:
            self._count(count)
            self._close()

    def _count(self, count: int) -> None:
        """Count the oldest lines that wait as written."""
        self._lines += count
        self._bytes += sum(map(len, self._waiting[:count]))
        del self._waiting[:count]

    def _begin_part(self) -> int:
        later = list_parts(self._head)[1:]
        for part in later[: max(0, len(later) + 1 - KEPT_PARTS)]:  # first, since that makes room
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part.path)
        return self._open(Part.after(self._head, self._lines, self._bytes))

    def _open(self, part: Part) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        file = os.open(part.path, flags, 0o600)
        self._file: int | None = file
        self._part, self._size = part, 0
        return file

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            if not self._size and self._part.path != self._head:
                with contextlib.suppress(OSError):
                    os.unlink(self._part.path)
        self._file, self._size, self._limit = None, 0, self._part_bytes
