"""JSON values as YAML in block style, for people who read YAML more easily.

YAML 1.2 is a superset of JSON (https://yaml.org/spec/1.2.2/), so each scalar and key is written as
JSON, with the quotes left out of plain words that no version of YAML reads as something else. That
needs no library; the tests read it back with one.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*\Z")
_UNPRINTABLE = re.compile(
    "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_TAKEN = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def render_yaml(value: Any) -> str:
    """Return the value in block style, without a final line break."""
    return "\n".join(_lines(value))


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, content in value.items():
            yield from _entry(f"{_scalar(str(key))}:", content, indent="  ")
    elif isinstance(value, list) and value:
        for content in value:
            yield from _item(content)
    else:
        yield _scalar(value)


def _entry(head: str, content: Any, indent: str) -> Iterator[str]:
    if isinstance(content, (dict, list)) and content:
        yield head
        for line in _lines(content):
            yield indent + line
    else:
        yield f"{head} {_scalar(content)}"


def _item(content: Any) -> Iterator[str]:
    lines = _lines(content)
    yield f"- {next(lines)}"
    for line in lines:
        yield f"  {line}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _TAKEN:
        return value
    return _UNPRINTABLE.sub(_escape, json.dumps(value, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
