"""Whether pip will be able to read a requirements.txt: its form, line by line, not its packages.

The form is pip's (https://pip.pypa.io/en/stable/reference/requirements-file-format/).
"""

import re

from bodywork.config.ini import shorten

_NAME = r"[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?"
_EXTRAS = rf"(\s*\[\s*({_NAME}(\s*,\s*{_NAME})*)?\s*\])?"
_VERSION = r"(===|==|~=|!=|<=|>=|<|>)\s*[-_.*+!A-Za-z0-9]+"
_VERSIONS = rf"(\s*\(?\s*{_VERSION}(\s*,\s*{_VERSION})*\s*,?\s*\)?)?"
_REQUIREMENT = re.compile(rf"{_NAME}{_EXTRAS}{_VERSIONS}\s*(;.+)?\Z")
_DIRECT = re.compile(rf"{_NAME}{_EXTRAS}\s*@\s*\S+.*\Z")
_PLACE = re.compile(r"([a-z][-+.a-z0-9]*://|\.{0,2}/|[^\s]+\.(whl|tar\.gz|zip)(\s|;|\Z))")
_OPTION = re.compile(r"(-[rcefi](\s|=|\S)|--[a-z][-a-z]*(\s|=|\Z))")
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
_COMMENT = re.compile(r"(\A|\s+)#.*")


def find_bad_lines(text: str) -> list[tuple[int, str]]:
    """Return the line number and text of each requirement that pip cannot read."""
    return [
        (number, shorten(_PASSWORD.sub("***@", line)))
        for number, line in _logical_lines(text)
        if not is_requirement(line)
    ]


def is_requirement(line: str) -> bool:
    """Say whether pip could read the line; options of a requirement (`--hash=…`) may follow it."""
    requirement = re.split(r"\s--", line, maxsplit=1)[0].strip()
    forms = (_REQUIREMENT, _DIRECT, _PLACE, _OPTION)
    return any(form.match(requirement or line) for form in forms)


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Join continued lines, drop comments and blank ones; keep the first line's number."""
    found = []
    start, parts = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        start = start or number
        body = _COMMENT.sub("", line)
        if body.endswith("\\"):
            parts += body[:-1]
            continue
        whole = (parts + body).strip()
        if whole:
            found.append((start, whole))
        start, parts = 0, ""
    if parts.strip():
        found.append((start, parts.strip()))
    return found
