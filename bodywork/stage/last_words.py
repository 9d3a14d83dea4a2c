"""The end of a stage's output, for whoever asks why it failed: without the values of its secrets.

Kubernetes would copy the end of the log into the pod's status, and so into records, as it is. Where
a stage has secrets, that is told not to happen, and this module writes the message instead.

https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
"""

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import IO

TERMINATION_LOG = Path("/dev/termination-log")
KEPT_BYTES = 4 << 10
"""As much as Kubernetes takes; no mask is longer than what it stands for."""
_CHUNK = 64 << 10
_LAST_SECONDS = 1.0
"""How long output may still arrive when the script has ended: what it left running may hold on."""


class Recorder:
    """Passes a program's output on, and keeps its end."""

    def __init__(self) -> None:
        self._end = b""
        self._thread: threading.Thread | None = None

    def listen(self, pipe: IO[bytes]) -> None:
        """Pass on what comes out of a pipe, in a thread of its own; close it at its end."""
        self._thread = threading.Thread(target=self._pass_on, args=(pipe,), daemon=True)
        self._thread.start()

    def end(self) -> str:
        """Return the last lines, when the program has ended."""
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS)
        text = self._end.decode("utf-8", "surrogateescape")  # as the variables have it
        cut = len(self._end) >= KEPT_BYTES
        return text.partition("\n")[2] if cut else text

    def _pass_on(self, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := os.read(pipe.fileno(), _CHUNK):
                self._end = (self._end + chunk)[-KEPT_BYTES:]
                with contextlib.suppress(OSError):  # nobody reads it: the script goes on
                    _write_all(sys.stdout.fileno(), chunk)


def write_message(text: str, place: Path) -> None:
    """Write the message of this container's end; where there is no place for it, do nothing."""
    if not place.is_file():
        return
    try:
        raw = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()
        place.write_bytes(raw[-KEPT_BYTES:])
    except OSError:
        return  # it is for convenience; the log has it all


def _write_all(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
