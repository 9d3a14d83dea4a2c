"""Reading the log that a supervisor writes: a line each, `TIME TEXT`."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import IO

from bodywork.execution.lines import LINE_BYTES
from bodywork.local import processes
from bodywork.local.supervisor import files
from bodywork.local.supervisor.log import CUT
from bodywork.local.supervisor.parts import Part, list_parts
from bodywork.model.redaction import hide
from bodywork.model.run import LogLine

TAIL_LINES = 20
TAIL_COLUMNS = 200
LOOK_SECONDS = 0.2
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def read_log(folder: Path, after: int, *, follow: bool) -> Iterator[LogLine]:
    """Yield the lines after that position; with `follow`, until the attempt has ended.

    Positions count the lines that were ever written. Where some were dropped, one line says so, at
    the position of the last of them. The states of an unfinished line are shown to those who
    follow; others get the last one, where nothing came after it.
    """
    while not (folder / files.LOG).exists():
        if not follow or not files.is_held(str(folder)):
            return
        processes.await_end([folder], LOOK_SECONDS)
    lines = _read_all(folder, after, follow=follow)
    yield from (line for line, _ in (lines if follow else _without_old_states(lines)))


def read_tail(folder: Path, secrets: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the last lines, bounded, without the values of secrets.

    A line that the supervisor has cut is shown by its first part: the next one may begin in the
    middle of a value, which would not be recognised. So may a state of an unfinished line, and what
    follows a gap.
    """
    last: deque[str] = deque(maxlen=TAIL_LINES)
    begin = _begin_of_tail(folder)
    is_cut = begin > 0
    for line, kind in _read_all(folder, begin, follow=False):
        if kind is _Kind.GAP or (kind is _Kind.LINE and not is_cut):
            last.append(line.text)
        is_cut = kind is _Kind.GAP or (
            line.text.endswith(CUT) and len(line.text.encode()) > LINE_BYTES
        )
    values = tuple(secrets)
    return tuple(hide(text, values)[:TAIL_COLUMNS] for text in last)


def _begin_of_tail(folder: Path) -> int:
    """Return a position well before the last lines: not all of a long log is read for them."""
    parts = list_parts(str(folder / files.LOG))
    return max(
        (part.lines for part in parts if part.lines < parts[-1].lines - 2 * TAIL_LINES), default=0
    )


class _Kind(Enum):
    LINE = auto()
    STATE = auto()
    GAP = auto()


def _without_old_states(lines: Iterator[tuple[LogLine, _Kind]]) -> Iterator[tuple[LogLine, _Kind]]:
    last: tuple[LogLine, _Kind] | None = None
    for each in lines:
        if last and last[1] is not _Kind.STATE:
            yield last
        last = each
    if last:
        yield last


def _read_all(folder: Path, after: int, *, follow: bool) -> Iterator[tuple[LogLine, _Kind]]:
    with closing(_Reader(str(folder / files.LOG), after)) as reader:
        while True:
            over = not follow or not files.is_held(str(folder))
            yield from reader.read()
            if over:
                return
            processes.await_end([folder], LOOK_SECONDS)


class _Reader:
    """Reads the files of a log one after the other, also while they are written and dropped."""

    def __init__(self, head: str, after: int) -> None:
        self._head = head
        self._after = after
        self._file: IO[bytes] | None = None
        begin = [part for part in list_parts(head) if part.lines <= after][-1]
        if not self._open(begin):  # it has just been dropped: the gap will be seen
            self._open(Part(head))

    def read(self) -> Iterator[tuple[LogLine, _Kind]]:
        """Yield what is there and was not read yet."""
        while self._file is not None:
            following = self._following()  # first: what has a file after it grows no more
            yield from self._read_part(self._file)
            if following is None:
                return
            yield from self._go_on(following)

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.close()

    def _open(self, part: Part) -> bool:
        try:
            file = open(part.path, "rb")  # noqa: SIM115  (it stays open until the next one)
        except FileNotFoundError:
            return False
        self.close()
        self._file, self._part = file, part
        self._position, self._read, self._rest = part.lines, part.size, b""
        return True

    def _following(self) -> Part | None:
        return next(
            (part for part in list_parts(self._head) if part.lines > self._part.lines), None
        )

    def _read_part(self, file: IO[bytes]) -> Iterator[tuple[LogLine, _Kind]]:
        for chunk in iter(lambda: file.read(1 << 16), b""):
            lines = (self._rest + chunk).split(b"\n")
            self._rest = lines.pop()
            for line in lines:
                self._position += 1
                self._read += len(line) + 1
                if self._position > self._after:
                    kind = _Kind.STATE if line.endswith(b"\r") else _Kind.LINE
                    yield _parse(self._position, line.removesuffix(b"\r")), kind

    def _go_on(self, following: Part) -> Iterator[tuple[LogLine, _Kind]]:
        """Open the part; yield what is missing before it."""
        position, read = self._position, self._read
        while not self._open(following):
            found = self._following()
            if found is None:  # the whole folder is gone
                return
            following = found
        lines, size = following.lines - position, following.size - read
        if lines > 0 and following.lines > self._after:
            what = "1 line" if lines == 1 else f"{lines:,} lines"
            text = (
                f"({what} of this log, {size:,} bytes, {'was' if lines == 1 else 'were'} not kept)"
            )
            yield LogLine(following.lines, NO_TIME, text), _Kind.GAP


def _parse(position: int, line: bytes) -> LogLine:
    stamp, _, text = line.decode("utf-8", "replace").partition(" ")
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        at, text = NO_TIME, line.decode("utf-8", "replace")
    return LogLine(position, at, text)
