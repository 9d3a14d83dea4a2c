"""The progress of a run, shown live below its log, on a terminal.

Drawing has a thread of its own, and rich is loaded there, a moment after the run has begun: the
controller waits for neither, and a run that is over by then is never drawn. Lines and drawing share
a lock; whatever goes wrong with drawing ends the drawing, not the run.
"""

import sys
import threading
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from bodywork.cli.paper import PlainPaper, printable, printable_lines
from bodywork.cli.standard_streams import screen_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.text import Text

    from bodywork.workflow.status import RunStatus, StageStatus
    from statemachine.checkpoint import Checkpoint

DELAY_SECONDS = 0.3
PER_SECOND = 4
PORTION_LINES = 200
LEAST_LINES = 4
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

    @property
    def columns(self) -> int | None:
        """See `Paper`."""
        return self._plain.columns

    def line(self, text: str) -> None:
        """Write a line above the display."""
        with self._lock:
            if self._live is None:
                self._plain.line(text)
            else:
                self._write_above(self._live, text)

    def block(self, lines: Collection[str]) -> None:
        """Write lines that belong together."""
        self.pass_on(lines)

    def pass_on(self, lines: Iterable[str]) -> None:
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
            screen = screen_of(self._stream)
            screen.write(SHOW_CURSOR)
            screen.flush()
        except (OSError, ValueError):
            return

    def _begin(self) -> None:
        if self._ended.wait(DELAY_SECONDS):
            return
        from rich.console import Console
        from rich.live import Live

        console = Console(file=screen_of(self._stream), highlight=False, markup=False, emoji=False)
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
            now = datetime.now(UTC)
            return draw(run_status(self._checkpoint), now, console.width, console.height)
        except Exception as error:  # in rich's thread, where it would only print a traceback
            return Text(f"(no progress to show: {error})", style="dim")


def draw(status: "RunStatus", now: datetime, width: int, height: int) -> "RenderableType":
    """Return the run's stages in at most half of a screen's lines, none of which wraps."""
    from rich.console import Group
    from rich.text import Text

    from bodywork.cli.folding import fold
    from bodywork.cli.render import render_duration
    from bodywork.cli.shortening import shorten

    folded = fold(status.stages, max(LEAST_LINES, height // 2) - 1)
    took = render_duration(now - status.created_at)
    title = shorten(f"{shorten(status.run, max(1, width - len(took) - 2))}  {took}", width)
    others = [Text(shorten(f"  {folded.others}", width), style="dim")] if folded.others else []
    return Group(Text(title, style="bold"), *_rows(folded.shown, now, width), *others)


def _rows(stages: "Sequence[StageStatus]", now: datetime, width: int) -> "list[Text]":
    """Return a line for each stage: names keep apart, and have what room there is."""
    from rich.text import Text

    from bodywork.cli.columns import Columns, fit_columns
    from bodywork.cli.explain import stage_note, stage_time
    from bodywork.cli.shortening import shorten
    from bodywork.workflow.summary import describe_stage

    cells = [
        [
            f"step {stage.step}" if stage.step else "after",
            stage.name,
            describe_stage(stage),
            stage_time(stage, now),
            shorten(printable(stage_note(stage)), NOTE_WIDTH),
        ]
        for stage in stages
    ]
    if not cells:
        return []
    columns = fit_columns(cells, width, names=[1], wrap=False) or Columns(cells)
    begin = sum(columns.widths[:2]) + 2 * columns.gap
    lines = []
    for cell, text in zip(columns.lines, columns.render(), strict=True):
        line = Text(shorten(text, width))
        line.stylize(STYLES.get(cell[2], "dim"), begin, begin + len(cell[2]))
        lines.append(line)
    return lines
