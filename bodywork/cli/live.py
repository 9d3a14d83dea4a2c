"""The progress of a run, shown live below its log, on a terminal.

Drawing has a thread of its own, and rich is loaded there, a moment after the run has begun: the
controller waits for neither, and a run that is over by then is never drawn. Lines and drawing share
a lock; whatever goes wrong with drawing ends the drawing, not the run.
"""

import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from bodywork.cli.paper import PlainPaper, printable_lines

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

    from bodywork.workflow.status import RunStatus, StageStatus
    from statemachine.checkpoint import Checkpoint

DELAY_SECONDS = 0.3
PER_SECOND = 4
PORTION_LINES = 200
NAME_WIDTH = 30
NOTE_WIDTH = 16
SHOW_CURSOR = "\x1b[?25h"
STYLES = {
    "running": "bold yellow",
    "starting": "yellow",
    "succeeded": "green",
    "reused": "cyan",
    "failed": "bold red",
    "lost": "bold red",
    "stopped": "red",
}


class LivePaper:
    """Lines above, the run's stages below; made by `open_paper`, used as a context."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._plain = PlainPaper(self._stream)
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._checkpoint: Checkpoint | None = None
        self._live: Live | None = None
        self._thread = threading.Thread(target=self._begin, name="live display", daemon=True)

    def __enter__(self) -> "LivePaper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def line(self, text: str) -> None:
        """Write a line above the display."""
        with self._lock:
            if self._live is None:
                self._plain.line(text)
            else:
                self._write_above(self._live, text)

    def block(self, lines: Iterable[str]) -> None:
        """Write lines in portions: the display below is drawn again after each."""
        rest = iter(lines)
        while portion := list(islice(rest, PORTION_LINES)):
            self.line("\n".join(portion))

    def observe(self, checkpoint: "Checkpoint") -> None:
        """Keep the newest checkpoint; it is read when the display is drawn next."""
        self._checkpoint = checkpoint

    def close(self) -> None:
        """Take the display away and give the terminal back; the last state stays as text."""
        self._ended.set()
        self._thread.join()
        with self._lock:
            if self._live is not None:
                with suppress(OSError):
                    self._live.stop()
                self._live = None

    def give_back(self) -> None:
        """Show the cursor again, at once and without waiting for anything."""
        try:
            self._stream.write(SHOW_CURSOR)
            self._stream.flush()
        except (OSError, ValueError):
            return

    def _begin(self) -> None:
        if self._ended.wait(DELAY_SECONDS):
            return
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._stream, highlight=False, markup=False, emoji=False)
        live = Live(
            get_renderable=lambda: self._draw(console),
            console=console,
            refresh_per_second=PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="ellipsis",
        )
        with self._lock:
            if self._ended.is_set() or not console.is_terminal:
                return
            live.start()
            self._live = live

    def _write_above(self, live: "Live", text: str) -> None:
        from rich.text import Text

        try:
            live.console.print(Text(printable_lines(text)), soft_wrap=True)
        except OSError:  # nobody looks any more
            self._live = None

    def _draw(self, console: "Console") -> "RenderableType":
        from rich.text import Text

        if self._checkpoint is None:
            return Text("")
        from bodywork.workflow.status import run_status

        try:
            return draw(run_status(self._checkpoint), datetime.now(UTC), console.height)
        except Exception as error:  # in rich's thread, where it would only print a traceback
            return Text(f"(no progress to show: {error})", style="dim")


def draw(status: "RunStatus", now: datetime, height: int) -> "RenderableType":
    """Return the run's stages in at most `height` lines of 80 columns."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from bodywork.cli.explain import stage_note, stage_time
    from bodywork.cli.render import render_duration, shorten
    from bodywork.workflow.summary import describe_stage

    table = Table.grid(padding=(0, 2), expand=False)
    for _ in range(5):
        table.add_column(no_wrap=True, overflow="ellipsis")
    for stage in _most_telling(status, max(1, height - 4)):
        word = describe_stage(stage)
        table.add_row(
            f"step {stage.step}" if stage.step else "after",
            shorten(stage.name, NAME_WIDTH),
            Text(word, style=STYLES.get(word, "dim")),
            stage_time(stage, now),
            shorten(stage_note(stage), NOTE_WIDTH),
        )
    title = Text(f"{status.run}  {render_duration(now - status.created_at)}", style="bold")
    return Group(title, table)


def _most_telling(status: "RunStatus", room: int) -> "list[StageStatus]":
    """Return the stages to show: all, or, where they are too many, those that go on first."""
    stages = [stage for stage in status.stages if stage.state != "unused"]
    if len(stages) <= room:
        return stages
    order = {"failed": 0, "lost": 0, "started": 1, "intended": 1, "waiting": 2}
    chosen = sorted(stages, key=lambda stage: order.get(stage.state, 3))[:room]
    return [stage for stage in stages if stage in chosen]
