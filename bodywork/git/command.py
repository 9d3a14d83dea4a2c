"""Runs git, and nothing but git: a clean environment, no questions, a time limit, no orphans.

It knows nothing of repositories or of what the output means.
"""

import contextlib
import logging
import os
import re
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bodywork.errors import SourceError
from bodywork.model.redaction import redact

LOG = logging.getLogger("bodywork.git")
# Fixed answers to what a surrounding config could otherwise make git do in our name. The user's
# own config still counts for the rest: credential helpers, proxies, certificates, URL rewriting.
SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.fsync=none",  # the clone does not outlive this process
    "core.logAllRefUpdates=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "advice.detachedHead=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
_KEPT = (
    "GIT_ASKPASS",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_VALUE_",
    "GIT_EXEC_PATH",
    "GIT_HTTP_",
    "GIT_PROXY_SSL_",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
    "GIT_SSL_VERSION",
)
_UNPRINTABLE = r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
_LONGEST = 2000
_TAIL = 200


class GitTimeout(Exception):
    """Git did not end in time, and was killed."""


class Ended(NamedTuple):
    """How a command of git ended, and the last lines that it wrote."""

    code: int
    lines: tuple[str, ...]


class Git:
    """Git, run in one folder with one environment until one deadline.

    `deadline` is in seconds of `time.monotonic`; `settings` come on top of `SETTINGS`.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        deadline: float,
        settings: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self._environment = environment
        self._deadline = deadline
        self._settings = settings

    def beside(
        self, folder: Path, environment: Mapping[str, str], settings: tuple[str, ...]
    ) -> "Git":
        """Return git in another folder, with the same deadline."""
        return Git(folder, environment, self._deadline, settings)

    def run(self, *arguments: str, say: Callable[[str], None], beside: Sequence[str] = ()) -> Ended:
        """Run a command and hand on its output line by line.

        `beside` is another command, run at the same time; its output comes first.

        Raises:
            GitTimeout: the deadline has passed.
            SourceError: there is no git.
        """
        lines: list[str] = []
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(self._started(beside)) if beside else None
            process = stack.enter_context(self._started(arguments))
            for line in _read_lines(first, self._deadline) if first else ():
                say(line)
            for line in _read_lines(process, self._deadline):
                lines = [*lines[1 - _TAIL :], line]
                say(line)
            code = process.wait()
        return Ended(code, tuple(lines))

    def read(self, *arguments: str) -> bytes:
        """Run a command that reads this clone only, and return what it wrote; b"" on failure."""
        with self._started(arguments, subprocess.DEVNULL) as process:
            written = b"".join(_read_chunks(process, self._deadline))
            code = process.wait()
        return written if code == 0 else b""

    @contextlib.contextmanager
    def _started(
        self,
        arguments: Sequence[str],
        stderr: int = subprocess.STDOUT,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start git in a session of its own: it and its children die with the context, and no
        terminal is there to ask a question on."""
        settings = [word for setting in (*SETTINGS, *self._settings) for word in ("-c", setting)]
        try:
            process = subprocess.Popen(
                ["git", *settings, *arguments],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError):
            raise SourceError(
                "git is not installed, or not on the PATH",
                hint="install it (https://git-scm.com/downloads), and check `git --version`",
            ) from None
        began = time.monotonic()
        try:
            yield process
        finally:
            _end(process)
            _log(arguments, process.returncode, time.monotonic() - began)


def build_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what git may see of the environment: no repository that surrounds us (GIT_DIR …),
    no command to run instead of ours, none of Bodywork's secrets; English, and no questions."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(("GIT_", "BODYWORK_")) or name.startswith(_KEPT)
    }
    return kept | {
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file:https:ssh",
        "SSH_ASKPASS_REQUIRE": "never",
    }


def _log(arguments: Sequence[str], code: int, seconds: float) -> None:
    """Record a command for people who look for a fault, without the passwords of addresses."""
    if LOG.isEnabledFor(logging.DEBUG):
        command = redact(shlex.join(["git", *arguments]))
        LOG.debug("%s: exit code %d, %d ms", command, code, seconds * 1000)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of git behind, its ssh or remote helper included."""
    with process:  # closes its pipes and reaps it
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


def _read_lines(process: subprocess.Popen[bytes], deadline: float) -> Iterator[str]:
    rest = b""
    for chunk in _read_chunks(process, deadline):
        *whole, rest = (rest + chunk).split(b"\n")
        rest = rest[-_LONGEST:]
        yield from map(_clean, whole)
    if rest:
        yield _clean(rest)


def _read_chunks(process: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
    """Yield what is written until nobody is left to write, git's own children included."""
    pipe = process.stdout.fileno() if process.stdout else -1
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise GitTimeout
        if not (chunk := os.read(pipe, 65536)):
            return
        yield chunk


def _clean(raw: bytes) -> str:
    """Keep what a progress line came to; a server writes part of this."""
    return clean_text(raw.rstrip(b"\r").rpartition(b"\r")[2])


def clean_text(raw: bytes) -> str:
    """Return foreign text (a server's line, a file's name) without what could steer a terminal."""
    return re.sub(_UNPRINTABLE, "", raw.decode("utf-8", "replace")).rstrip()[:_LONGEST]
