"""Deleting what was read and is unchanged, and nothing else."""

from collections.abc import Callable
from typing import Any

from bodywork.cluster.client import Client
from bodywork.cluster.errors import Conflict
from bodywork.errors import NotFound

Found = dict[str, Any]


def delete_exactly(client: Client, path: Callable[[str, str], str], found: Found) -> bool:
    """Delete exactly the object that was read; return False where it has changed or is gone.

    Args:
        path: gives the path of an object of this kind for its namespace and name.
        found: the object, as a GET or LIST has answered just now.
    """
    seen = found["metadata"]
    try:
        place = path(seen["namespace"], seen["name"])
        client.delete(place, uid=seen["uid"], version=seen["resourceVersion"])
    except (Conflict, NotFound):
        return False
    return True
