"""What stdout is: a terminal of a certain size, on which a run's progress is shown, or a file."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bodywork.cli.paper import Paper, PlainPaper

if TYPE_CHECKING:
    from bodywork.cli.signals import Stop
    from bodywork.cli.wiring import Observer


@dataclass(frozen=True, slots=True)
class Room:
    """How many columns and lines there are."""

    columns: int
    lines: int


def drawable() -> bool:
    """Say whether stdout is a terminal on which a cursor can be moved."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def screen_room() -> Room:
    """Return the size of the terminal as it is now; 80 by 24 where it does not know."""
    size = shutil.get_terminal_size()
    return Room(size.columns, size.lines)


@contextmanager
def open_paper(stop: "Stop") -> Iterator[tuple[Paper, "Observer"]]:
    """Return what a run is written on, and who is told of its checkpoints.

    On a terminal, the run's progress is shown live below the lines.
    """
    if not drawable():
        yield PlainPaper(), lambda _: None
        return
    from bodywork.cli.live import LivePaper

    with LivePaper() as paper:
        stop.at_once = paper.give_back
        yield paper, paper.observe
