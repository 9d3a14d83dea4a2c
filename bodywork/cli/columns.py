"""Columns that fit a screen: what is wrapped, left out or cut where there is no room. Pure."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from bodywork.cli.shortening import shorten, shorten_names

GAP = 3
NARROW_GAP = 2
LEAST_ROOM = 24
"""How narrow a last column of prose may become."""
LEAST_NAME = 12
"""How narrow a column of names may become."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Lines of cells, as wide as their screen allows.

    Attributes:
        left_out: positions of columns that were in the way.
    """

    lines: list[list[str]]
    gap: int = GAP
    left_out: tuple[int, ...] = ()

    @property
    def widths(self) -> list[int]:
        """The width of each column."""
        return [max(map(len, column)) for column in zip(*self.lines, strict=True)]

    @property
    def total(self) -> int:
        """The width of a line."""
        return sum(self.widths) + self.gap * (len(self.widths) - 1)

    def render(self) -> list[str]:
        """Return the lines as text."""
        widths, gap = self.widths, " " * self.gap
        return [
            gap.join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip()
            for line in self.lines
        ]


def fit_columns(
    lines: Sequence[Sequence[str]],
    width: int,
    *,
    names: Sequence[int] = (),
    spare: Sequence[int] = (),
    wrap: bool = True,
) -> Columns | None:
    """Return the lines in at most `width`; None where no table does.

    Tried in this order: narrower gaps; a last column of prose over several lines; columns left out;
    names cut.

    Args:
        lines: cells; the first line may be a header.
        width: of the screen.
        names: positions of columns of names, which stay apart when they are cut.
        spare: positions of columns that may be left out, the least important first.
        wrap: whether the last column may take several lines; else it is cut.
    """
    cells = [list(line) for line in lines]
    for number in range(len(spare) + 1):
        out = tuple(spare[:number])
        kept = _without(cells, out)
        for gap in (GAP, NARROW_GAP):
            columns = Columns(kept, gap, out)
            if columns.total <= width:
                return columns
        if last := _narrow_last(columns, width, wrap):
            return last
    kept_names = [_new_position(position, out) for position in names]
    return _cut_names(columns, width, kept_names, wrap) if names else None


def _without(cells: list[list[str]], out: Sequence[int]) -> list[list[str]]:
    return [[cell for position, cell in enumerate(line) if position not in out] for line in cells]


def _new_position(position: int, out: Sequence[int]) -> int:
    return position - sum(other < position for other in out)


def _narrow_last(columns: Columns, width: int, wrap: bool) -> Columns | None:
    """Give the last column what is left, if that is enough for prose."""
    for gap in (GAP, NARROW_GAP):
        wide = Columns(columns.lines, gap, columns.left_out)
        room = width - (wide.total - wide.widths[-1])
        if room >= LEAST_ROOM:
            lines = [part for line in columns.lines for part in _parts(line, room, wrap)]
            return Columns(lines, gap, columns.left_out)
    return None


def _parts(line: list[str], room: int, wrap: bool) -> list[list[str]]:
    """Return the line with its last cell in `room` columns: cut, or over several lines."""
    if not wrap:
        return [[*line[:-1], shorten(line[-1], room)]]
    first, *more = textwrap.wrap(line[-1], room) or [""]
    return [[*line[:-1], first], *([*[""] * (len(line) - 1), part] for part in more)]


def _cut_names(columns: Columns, width: int, names: list[int], wrap: bool) -> Columns | None:
    """Share what the other columns leave among the columns of names."""
    widths = columns.widths
    last = len(widths) - 1
    if last not in names:
        widths[last] = min(widths[last], LEAST_ROOM)
    others = sum(size for position, size in enumerate(widths) if position not in names)
    room = (width - others - columns.gap * last) // len(names)
    if room < LEAST_NAME:
        return None
    cut = dict(enumerate(map(list, zip(*columns.lines, strict=True))))
    for position in names:
        cut[position] = shorten_names(cut[position], room)
    lines = [list(line) for line in zip(*(cut[position] for position in sorted(cut)), strict=True)]
    narrow = Columns(lines, columns.gap, columns.left_out)
    return narrow if narrow.total <= width else _narrow_last(narrow, width, wrap)
