"""Keeps the Job of a schedule from ending by its deadline, for as long as its controller works.

The deadline that a schedule gives its Jobs (`PENDING_SECONDS`) is for controllers that never start:
their Job would hold back all later ticks. So a controller that has started raises the deadline of
its own Job, at once and then regularly; where that stops, because the process is gone or hangs, or
because the pod that replaces it cannot start, Kubernetes ends the Job.

The new deadline is the one that was found at the start, plus `PENDING_SECONDS`, plus the time that
went by here since. So no clocks are compared, to send it twice does no harm, and after an outage
the next renewal makes good for those that were missed.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.cron_manifests import PENDING_SECONDS
from bodywork.errors import BodyworkError, NotFound
from bodywork.model.names import Namespace

RENEW_SECONDS = 300.0
RETRY_SECONDS = 15.0
"""How long after a renewal that failed the next one is tried."""
HANG_SECONDS = 3600.0
"""A controller that was not heard of for so long hangs, and its deadline is not renewed."""

Found = dict[str, Any]
Wait = Callable[[threading.Event, float], object]


class Watchdog:
    """Raises a Job's deadline from a thread of its own, while the context lasts.

    Nothing that fails here ends the run: a renewal that fails is tried again.

    Args:
        client: the cluster; it must give up soon (a thread has time, a lock has not).
        namespace, job: where the controller runs.
        clock: seconds that only grow.
        wait: pauses until the event is set or the seconds have passed.
    """

    def __init__(
        self,
        client: Client,
        namespace: Namespace,
        job: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = threading.Event.wait,
    ) -> None:
        self._client = client
        self._path = paths.job(namespace, job)
        self._clock = clock
        self._wait = wait
        self._began = self._heard = clock()
        self._found: Found | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep_on, name="watchdog", daemon=True)

    def __enter__(self) -> "Watchdog":
        """Begin to renew."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop renewing; nobody waits for a request that is on its way."""
        self._closed.set()

    def heartbeat(self) -> None:
        """Hear that the controller goes on."""
        self._heard = self._clock()

    def _keep_on(self) -> None:
        while not self._closed.is_set():
            pause = RENEW_SECONDS
            try:
                if not self._renew():
                    return
            except NotFound:
                return
            except BodyworkError:
                pause = RETRY_SECONDS
            self._wait(self._closed, pause)

    def _renew(self) -> bool:
        """Raise the deadline; return whether to go on with that. Raises as `Client`."""
        now = self._clock()
        if now - self._heard > HANG_SECONDS:
            return True  # it may wake up
        job = self._found or self._client.get(self._path)
        self._found = job
        if labels.CRONJOB not in (job["metadata"].get("labels") or {}):
            return False
        change: Found = {"metadata": {"annotations": {labels.STARTED: "true"}}}
        first = job["spec"].get("activeDeadlineSeconds")
        if first is not None:
            deadline = int(first) + PENDING_SECONDS + int(now - self._began)
            change["spec"] = {"activeDeadlineSeconds": deadline}
        self._client.patch(self._path, change)
        return first is not None
