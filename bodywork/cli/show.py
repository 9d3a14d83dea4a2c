"""One look at a namespace's runs, or at one of them, in the form that was asked for."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from bodywork.cli import advice, wiring
from bodywork.cli.exits import tell
from bodywork.cli.explain import render_run, render_runs
from bodywork.cli.heads import find_head
from bodywork.cli.not_begun import document_not_begun, find_not_begun, tell_not_begun
from bodywork.cli.paper import screen_width
from bodywork.cli.render import render_json
from bodywork.cli.screen import Room, drawable
from bodywork.cli.shortening import shorten
from bodywork.cli.wiring import Place
from bodywork.errors import EngineError, UsageError
from bodywork.workflow.status import SCHEMA, RunStatus, document
from statemachine.errors import StoreFull

if TYPE_CHECKING:
    from bodywork.cluster.cron_manifests import Tick

MOST_NAMES = 6
LEAST_ROWS = 4
"""How many lines a table has, in the smallest room, besides its header."""


@dataclass
class View:
    """What `bodywork status` was asked to show.

    Attributes:
        ended: whether the run that was looked at last had ended; nothing more will change.
        tell: told, once each, of what cannot be shown.
    """

    place: Place
    run: str
    form: str
    everywhere: bool = False
    ended: bool = False
    tell: Callable[..., None] = tell
    _told: set[str] = field(default_factory=set)
    _statuses: list[RunStatus] = field(default_factory=list)
    _not_begun: "Sequence[Tick]" = ()
    _newer: str = ""

    def look(self) -> None:
        """Read what is on record now. Raises as `load_run`."""
        if self.run:
            self._statuses = [wiring.status_of(self.place, self.run)]
            self.ended = self._statuses[0].ended
            self._newer = _newer(self._statuses[0]) if self.ended else ""
        else:
            self._statuses = list(self._list())
            if not self.everywhere:
                begun = {status.run for status in self._statuses}
                self._not_begun = find_not_begun(self.place, begun)
                self._tell_not_begun()

    def _list(self) -> Iterator[RunStatus]:
        if not self.everywhere:
            yield from wiring.list_statuses(self.place, self._unreadable)
            return
        left_out = []
        for place in wiring.all_places(self.place):
            try:
                yield from wiring.list_statuses(place, self._unreadable)
            except (EngineError, StoreFull):  # final refusals: we may not look there
                left_out.append(place.namespace)
        if left_out:
            names = ", ".join(left_out[:MOST_NAMES])
            more = ", …" if len(left_out) > MOST_NAMES else ""
            text = f"left out, as you may not list their runs: {names}{more}"
            self._tell_once(text, label="note")

    def render(self, room: Room | None = None) -> str:
        """Return the text of the last look: all of it, or what goes into the room."""
        if self.form == "mermaid":
            return self._diagram()
        if self.form != "table":
            return self._data()
        now = datetime.now(UTC)
        if room is None:
            return self._table(now, screen_width(), None)
        text = self._table(now, room.columns, None)
        if (excess := text.count("\n") + 1 - room.lines) > 0:
            rows = len(self._statuses[0].stages if self.run else self._statuses)
            text = self._table(now, room.columns, max(LEAST_ROWS, rows - excess))
        return _cropped(text, room)

    def _table(self, now: datetime, width: int | None, most: int | None) -> str:
        if self.run:
            return render_run(self._statuses[0], now, self._advise, width, self._newer, most)
        if not self._statuses and self.everywhere:
            return "no runs in any namespace yet"
        if not self._statuses:
            begin = self._advise("workflow", "GIT_REPO_URL", "GIT_REPO_BRANCH")
            return f"no runs in namespace {self.place.namespace} yet\nbegin one: {begin}"
        return render_runs(self._statuses, now, width, most, self.everywhere)

    def _document(self) -> Any:
        if self.run:
            return document(self._statuses[0])
        return {
            "schema": SCHEMA,
            "namespace": None if self.everywhere else self.place.namespace,
            "runs": [document(status) for status in self._statuses],
            "not_begun": document_not_begun(self._not_begun),
        }

    def _data(self) -> str:
        value = self._document()
        if self.form == "json":
            return render_json(value)
        from bodywork.cli.yaml import render_yaml

        return render_yaml(value)

    def _diagram(self) -> str:
        if not self.run:
            raise UsageError("-o mermaid needs a RUN", hint="`bodywork status` lists them")
        from bodywork.workflow.execute import definition_of
        from statemachine.machine import render_mermaid

        checkpoint = wiring.load_run(self.place, self.run)
        return render_mermaid(definition_of(checkpoint.data), checkpoint).rstrip("\n")

    def _advise(self, *words: str) -> str:
        return advice.command(self.place, *words, environ=os.environ)

    def _unreadable(self, message: str) -> None:
        hint = "`bodywork status RUN` says what to do about it"
        self._tell_once(message, hint, label="warning")

    def _tell_once(self, message: str, *hints: str, label: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self.tell(message, *hints, label=label)

    def _tell_not_begun(self) -> None:
        for tick in self._not_begun if self.form == "table" else ():
            tell_not_begun(tick, self._tell_once)


def _newer(status: RunStatus) -> str:
    """Return how many commits the run's branch has got since, where it is a folder here."""
    head = find_head(status.repository, status.reference, status.commit)
    return f", {head.describe_newer()}" if head and head.newer else ""


def keep_watching(view: View) -> None:
    """Show the view until its run has ended: in place on a terminal, else change by change."""
    from bodywork.cli.watch import watch, watch_on_screen

    if not drawable() or view.form != "table":
        watch(view)
        return
    later: list[Callable[[], None]] = []  # beside a drawing it would be drawn over
    view.tell = lambda *texts, label: later.append(partial(tell, *texts, label=label))
    watch_on_screen(view)
    for tell_now in later:
        tell_now()


def _cropped(text: str, room: Room) -> str:
    """Return the text with no line that wraps, and none that would scroll the first one away."""
    lines = [shorten(line, room.columns) for line in text.splitlines()]
    if len(lines) > room.lines:
        lines[room.lines - 1 :] = ["…"]
    return "\n".join(lines)
