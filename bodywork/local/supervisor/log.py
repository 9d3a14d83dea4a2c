"""A stage's output as lines, each with the time (UTC) at which it came.

Bounded: a stage that prints without end must not fill the disk. What comes after the bound is
dropped, and the log says so.
"""

import os
import time

from bodywork.local.supervisor import files

LIMIT_BYTES = 16 << 20
LINE_BYTES = 64 << 10
CUT = " …"
"""Ends a line that had more bytes, and goes on in the next one."""


class Log:
    """Appends to a log file; partial lines wait for their end."""

    def __init__(self, path: str, limit: int = LIMIT_BYTES) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._left = limit - os.fstat(self._file).st_size
        self._rest = b""

    def feed(self, output: bytes) -> None:
        """Take some output, cut anywhere."""
        lines = (self._rest + output).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LINE_BYTES:
            lines.append(self._rest + CUT.encode())
            self._rest = b""
        if lines:
            self._append(lines)

    def say(self, line: str) -> None:
        """Add a line of the supervisor's own."""
        self.flush()
        self._append([line.encode()])

    def flush(self) -> None:
        """Write a last line that has no end."""
        if self._rest:
            self._append([self._rest])
            self._rest = b""

    def _append(self, lines: list[bytes]) -> None:
        if self._left <= 0:
            return
        moment = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
        mark = f"{stamp}.{int(moment % 1 * 1000):03d}Z ".encode()
        text = b"".join(mark + line.rstrip(b"\r") + b"\n" for line in lines)
        if len(text) > self._left:
            whole = text[: text.rfind(b"\n", 0, self._left) + 1]  # half a secret is not recognised
            text = whole + mark + b"(the log is full; the rest is dropped)\n"
            self._left = 0
        self._left -= len(text)
        try:
            files.write_all(self._file, text)
        except OSError:
            self._left = 0  # a full disk must not end the stage
