"""A real pseudo-terminal with a program on it, and an emulator that says what a person sees."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyte

BODYWORK = [sys.executable, "-m", "bodywork"]
PATIENCE_SECONDS = 60.0


class Screen(pyte.HistoryScreen):
    """A screen that remembers what scrolled away, and which lines were too long for it."""

    def __init__(self, columns: int, lines: int) -> None:
        self.wrapped: list[str] = []
        self._drawing = False
        super().__init__(columns, lines, history=100_000)

    def draw(self, data: str) -> None:
        self._drawing = True
        super().draw(data)
        self._drawing = False

    def linefeed(self) -> None:
        if self._drawing:  # the emulator itself goes on in the next line
            self.wrapped.append(self.display[self.cursor.y])
        super().linefeed()

    @property
    def visible(self) -> list[str]:
        """The lines on the screen, without blank ones at its end."""
        lines = [line.rstrip() for line in self.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def scrolled(self) -> list[str]:
        """The lines that have left the screen at its top."""
        return ["".join(line[x].data for x in range(self.columns)).rstrip() for line in self._top()]

    @property
    def everything(self) -> list[str]:
        """All that a person finds who scrolls back."""
        return [*self.scrolled, *self.visible]

    def _top(self) -> list[Any]:
        return list(self.history.top)


class Terminal:
    """A command that runs on a terminal of a certain size."""

    def __init__(
        self, words: Sequence[str], environ: Mapping[str, str], columns: int = 80, lines: int = 24
    ) -> None:
        self.screen = Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        own = {**os.environ, "TERM": "xterm-256color", **environ}
        for name in ("COLUMNS", "LINES"):
            own.pop(name, None)
        self.process = subprocess.Popen(
            [*BODYWORK, *words],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=own,
            start_new_session=True,
        )
        os.close(follower)

    def show(self, until: Callable[[Screen], bool] = lambda _: False) -> Screen:
        """Take in what the program writes until the screen shows that, or the program ends."""
        while not until(self.screen):
            ready, _, _ = select.select([self._leader], [], [], PATIENCE_SECONDS)
            assert ready, "\n".join(["nothing more came; the screen:", *self.screen.visible])
            try:
                portion = os.read(self._leader, 65536)
            except OSError:  # Linux says so when no program writes any more
                break
            if not portion:
                break
            self._stream.feed(portion)
        return self.screen

    def end(self) -> int:
        """Take in the rest, and return the exit code."""
        self.show()
        os.close(self._leader)
        return self.process.wait()
