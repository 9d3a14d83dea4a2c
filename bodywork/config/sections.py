"""One section of a file against its schema: values, and problems with file, line, key and hint."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bodywork.config import schemas
from bodywork.config.ini import Document, shorten
from bodywork.errors import Problem

if TYPE_CHECKING:
    from marshmallow import Schema

SYNONYMS = {
    "MEMORY_REQUEST": "MEMORY_REQUEST_MB",
    "CPU": "CPU_REQUEST",
    "MEMORY": "MEMORY_REQUEST_MB",
}


def check_section(
    document: Document, name: str, schema: "Schema", *, needed: bool = True
) -> Mapping[str, Any]:
    """Return the section's right values; put everything else into the document's problems."""
    if name not in document.sections:
        if needed:
            document.problems.append(
                Problem(document.file, 0, name, "", f"the section [{name}] is missing")
            )
        return {}
    entries = document.section(name)
    values, faults = schemas.check(schema, {key: entry.value for key, entry in entries.items()})
    unknown = [key for key, message in faults.items() if message == "unknown key"]
    for key, message in faults.items():
        if key in unknown:
            hint = suggest(key, schema.fields)
        elif message == "is missing":
            hint = _hint_for_missing(key, unknown)
        else:
            hint = ""
        document.problems.append(
            Problem(document.file, document.line_of(name, key), name, shorten(key), message, hint)
        )
    return values


def check_names(document: Document, known: Iterable[str]) -> None:
    """Complain about sections that nothing reads."""
    names = list(known)
    for section in document.sections:
        if section not in names:
            document.problems.append(
                Problem(
                    document.file,
                    document.lines[section],
                    shorten(section),
                    "",
                    "unknown section",
                    suggest(section, names),
                )
            )


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of the known words, or all of them if they are few."""
    import difflib  # only where something is wrong

    words = sorted(known)
    exact = SYNONYMS.get(word.upper())
    if exact in words:
        return f"did you mean {exact}?"
    folded = {each.casefold(): each for each in words}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean {folded[close[0]]}?"
    return f"known are {', '.join(words)}" if 0 < len(words) <= 8 else ""


def _hint_for_missing(key: str, unknown: list[str]) -> str:
    """Where a key is missing and a near miss of it is there, that one is meant."""
    if not unknown:
        return ""
    import difflib  # only where something is wrong

    close = difflib.get_close_matches(key.casefold(), [each.casefold() for each in unknown], n=1)
    return "see the unknown key above or below" if close else ""
