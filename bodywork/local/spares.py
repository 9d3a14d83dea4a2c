"""Work trees of large projects, made ahead: a stage begins without waiting for its copy.

Each attempt has a copy of the whole project of its own, which nothing shares. While a stage runs,
the controller makes one more in a thread of its own, and the supervisor of the next attempt takes
it by renaming it. Where there is none, it makes its own.
"""

import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

from bodywork.local.supervisor import spare

LOG = logging.getLogger("bodywork.local")
LARGE_FILES = 300
LARGE_BYTES = 32 << 20
"""A project of fewer files and bytes is copied in a few milliseconds."""
ROOM_BYTES = 1 << 30
"""So much room stays on the disk, and the size of the project once more."""
MOST = 2
"""One may be waiting for an attempt that has just been started, and has not taken it yet."""


class Spares:
    """The spare copies that one controller makes, one at a time."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._wanted = threading.Event()
        self._small: set[Path] = set()

    def prepare(self, source: Path) -> None:
        """See to it that there will be a spare copy of a source; do not wait for it."""
        if source in self._small or (self._thread is not None and self._thread.is_alive()):
            return
        self._wanted.set()
        self._thread = threading.Thread(
            target=self._make, args=(source,), name="spare work tree", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Make none any more, and leave nothing half made."""
        self._wanted.clear()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _make(self, source: Path) -> None:
        with suppress(OSError):  # a copy less: the next attempt makes its own
            count, size = _measure(source)
            if count < LARGE_FILES and size < LARGE_BYTES:
                self._small.add(source)
                return
            disk = os.statvfs(source)
            if disk.f_bavail * disk.f_frsize < 2 * size + ROOM_BYTES:
                return
            if len(spare.find(str(source))) >= MOST:
                return
            spare.make(str(source), self._wanted.is_set)
            LOG.debug("one more copy of the project is ready: %d files", count)


def _measure(folder: Path) -> tuple[int, int]:
    """Return how many entries a tree has, and how many bytes."""
    count = size = 0
    for place, folders, files in os.walk(folder):
        count += len(folders) + len(files)
        size += sum(os.lstat(os.path.join(place, name)).st_size for name in files)
    return count, size
