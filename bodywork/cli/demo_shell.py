"""How the demonstration types: the real command line, in processes of its own, narrated.

It knows nothing of runs and engines, and must not: what it shows is what a person would see who
typed the same. Nothing of the user's own settings takes part.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bodywork.cli.paper import screen_width
from bodywork.errors import EngineError

BODYWORK = (sys.executable, "-P", "-m", "bodywork")
WIDTH = 80  # of commands that are broken into lines, where no screen says another one

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Shell:
    """A terminal in which `bodywork` is typed, on the local engine.

    Attributes:
        home: BODYWORK_HOME of what is typed.
        say: told each line.
    """

    home: Path
    say: Say

    def show(self, *words: str) -> None:
        """Run a command in front of the user.

        Raises:
            EngineError: it failed; its own output, shown by then, says why.
        """
        with self.start(*words) as (process, lines):
            for line in lines:
                self.say(line)
            code = process.wait()
        if code != 0:
            raise EngineError(f"`bodywork {words[0]}` failed, with exit code {code}")

    @contextmanager
    def start(self, *words: str) -> "Iterator[tuple[subprocess.Popen[str], Iterator[str]]]":
        """Type a command; yield its process, which ends with the block, and its lines."""
        for line in wrapped(("$ bodywork", *map(shlex.quote, words)), screen_width() or WIDTH):
            self.say(line)
        process = subprocess.Popen(
            [*BODYWORK, *words],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        with process:
            try:
                yield process, (line.rstrip("\n") for line in process.stdout or ())
            finally:
                if process.poll() is None:
                    process.kill()

    def quietly(self, *words: str) -> str:
        """Run a command unseen; return what it wrote, or "" where it failed."""
        done = subprocess.run(
            [*BODYWORK, *words],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else ""

    def ask(self, key: str, *words: str) -> list[dict[str, Any]]:
        """Return a list out of what a command says as JSON; an empty one where it failed."""
        return list(json.loads(self.quietly(*words, "-o", "json") or "{}").get(key, []))

    def git(self, folder: Path, *words: str) -> None:
        """Run git, unseen, without the user's identity, settings and hooks.

        Raises:
            EngineError: with git's own words.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(
            ["git", "-c", "user.name=demo", "-c", "user.email=demo@localhost", *words],
            cwd=folder,
            env={**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EngineError(f"git {words[0]} failed: {done.stderr.strip()}")

    def _environment(self) -> dict[str, str]:
        kept = {n: value for n, value in os.environ.items() if not n.startswith("BODYWORK_")}
        columns = screen_width()  # commands write into a pipe, and yet are read on our screen
        screen = {"BODYWORK_COLUMNS": str(columns)} if columns else {}
        own = {"BODYWORK_ENGINE": "local", "BODYWORK_HOME": str(self.home)}
        return {**kept, **screen, **own}


def wrapped(words: Sequence[str], width: int = WIDTH) -> list[str]:
    """Break a command into lines of a terminal's width, which can be pasted back."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) + len(" \\") > width:
            lines[-1] += " \\"
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {word}"
    return lines
