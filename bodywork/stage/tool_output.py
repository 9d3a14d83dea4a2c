"""What installers print, line by line, without secrets: an index's address may hold a password."""

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Collection
from types import TracebackType
from typing import IO

from bodywork.execution.python_environment import KEPT_LINES
from bodywork.model.redaction import hide_bytes

_LONGEST_LINE = 1 << 20
_LAST_SECONDS = 1.0
"""How long output may still arrive when the tool has ended: what it left running may hold on."""


class ToolOutput:
    """Passes the output of one tool on; its context ends when all of it has been.

    Args:
        values: of the secrets that the tool is given.
    """

    def __init__(self, values: Collection[str]) -> None:
        self._values = values
        self._last: deque[bytes] = deque(maxlen=KEPT_LINES)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "ToolOutput":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS)

    def listen(self, pipe: IO[bytes]) -> None:
        """Pass on what comes out of a pipe, in a thread of its own; close it at its end."""
        self._thread = threading.Thread(target=self._pass_on, args=(pipe,), daemon=True)
        self._thread.start()

    def end(self) -> str:
        """Return the last lines, as the tool printed them."""
        return b"".join(tuple(self._last)).decode("utf-8", "replace")

    def _pass_on(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(_LONGEST_LINE):
                self._last.append(line)
                with contextlib.suppress(OSError):  # nobody reads it: the tool goes on
                    left = memoryview(hide_bytes(line, self._values))
                    while left:
                        left = left[os.write(sys.stdout.fileno(), left) :]
