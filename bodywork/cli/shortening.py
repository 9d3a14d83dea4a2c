"""Long texts, cut to the room that a screen has; names stay apart from each other. Pure."""

from collections.abc import Iterable, Sequence

ELLIPSIS = "…"


def shorten(text: str, width: int) -> str:
    """Return the text, cut at the end where it is longer than `width`."""
    return text if len(text) <= width else text[: max(0, width - 1)] + ELLIPSIS


def shorten_middle(text: str, width: int) -> str:
    """Return the text, cut in the middle where it is longer than `width`."""
    if len(text) <= width or width < 3:
        return shorten(text, width)
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + ELLIPSIS + text[-tail:]


def shorten_names(names: Sequence[str], width: int) -> list[str]:
    """Return each name in at most `width` characters, different names differently.

    A name is cut in the middle; where that makes several look the same, what tells them apart is
    shown instead. Names that differ in their length alone are numbered, which needs some 8 columns.
    """
    shown = {name: shorten_middle(name, width) for name in names}
    for alike in _alike(shown):
        shown.update(_tell_apart(alike, width))
    for alike in _alike(shown):
        shown.update(_numbered(alike, shown, width))
    return [shown[name] for name in names]


def _alike(shown: dict[str, str]) -> list[list[str]]:
    """Return the groups of names that look the same."""
    groups: dict[str, list[str]] = {}
    for name, text in shown.items():
        groups.setdefault(text, []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _tell_apart(names: Iterable[str], width: int, before: int = -1) -> dict[str, str]:
    """Cut each name around the first place where they differ, which lies behind `before`."""
    alike = list(names)
    place = _first_difference(min(alike), max(alike))
    if place <= before:
        return {}
    shown = {name: _around(name, place, width) for name in alike}
    for group in _alike(shown):
        shown.update(_tell_apart(group, width, place))
    return shown


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _around(name: str, place: int, width: int) -> str:
    """Return the name's beginning, and what stands from `place` on."""
    if place < width - 1:
        return shorten(name, width)
    head = width // 4
    room = width - head - 1
    start = min(place, len(name) - room)
    return name[:head] + ELLIPSIS + shorten(name[start:], room)


def _numbered(names: Sequence[str], shown: dict[str, str], width: int) -> dict[str, str]:
    taken = set(shown.values())
    numbered: dict[str, str] = {}
    number = 1
    for name in sorted(names):
        while (text := _with_number(shown[name], number, width)) in taken:
            number += 1
        numbered[name] = text
        taken.add(text)
    return numbered


def _with_number(text: str, number: int, width: int) -> str:
    mark = f"~{number}"
    return text[: max(0, width - len(mark))] + mark
