"""Values → text: tables, JSON, YAML. Pure; every time is passed in."""

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bodywork.cli.paper import printable, printable_lines
from bodywork.errors import Problem

GAP = 3
LEAST_ROOM = 24
ELLIPSIS = "…"
REASON_WIDTH = 200
_LEFT_OUT = ": …: "
FRACTIONS_BELOW_SECONDS = 9.95  # from there on it would be rounded to 10.0s


def render_table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], width: int | None = None
) -> str:
    """Return aligned columns.

    Where they are wider than `width`, the last column is wrapped; where that leaves it too little
    room, each row becomes a block of lines.
    """
    lines = [list(headers), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    total = sum(widths) + GAP * (len(widths) - 1)
    if width is not None and total > width and len(lines) > 1:
        room = width - (total - widths[-1])
        if room < LEAST_ROOM:
            return _render_blocks(headers, lines[1:])
        lines = [part for line in lines for part in _wrapped(line, room)]
    return "\n".join(
        (" " * GAP).join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _wrapped(line: list[str], room: int) -> list[list[str]]:
    """Return the line with its last cell over as many lines as it takes."""
    first, *more = textwrap.wrap(line[-1], room) or [""]
    return [[*line[:-1], first], *([*[""] * (len(line) - 1), part] for part in more)]


def _render_blocks(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    size = max(len(header) for header in headers)
    return "\n\n".join(
        "\n".join(
            f"{header.ljust(size)}{' ' * GAP}{cell}".rstrip()
            for header, cell in zip(headers, row, strict=True)
        )
        for row in rows
    )


def render_json(value: Any) -> str:
    """Return indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)


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


def shorten(text: str, width: int) -> str:
    """Return the text, cut at the end where it is longer than `width`."""
    return text if len(text) <= width else text[: max(0, width - 1)] + ELLIPSIS


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


def render_mapping(pairs: Mapping[str, str]) -> str:
    """Return `name  value` lines, aligned; empty values are left out."""
    shown = {name: value for name, value in pairs.items() if value}
    size = max((len(name) for name in shown), default=0)
    return "\n".join(f"{name.ljust(size)}  {printable(value)}" for name, value in shown.items())
