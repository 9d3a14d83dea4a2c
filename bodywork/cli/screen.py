"""Which paper a run is written on: plain lines, or a terminal with its progress below them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bodywork.cli.paper import Paper, PlainPaper

if TYPE_CHECKING:
    from bodywork.cli.signals import Stop
    from bodywork.cli.wiring import Observer


@contextmanager
def open_paper(stop: "Stop") -> Iterator[tuple[Paper, "Observer"]]:
    """Return what a run is written on, and who is told of its checkpoints.

    On a terminal, the run's progress is shown live below the lines.
    """
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield PlainPaper(), lambda _: None
        return
    from bodywork.cli.live import LivePaper

    with LivePaper() as paper:
        stop.at_once = paper.give_back
        yield paper, paper.observe
