"""INI text as entries with line numbers: nothing is interpreted, interpolated or executed.

The form is the one that Python's configparser reads (sections, `KEY=value` or `KEY: value`, whole
lines of comment, deeper indented lines that continue a value), read here because a message without
a line number is of little use to a person. A value may stand in quotes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bodywork.config.hostile import shorten
from bodywork.errors import Problem

MOST_PROBLEMS = 50
_LINE_END = re.compile(r"\r\n|\r|\n")
_LOOKS_LIKE_A_KEY = re.compile(r"[A-Z][A-Z0-9_]*\s*[=:]|\[\w+\]\Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a section: its text without quotes, and the 1-based line of the key."""

    value: str
    line: int


@dataclass(slots=True)
class Document:
    """A file's sections, in order, and what was wrong with its form."""

    file: str
    sections: dict[str, dict[str, Entry]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether so much is wrong that nobody would read more of it."""
        return len(self.problems) > MOST_PROBLEMS

    def section(self, name: str) -> Mapping[str, Entry]:
        """Return a section's entries; an absent one has none."""
        return self.sections.get(name, {})

    def line_of(self, section: str, key: str = "") -> int:
        """Return the line of a key, or else of its section, or else 0."""
        entry = self.section(section).get(key)
        return entry.line if entry else self.lines.get(section, 0)

    def complain(
        self, section: str, key: str, message: str, hint: str = "", *,
        line: int | None = None, warning: bool = False,
    ) -> None:  # fmt: skip
        """Add a problem, at the key's own line unless another is given."""
        if self.full:
            return
        place = self.line_of(section, key) if line is None else line
        if len(self.problems) == MOST_PROBLEMS:
            section = key = hint = ""
            message, warning = "has more problems than are listed; mend these first", False
        self.problems.append(
            Problem(self.file, place, shorten(section), shorten(key), message, hint, warning)
        )


def read_ini(file: str, text: str) -> Document:
    """Read the text of a file; problems of form are in the document, and the rest is read on."""
    reader = _Reader(Document(file))
    for number, line in enumerate(_LINE_END.split(text), start=1):
        reader.read(number, line)
    reader.finish()
    return reader.document


class _Reader:
    """Goes through the lines of one file."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.section: str | None = None
        self.lost = False
        self.key = ""
        self.line = 0
        self.indent = 0
        self.parts: list[str] = []

    def read(self, number: int, line: str) -> None:
        text = line.strip()
        if not text or text[0] in "#;":
            return
        indent = len(line) - len(line.lstrip())
        if self.key and indent > self.indent:
            self._continue(number, text)
            return
        self.finish()
        self.indent = indent
        if text.startswith("["):
            self._open(number, text)
        elif not self.lost:
            self._assign(number, text)

    def finish(self) -> None:
        """Put the value read so far into its place."""
        if self.key and self.section is not None:
            value, fault = _unquote(" ".join(part for part in self.parts if part))
            if fault:
                self._complain(self.line, fault, key=self.key, hint="close the quotes or drop them")
            self.document.sections[self.section][self.key] = Entry(value, self.line)
        self.key = ""

    def _continue(self, number: int, text: str) -> None:
        if _LOOKS_LIKE_A_KEY.match(text):
            hint = f"remove the spaces before it; indented, it continues {shorten(self.key)}"
            self._complain(number, "the line is indented", hint=hint)
        else:
            self.parts.append(text)

    def _open(self, number: int, text: str) -> None:
        name = text[1:-1].strip()
        self.section, self.lost = None, True
        if not text.endswith("]") or not name:
            hint = "write it as [name], with nothing after it"
            self._complain(number, "this is no section", hint=hint)
            return
        self.section, self.lost = name, False
        if name in self.document.sections:
            first = self.document.lines[name]
            self._complain(number, f"the section stands twice (first in line {first})")
        else:
            self.document.sections[name] = {}
            self.document.lines[name] = number

    def _assign(self, number: int, text: str) -> None:
        ends = [place for place in (text.find("="), text.find(":")) if place >= 0]
        key = text[: min(ends)].strip() if ends else ""
        if not ends:
            told = "the line" if self.section == "secrets" else shorten(text)
            hint = "lines that go on with a value are indented; comments begin with #"
            self._complain(number, f"{told} is neither KEY=value nor [section]", hint=hint)
        elif not key:
            self._complain(number, f"there is no key before the {text[0]}")
        elif self.section is None:
            self._complain(number, "stands before any [section]", key=key)
        elif key in self.document.sections[self.section]:
            first = self.document.sections[self.section][key].line
            self._complain(number, f"stands twice (first in line {first})", key=key)
        else:
            self.key, self.line = key, number
            self.parts = [text[min(ends) + 1 :].strip()]

    def _complain(self, line: int, message: str, *, key: str = "", hint: str = "") -> None:
        self.document.complain(self.section or "", key, message, hint, line=line)


def _unquote(value: str) -> tuple[str, str]:
    """Return the value without the quotes around it, and what is wrong with them.

    `"a b" c` and `"a" "b"` are left as they are: there the quotes do not surround the whole.
    """
    mark = value[:1]
    if mark not in ('"', "'"):
        return value, ""
    if value.count(mark) % 2:
        return value.strip("\"'"), f"the value begins with {mark} and does not end with it"
    return (value[1:-1], "") if value.find(mark, 1) == len(value) - 1 else (value, "")
