"""INI text as entries with line numbers: nothing is interpreted, interpolated or executed.

The form is the one that Python's configparser reads (sections, `KEY=value` or `KEY: value`, whole
lines of comment, indented lines that continue a value), read here because a message without a line
number is of little use to a person. A value may stand in quotes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bodywork.errors import Problem


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

    def section(self, name: str) -> Mapping[str, Entry]:
        """Return a section's entries; an absent one has none."""
        return self.sections.get(name, {})

    def line_of(self, section: str, key: str = "") -> int:
        """Return the line of a key, or else of its section, or else 0."""
        entry = self.section(section).get(key)
        return entry.line if entry else self.lines.get(section, 0)


def read_ini(file: str, text: str) -> Document:
    """Read the text of a file; problems of form are in the document, and the rest is read on."""
    reader = _Reader(Document(file))
    for number, line in enumerate(text.splitlines(), start=1):
        reader.read(number, line)
    reader.finish()
    return reader.document


class _Reader:
    """Goes through the lines of one file."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.section: str | None = None
        self.key = ""
        self.line = 0
        self.parts: list[str] = []

    def read(self, number: int, line: str) -> None:
        text = line.strip()
        if not text or text[0] in "#;":
            return
        if line[0].isspace() and self.key:
            self.parts.append(text)
            return
        self.finish()
        if text.startswith("["):
            self._open(number, text)
        else:
            self._assign(number, text)

    def finish(self) -> None:
        """Put the value read so far into its place."""
        if not self.key or self.section is None:
            self.key = ""
            return
        value, fault = _unquote(" ".join(part for part in self.parts if part))
        if fault:
            self._complain(self.line, fault, key=self.key, hint="close the quotes, or drop them")
        self.document.sections[self.section][self.key] = Entry(value, self.line)
        self.key = ""

    def _open(self, number: int, text: str) -> None:
        name = text[1:-1].strip()
        self.section = name
        if not text.endswith("]") or not name:
            self.section = None
            self._complain(number, "this is no section", hint="write it as [name]")
        elif name in self.document.sections:
            first = self.document.lines[name]
            self._complain(number, f"the section stands twice (first in line {first})")
        else:
            self.document.sections[name] = {}
            self.document.lines[name] = number

    def _assign(self, number: int, text: str) -> None:
        ends = [place for place in (text.find("="), text.find(":")) if place >= 0]
        if not ends:
            self._complain(
                number, f"{shorten(text)} is neither KEY=value nor [section]",
                hint="lines that go on with a value are indented; comments begin with #",
            )  # fmt: skip
            return
        key, value = text[: min(ends)].strip(), text[min(ends) + 1 :].strip()
        if not key:
            self._complain(number, "there is no key before the =")
        elif self.section is None:
            self._complain(number, "stands before any [section]", key=shorten(key))
        elif key in self.document.sections[self.section]:
            first = self.document.sections[self.section][key].line
            self._complain(number, f"stands twice (first in line {first})", key=shorten(key))
        else:
            self.key, self.line, self.parts = key, number, [value]

    def _complain(self, line: int, message: str, *, key: str = "", hint: str = "") -> None:
        section = shorten(self.section) if self.section else ""
        self.document.problems.append(
            Problem(self.document.file, line, section, key, message, hint)
        )


def shorten(text: str, length: int = 60) -> str:
    """Return hostile text in a form that is safe and short enough to print."""
    plain = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def _unquote(value: str) -> tuple[str, str]:
    """Return the value without its quotes, and what is wrong with them."""
    if value[:1] in ('"', "'"):
        if len(value) > 1 and value[-1] == value[0]:
            return value[1:-1], ""
        return value[1:], f"the value begins with {value[0]} and does not end with it"
    return value, ""
