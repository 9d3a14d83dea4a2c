"""The lines of a container's log, each with its place in it: reading can go on after a line.

The kubelet gives a log by its time stamps alone, and only what is in its newest file: when that has
grown to `containerLogMaxSize`, it begins a new one. So a line's number says nothing to whoever asks
again, and its place is its stamp: nanoseconds since 1970, and how many lines before it have the
same one. Places grow from line to line, also where the clock of the node was set back.
https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from bodywork.cluster.client import Client
from bodywork.execution.lines import LINE_BYTES, last_state
from bodywork.model.run import LogLine

LIMIT_BYTES = 16 << 20
"""How much one answer may bring, so that a line without an end fills no memory."""
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
LEFT_OUT = "(the stage printed too much within a second; some of its log is left out)"
_STAMP = re.compile(
    rb"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9})\d*)?"
    rb"(?P<zone>Z|[+-]\d\d:\d\d)(?: |$)"
)
_EQUAL_BITS = 16
_SECOND = 10**9 << _EQUAL_BITS


def read_on(
    client: Client, path: str, container: str, after: int, *, follow: bool
) -> Iterator[LogLine]:
    """Yield the lines after that place; with `follow`, as long as the kubelet streams them.

    Raises as `Client.stream`.
    """
    query = {"container": container, "timestamps": "true", "limitBytes": str(LIMIT_BYTES)}
    if follow:
        query["follow"] = "true"
    while True:
        before, answer = after, _Answer(client.stream(path, query | _since(after)))
        for line in _place(answer, after):
            after = line.position
            yield line
        if not answer.is_cut:
            return
        if after == before:
            after = (after // _SECOND + 1) * _SECOND
            yield LogLine(after, NO_TIME, LEFT_OUT)


class _Answer:
    """The whole lines of an answer of at most `LIMIT_BYTES`; of one alone, its beginning."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.is_cut = False
        self._lines = lines

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for line in self._lines:
            is_first = size == 0
            size += len(line) + 1
            self.is_cut = size >= LIMIT_BYTES
            if is_first or size <= LIMIT_BYTES:
                yield line


def _since(after: int) -> dict[str, str]:
    """Return what to ask for. It is in whole seconds: what was before within one comes again."""
    if not after:
        return {}
    moment = datetime.fromtimestamp(after // _SECOND, UTC)
    return {"sinceTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _place(lines: Iterable[bytes], after: int) -> Iterator[LogLine]:
    """Yield the lines that come after that place; what has no stamp is the kubelet's own word."""
    place = 0
    for raw in lines:
        match = _STAMP.match(raw[:LINE_BYTES])
        at = _moment(match) if match else None
        if match is None or at is None:
            yield LogLine(max(place, after), NO_TIME, _text(raw))
            continue
        fraction = int((match["fraction"] or b"").ljust(9, b"0"))
        place = max(int(at.timestamp()) * _SECOND + (fraction << _EQUAL_BITS), place + 1)
        if place > after:
            at = at.replace(microsecond=fraction // 1000)
            yield LogLine(place, at, _text(raw[match.end() :]))


def _moment(match: re.Match[bytes]) -> datetime | None:
    try:
        return datetime.fromisoformat((match["second"] + match["zone"]).decode()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _text(raw: bytes) -> str:
    return last_state(raw)[:LINE_BYTES].decode("utf-8", "replace")
