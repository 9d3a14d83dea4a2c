"""Lets a version that was replaced answer what it was asked, before it is ended.

On a cluster the pod's `preStop` does this. Here the system says which connections there are.
"""

import time

from bodywork.local.network import listeners
from bodywork.local.network.addresses import Endpoint

DRAIN_SECONDS = 2.0
"""How long connections are waited for at most, as on a cluster."""
LEAST_SECONDS = 0.05
"""For a client that has looked the name up just before, and connects just now."""
LOOK_SECONDS = 0.02


def drain(endpoint: Endpoint) -> None:
    """Return when nobody is connected to the endpoint any more, or after `DRAIN_SECONDS`.

    Where connections cannot be seen (there is no /proc), after `LEAST_SECONDS`.
    """
    deadline = time.monotonic() + DRAIN_SECONDS
    time.sleep(LEAST_SECONDS)
    while (
        listeners.is_connected(endpoint.address, endpoint.real_port) and time.monotonic() < deadline
    ):
        time.sleep(LOOK_SECONDS)
