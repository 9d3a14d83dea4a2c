"""`bodywork status --watch`: the same view again and again, until there is nothing more to see."""

import sys
import time
from collections.abc import Callable
from typing import Protocol

import click

LOOK_SECONDS = 0.5
_HOME_AND_CLEAR = "\x1b[H\x1b[2J"


class Renewed(Protocol):
    """What can be looked at again."""

    ended: bool

    def render(self) -> str:
        """Look now, and return the text."""
        ...


def watch(view: Renewed, sleep: Callable[[float], None] = time.sleep) -> None:
    """Show the view until its run has ended, or until Ctrl-C.

    A terminal shows the newest state only; elsewhere each change is written below the last one.
    """
    live = sys.stdout.isatty()
    shown = ""
    try:
        while True:
            text = view.render()
            if text != shown:
                click.echo(f"{_HOME_AND_CLEAR}{text}" if live else text)
                shown = text
            if view.ended:
                return
            sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        return  # that is how one stops watching
