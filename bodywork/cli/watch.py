"""`bodywork status --watch`: the same view again and again, until there is nothing more to see."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import click

from bodywork.cli.paper import printable
from bodywork.cli.screen import Room, screen_room
from bodywork.cli.signals import stop_on_signals
from bodywork.cli.standard_streams import reader_is_gone, screen_of
from statemachine.errors import Interrupted

LOOK_SECONDS = 0.5
# The alternate screen, without a cursor and without lines that wrap; and all of it undone, which
# empties the screen of a terminal that has no other one.
_BEGIN = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
_END = "\x1b[H\x1b[2J\x1b[?7h\x1b[?25h\x1b[?1049l"


class Renewed(Protocol):
    """What can be looked at again."""

    ended: bool

    def look(self) -> None:
        """Look now."""
        ...

    def render(self, room: Room | None = None) -> str:
        """Return the text of the last look: all of it, or what goes into the room."""
        ...


def watch(view: Renewed, sleep: Callable[[float], None] = time.sleep) -> None:
    """Write the view, and each change below the last one, until its run has ended or Ctrl-C."""
    shown = ""
    try:
        while True:
            view.look()
            if (text := view.render()) != shown:
                click.echo(text)
                shown = text
            if view.ended or reader_is_gone():
                return
            sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        return  # that is how one stops watching


def watch_on_screen(view: Renewed, sleep: Callable[[float], None] = time.sleep) -> None:
    """Draw the view in place on a terminal, until its run has ended or a signal; leave one copy."""
    drawn = False
    try:
        with stop_on_signals() as stop, _screen():
            stop.at_once = _leave
            while True:
                view.look()
                _draw(view)
                drawn = True
                # stop(): a library may have swallowed the exception
                if view.ended or reader_is_gone() or stop():
                    break
                sleep(LOOK_SECONDS)
    except Interrupted:
        pass  # that is how one stops watching
    if drawn:
        click.echo(view.render())


@contextmanager
def _screen() -> Iterator[None]:
    _write(_BEGIN)
    try:
        yield
    finally:
        _leave()


def _leave() -> None:
    _write(_END)


def _draw(view: Renewed) -> None:
    """Write each line at its place: nothing scrolls, whatever stood there before."""
    room = screen_room()
    lines = view.render(room).splitlines()
    lines = [*map(printable, lines), *[""] * (room.lines - len(lines))]
    _write("".join(f"\x1b[{row};1H\x1b[2K{line}" for row, line in enumerate(lines, start=1)))


def _write(text: str) -> None:
    screen = screen_of(sys.stdout)
    screen.write(text)
    screen.flush()
