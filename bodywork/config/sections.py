"""One section of a file against its schema: values, and problems with file, line, key and hint."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bodywork.config import schemas
from bodywork.config.hostile import shorten
from bodywork.config.ini import MOST_PROBLEMS, Document

if TYPE_CHECKING:
    from marshmallow import Schema

LONGEST_WORD = 100
MOST_WORDS = 8
MOST_COMPARED = 500
SYNONYMS = {
    "MEMORY_REQUEST": "MEMORY_REQUEST_MB",
    "CPU": "CPU_REQUEST",
    "IMAGE": "DOCKER_IMAGE",
    "MEMORY": "MEMORY_REQUEST_MB",
    "NAME": "PROJECT_NAME",
    "SCRIPT": "EXECUTABLE_SCRIPT",
    "TYPE": "STAGE_TYPE",
}


def check_section(
    document: Document, name: str, schema: "Schema", *, needed: bool = True
) -> Mapping[str, Any]:
    """Return the section's right values; put everything else into the document's problems."""
    if name not in document.sections:
        if needed:
            document.complain(name, "", f"the section [{name}] is missing", line=0)
        return {}
    entries = document.section(name)
    values, faults = schemas.check(schema, {key: entry.value for key, entry in entries.items()})
    unknown = [key for key, message in faults.items() if message == schemas.UNKNOWN]
    for key, message in faults.items():
        if document.full:
            break
        value = entries[key].value if key in entries else ""
        hint = _hint(key, value, message, schema, unknown)
        document.complain(name, key, message, hint)
    return values


def hint_for_comment(value: str) -> str:
    """Where a comment follows a wrong value on its line, say so: it is a part of the value."""
    found = any(mark in value for mark in (" #", " ;", "\t#", "\t;"))
    return "a comment needs a line of its own" if found else ""


def _hint(key: str, value: str, message: str, schema: "Schema", unknown: list[str]) -> str:
    if message == schemas.UNKNOWN:
        return suggest(key, schema.fields)
    if message == schemas.MISSING:
        return _hint_for_missing(key, unknown)
    return hint_for_comment(value) or schemas.advise(schema, key, value)


def check_names(document: Document, known: Iterable[str]) -> None:
    """Complain about sections that nothing reads."""
    names = list(known)
    for section in document.sections:
        if section not in names and not document.full:
            document.complain(section, "", "unknown section", suggest(section, names))


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of the known words, or all of them if they are few."""
    words = sorted(known)[:MOST_COMPARED]
    if near := _nearest(word, words):
        return f"did you mean {shorten(near)}?"
    few = 0 < len(words) <= MOST_WORDS
    return f"known are {', '.join(shorten(each) for each in words)}" if few else ""


def _nearest(word: str, words: Sequence[str]) -> str:
    """Return the word that was probably meant, or ""."""
    import difflib  # only where something is wrong

    exact = SYNONYMS.get(word.upper(), "")
    if exact in words:
        return exact
    folded = {each.casefold(): each for each in words}
    close = difflib.get_close_matches(word[:LONGEST_WORD].casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else ""


def _hint_for_missing(key: str, unknown: Sequence[str]) -> str:
    """Where a key is missing and a near miss of it is there, that one is meant."""
    meant = any(_nearest(each, [key]) for each in unknown[:MOST_PROBLEMS])
    return "see the unknown key" if meant else ""
