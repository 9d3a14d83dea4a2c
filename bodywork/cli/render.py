"""Values → text: tables, JSON, YAML. Pure; every time is passed in."""

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bodywork.cli.columns import GAP, LEAST_ROOM, NARROW_GAP, Columns, fit_columns
from bodywork.cli.paper import escape_control, printable, printable_lines
from bodywork.cli.shortening import shorten
from bodywork.errors import Problem

REASON_WIDTH = 200
_LEFT_OUT = ": …: "
FRACTIONS_BELOW_SECONDS = 9.95  # from there on it would be rounded to 10.0s


def render_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    width: int | None = None,
    *,
    names: Sequence[str] = (),
    spare: Sequence[str] = (),
    wrap: bool = True,
) -> str:
    """Return aligned columns.

    Where they are wider than `width`, see `fit_columns`; where no table fits, each row becomes a
    block of lines.

    Args:
        headers, rows: what is in the table.
        width: of the screen; None for a file, where nothing is cut.
        names: headers of the columns that may be cut, their cells staying apart.
        spare: headers of the columns that may be left out, the least important first.
        wrap: whether the last column may take several lines; else it is cut.
    """
    lines = [list(headers), *([printable(cell) for cell in row] for row in rows)]
    if width is None or len(lines) == 1:
        return "\n".join(Columns(lines).render())
    places = list(headers).index
    columns = fit_columns(
        lines,
        width,
        names=[places(name) for name in names],
        spare=[places(name) for name in spare],
        wrap=wrap,
    )
    if columns is None:
        return _render_blocks(headers, lines[1:], width)
    return "\n".join(columns.render())


def _render_blocks(headers: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> str:
    size = max(len(header) for header in headers) + GAP
    return "\n\n".join(
        "\n".join(
            _hanging(header.ljust(size), cell, width)
            for header, cell in zip(headers, row, strict=True)
        )
        for row in rows
    )


def _hanging(name: str, text: str, width: int | None) -> str:
    """Return the text behind its name; further lines stand below its first one.

    Words are never broken: what is copied from a screen, such as a path, stays whole.
    """
    if width is None or len(name) + len(text) <= width:
        return f"{name}{text}".rstrip()
    room = max(LEAST_ROOM // 2, width - len(name))
    first, *more = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * len(name)}".join([f"{name}{first}", *more])


def render_json(value: Any) -> str:
    """Return indented JSON, harmless on a terminal."""
    return escape_control(json.dumps(value, indent=2, ensure_ascii=False))


def render_problems(problems: Iterable[Problem]) -> str:
    """Return one line a problem: where, what, and what to do."""
    return "\n".join(render_problem(problem) for problem in problems)


def render_problem(problem: Problem) -> str:
    """Return `file:line: [section] KEY: message`, and the hint on a line of its own."""
    line = f":{problem.line}" if problem.line else ""
    section = f"[{problem.section}] " if problem.section else ""
    key = f"{problem.key}: " if problem.key else ""
    kind = "warning" if problem.warning else "error"
    hint = f"\n  hint: {problem.hint}" if problem.hint else ""
    return printable_lines(f"{problem.file}{line}: {kind}: {section}{key}{problem.message}{hint}")


def render_duration(duration: timedelta) -> str:
    """Return `0.3s`, `42s`, `2m 05s`, `1h 02m`, `3d 04h`: two units at most."""
    exact = max(0.0, duration.total_seconds())
    if exact < FRACTIONS_BELOW_SECONDS:
        return f"{exact:.1f}s"
    seconds = int(exact)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {seconds:02}s" if minutes else f"{seconds}s"


def render_ago(moment: datetime, now: datetime) -> str:
    """Return how long ago that was."""
    gone = now - moment
    return "just now" if gone < timedelta(seconds=1) else f"{render_duration(gone)} ago"


def summarize(reason: str, width: int = REASON_WIDTH) -> str:
    """Return a reason in at most `width` characters: what failed, and its innermost cause.

    Errors of image pulls and of networks wrap one cause in another, outermost first.
    """
    if len(reason) <= width:
        return reason
    *outer, cause = reason.split(": ")
    cause = shorten(cause, width // 2)
    kept = ""
    for part in outer:
        longer = f"{kept}: {part}" if kept else part
        if len(longer) + len(cause) + len(_LEFT_OUT) > width:
            break
        kept = longer
    return f"{kept}{_LEFT_OUT}{cause}" if kept else shorten(reason, width)


def render_mapping(pairs: Mapping[str, str], width: int | None = None) -> str:
    """Return `name  value` lines, aligned; empty values are left out."""
    shown = {name: value for name, value in pairs.items() if value}
    size = max((len(name) for name in shown), default=0) + NARROW_GAP
    return "\n".join(
        _hanging(name.ljust(size), printable(value), width) for name, value in shown.items()
    )
