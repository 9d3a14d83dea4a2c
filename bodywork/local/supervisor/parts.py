"""The files of one log: its head, and behind it the newest part of what came later.

::

    log                  the head, never changed once it is full
    log.LINES.BYTES      a later part; its name says how many lines and bytes were written before it

Only the newest few later parts are kept. What was dropped between two files follows from their
names: nothing else is written about it that a crash or a full disk could make wrong.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a log.

    Attributes:
        lines, size: how many lines and bytes of the log were written before it.
    """

    path: str
    lines: int = 0
    size: int = 0

    @classmethod
    def after(cls, head: str, lines: int, size: int) -> "Part":
        """Return the part that begins there, of the log with that head."""
        return cls(f"{head}.{lines}.{size}", lines, size)


def list_parts(head: str) -> list[Part]:
    """Return the parts of a log that are there, in their order; the head always is the first."""
    folder, name = os.path.split(head)
    found = []
    try:
        entries = os.listdir(folder)
    except FileNotFoundError:  # the attempt was removed meanwhile
        entries = []
    for entry in entries:
        words = entry.removeprefix(f"{name}.").split(".")
        if entry.startswith(f"{name}.") and len(words) == 2 and all(map(str.isdecimal, words)):
            found.append(Part.after(head, int(words[0]), int(words[1])))
    return [Part(head), *sorted(found, key=lambda part: part.lines)]


def measure(path: str) -> tuple[int, int, bool]:
    """Return how many whole lines and how many bytes a file has, and whether it ends with a line.

    Raises:
        OSError: it cannot be read.
    """
    lines = size = 0
    last = b"\n"
    with open(path, "rb") as file:
        while chunk := file.read(1 << 16):
            lines += chunk.count(b"\n")
            size += len(chunk)
            last = chunk[-1:]
    return lines, size, last == b"\n"
