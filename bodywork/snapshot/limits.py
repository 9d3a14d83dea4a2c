"""How large a snapshot may be, and how its parts are called: both ends must agree on it."""

from itertools import takewhile
from pathlib import PurePosixPath

CHUNK_BYTES = 700 * 1024
"""Base64 makes a third more of it; an object of a cluster may have 1 MiB."""
LIMIT_BYTES = 8 << 20
"""Of the archive: it is kept by the cluster's own database, once for each run."""
UNPACKED_LIMIT_BYTES = 512 << 20
"""Of the files and the archive's own headers, 512 bytes at least for each file."""


def chunk_name(number: int) -> str:
    """Return the file name of a chunk, counted from 0."""
    return f"chunk-{number:04d}"


def leads_out(name: str, target: str) -> bool:
    """Say whether a link may lead out of the archive: one at `name` that holds `target`.

    Steps up are only taken first, from a folder that is known to be none by a link. After them each
    step goes down, at most through a link for which the same holds: so none is ever outside.
    """
    steps = PurePosixPath(target).parts
    ups = sum(1 for _ in takewhile(lambda step: step == "..", steps))
    depth = len(PurePosixPath(name).parts) - 1
    return not target or target.startswith("/") or ".." in steps[ups:] or ups > depth
