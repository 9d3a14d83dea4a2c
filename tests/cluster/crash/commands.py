"""Command lines that start at once: the side that asks for them (see `forks`)."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.site import ROOT, Said

WAIT_SECONDS = 300.0
KILLED = -signal.SIGKILL


class CommandLines:
    """Starts command lines until it is closed."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="commands-")
        self._socket = str(Path(self._folder.name) / "s")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.crash.forks", self._socket],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline(), "it did not start; see stderr"
        self._lock = threading.Lock()
        self._number = 0

    def begin(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> "Command":
        """Start a command line and return without waiting for it."""
        with self._lock:
            self._number += 1
            stem = Path(self._folder.name) / str(self._number)
        return Command(self._socket, arguments, environment, stem)

    def close(self) -> None:
        """End the server; commands that still run go on."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()
        self._folder.cleanup()


class Command:
    """One that was started.

    Attributes:
        process: its id.
    """

    def __init__(
        self, door: str, arguments: tuple[str, ...], environment: Mapping[str, str], stem: Path
    ) -> None:
        self.arguments = arguments
        self._out, self._err = stem.with_suffix(".out"), stem.with_suffix(".err")
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(door)
        order = {
            "arguments": arguments,
            "environment": dict(environment),
            "folder": str(stem.parent),
            "out": str(self._out),
            "err": str(self._err),
        }
        self._connection.sendall(json.dumps(order).encode() + b"\n")
        self._told = self._connection.makefile()
        self.process = int(self._told.readline())
        self._said: Said | None = None

    def wait(self) -> Said:
        """Return how it ended, with exit code -9 where it was killed.

        Raises:
            TimeoutError: it has not ended for minutes; then it is killed.
        """
        if self._said is None:
            self._connection.settimeout(WAIT_SECONDS)
            try:
                code = int(self._told.readline())
            except TimeoutError:
                os.kill(self.process, signal.SIGKILL)
                raise
            self._said = Said(code, self._read(self._out), self._read(self._err))
            self._connection.close()
            self._told.close()
        return self._said

    def end(self) -> None:
        """Kill it, unless it has ended."""
        if self._said is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL)
            self.wait()

    def _read(self, file: Path) -> str:
        text = file.read_text() if file.exists() else ""
        file.unlink(missing_ok=True)
        return text
