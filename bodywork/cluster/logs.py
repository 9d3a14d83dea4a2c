"""The logs of stages, as the kubelet keeps them: best effort, and never what progress waits for.

When the stream breaks it is begun anew after the last line that was passed on (`stamps`), also
where the log was rotated meanwhile.
"""

from collections.abc import Iterator

from bodywork.cluster import paths
from bodywork.cluster.client import Client
from bodywork.cluster.manifests import CONTAINER
from bodywork.cluster.stamps import NO_TIME, read_on
from bodywork.errors import EngineError, EngineUnavailable, NotFound
from bodywork.model.names import Namespace
from bodywork.model.run import LogLine

NO_LOG = ("is waiting to start", "is terminated", "is not available", "not found")
"""What the kubelet answers about a container that never ran: it has no log."""


def read_pod_log(
    client: Client, namespace: Namespace, pod: str, after: int, *, follow: bool
) -> Iterator[LogLine]:
    """Yield the lines of a pod's log after that position; with `follow`, as long as it streams."""
    try:
        for line in read_on(client, paths.pod_log(namespace, pod), CONTAINER, after, follow=follow):
            after = line.position
            yield line
    except (EngineUnavailable, NotFound):
        return
    except EngineError as error:
        if not any(words in error.message for words in NO_LOG):
            yield LogLine(after, NO_TIME, f"(the log cannot be read: {error.message})")
