"""Waiting for something to happen in the cluster: by watch, never by asking again and again."""

import time
from collections.abc import Callable
from typing import Any

from bodywork.cluster import paths
from bodywork.cluster.client import Client
from tests.cluster.site import Site

Found = dict[str, Any]


def wait_for(
    site: Site,
    prefix: str,
    plural: str,
    wanted: Callable[[Found], bool],
    *,
    seconds: float = 120,
    selector: str = "",
) -> Found:
    """Return the first object of the namespace, such as `("apis/batch/v1", "jobs")`, that fits."""
    client = Client.connect(kubeconfig=site.cluster.kubeconfig)
    try:
        return _wait_for(
            client, paths.in_namespace(prefix, site.namespace, plural), wanted, seconds, selector
        )
    finally:
        client.close()


def _wait_for(
    client: Client, path: str, wanted: Callable[[Found], bool], seconds: float, selector: str
) -> Found:
    deadline = time.monotonic() + seconds
    found, version = client.list_all(path, label_selector=selector)
    for each in found:
        if wanted(each):
            return each
    while (left := deadline - time.monotonic()) > 0:
        for event in client.watch(
            path, version, label_selector=selector, timeout_seconds=max(1, int(left))
        ):
            version = str(event["object"]["metadata"]["resourceVersion"])
            if event["type"] in ("ADDED", "MODIFIED") and wanted(event["object"]):
                return dict(event["object"])
    raise AssertionError(f"nothing of {path} was as wanted within {seconds} s")
