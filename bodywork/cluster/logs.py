"""The logs of stages, as the kubelet keeps them: best effort, and never what progress waits for.

A line's position is its number in the log, so reading can go on where it stopped, also after a
resume. When the stream breaks it is begun anew, and what was already passed on is skipped.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bodywork.cluster import paths
from bodywork.cluster.client import Client
from bodywork.cluster.manifests import CONTAINER
from bodywork.errors import EngineError, EngineUnavailable, NotFound
from bodywork.model.names import Namespace
from bodywork.model.run import LogLine

Found = dict[str, Any]

LIMIT_BYTES = 16 << 20
LINE_BYTES = 64 << 10
NO_LOG = ("is waiting to start", "is terminated", "is not available", "not found")
"""What the kubelet answers about a container that never ran: it has no log."""
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def read_pod_log(
    client: Client, namespace: Namespace, pod: str, after: int, *, follow: bool
) -> Iterator[LogLine]:
    """Yield the lines of a pod's log after that position; with `follow`, as long as it streams."""
    query = {"container": CONTAINER, "timestamps": "true", "limitBytes": str(LIMIT_BYTES)}
    if follow:
        query |= {"follow": "true"}
    try:
        for number, raw in enumerate(client.stream(paths.pod_log(namespace, pod), query), 1):
            if number > after:
                yield _parse(number, raw[:LINE_BYTES])
    except (EngineUnavailable, NotFound):
        return
    except EngineError as error:
        if not any(words in error.message for words in NO_LOG):
            yield LogLine(after + 1, NO_TIME, f"(the log cannot be read: {error.message})")


def _parse(position: int, raw: bytes) -> LogLine:
    stamp, _, text = raw.decode("utf-8", "replace").partition(" ")
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        at, text = NO_TIME, raw.decode("utf-8", "replace")
    return LogLine(position, at, text.rstrip("\r"))
