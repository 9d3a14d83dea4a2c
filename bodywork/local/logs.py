"""Reading the log that a supervisor writes: a line each, `TIME TEXT`."""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bodywork.local import processes
from bodywork.local.supervisor import files
from bodywork.local.supervisor.log import CUT, LINE_BYTES
from bodywork.model.redaction import hide
from bodywork.model.run import LogLine

TAIL_LINES = 20
TAIL_COLUMNS = 200
LOOK_SECONDS = 0.2
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def read_log(folder: Path, after: int, *, follow: bool) -> Iterator[LogLine]:
    """Yield the lines after that position; with `follow`, until the attempt has ended."""
    position, rest = 0, b""
    while not (folder / files.LOG).exists():
        if not follow or not files.is_held(str(folder)):
            return
        processes.await_end([folder], LOOK_SECONDS)
    with (folder / files.LOG).open("rb") as file:
        while True:
            over = not follow or not files.is_held(str(folder))
            for chunk in iter(lambda: file.read(1 << 16), b""):
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    position += 1
                    if position > after:
                        yield _parse(position, line)
            if over:
                break
            processes.await_end([folder], LOOK_SECONDS)


def read_tail(folder: Path, secrets: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the last lines, bounded, without the values of secrets.

    A line that the supervisor has cut is shown by its first part: the next one may begin in the
    middle of a value, which would not be recognised.
    """
    last: deque[str] = deque(maxlen=TAIL_LINES)
    is_cut = False
    for line in read_log(folder, 0, follow=False):
        if not is_cut:
            last.append(line.text)
        is_cut = line.text.endswith(CUT) and len(line.text.encode()) > LINE_BYTES
    values = tuple(secrets)
    return tuple(hide(text, values)[:TAIL_COLUMNS] for text in last)


def _parse(position: int, line: bytes) -> LogLine:
    stamp, _, text = line.decode("utf-8", "replace").partition(" ")
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        at, text = NO_TIME, line.decode("utf-8", "replace")
    return LogLine(position, at, text)
