"""One requirement: name, extras, versions, marker, as PEP 508 and PEP 440 define them.

The library `packaging` decides, as it does in pip; what is refused is then looked at for what was
meant, since its words tell little about that. Whoever changes this module: each expression must
fail in linear time, since the text is somebody else's; runs of blanks are made single ones first.
"""

import re
from pathlib import Path

from bodywork.config.hostile import shorten
from bodywork.execution.references import find_reference
from bodywork.model.redaction import redact

HINT = "write one requirement a line, such as pandas==2.2.3"
_NAME = r"[A-Za-z0-9](?:[-_.A-Za-z0-9]*[A-Za-z0-9])?"
_HEAD = re.compile(rf"({_NAME}) ?(?:\[ ?(?:{_NAME}(?: ?, ?{_NAME})*)? ?\])? ?")
_CLAUSE = re.compile(r"(===|==|~=|!=|<=|>=|<|>|=|)(?: ?)([^ ,;()]*)")
_RELEASE = r"v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*"
_VERSION = re.compile(
    _RELEASE + r"(?:[-_.]?(?:alpha|a|beta|b|preview|pre|c|rc)[-_.]?[0-9]*)?"
    r"(?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?(?:[-_.]?dev[-_.]?[0-9]*)?"
    r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?\Z",
    re.IGNORECASE,
)
_PREFIX = re.compile(_RELEASE + r"\.\*\Z")
_NAMED_PLACE = re.compile(rf"{_NAME} ?(?:\[[^\]]*\])? ?@")
_PLACE_MARKER = re.compile(r" ;(.*)\Z")
_OPTIONS = re.compile(
    r"(?: --hash[= ](?:sha256|sha384|sha512):[0-9a-f]+"
    r"| (?:--config-settings?|-C|--global-option)[= ](?:\"[^\"]*\"|'[^']*'|[^\s\"']\S*))*\Z"
)
_OPTION_BEGINS = re.compile(r" (?=--[a-z]|-C)")
_MARKER_NAMES = (
    "python_version", "python_full_version", "os_name", "sys_platform", "platform_release",
    "platform_system", "platform_version", "platform_machine", "platform_python_implementation",
    "implementation_name", "implementation_version", "extra",
)  # fmt: skip
_MARKER_TOKEN = re.compile(r" ?(\"[^\"]*\"|'[^']*'|[a-z_]+|===|==|~=|!=|<=|>=|<|>|\(|\))")
_OPERATORS = ("===", "==", "~=", "!=", "<=", ">=", "<", ">", "in", "not in")


def problem_with_requirement(text: str) -> tuple[str, str]:
    """Return what is wrong with a requirement and what to do, or two empty strings."""
    line = redact(" ".join(text.split()))
    begins = _OPTION_BEGINS.search(line)
    body = line[: begins.start()] if begins else line
    if begins and not _OPTIONS.match(line, begins.start()):
        return f"pip cannot read what follows {shorten(body)}", "options are: --hash=sha256:…"
    if not _NAMED_PLACE.match(body) and find_reference(body, "", Path("/")):
        marker = _PLACE_MARKER.search(body)
        return _say(body, problem_with_marker(marker[1]) if marker else "")
    return _say(body, _problem_with_named(body))


def _problem_with_named(body: str) -> str:
    from packaging.requirements import Requirement  # 30 ms, for those who have requirements

    try:
        Requirement(body)
    except (ValueError, RecursionError) as error:
        lines = str(error).splitlines() or [""]
        return _explain(body) or shorten(lines[0]) or "it is nested too deeply"
    return ""


def _explain(body: str) -> str:
    """Say what is wrong with a requirement that is refused; "" where that is not known here."""
    head = _HEAD.match(body)
    if not head:
        return "it does not begin with the name of a package"
    rest = body[head.end() :]
    if rest.startswith("@"):
        address, _, marker = rest[1:].strip().partition(" ;")
        fault = "" if address and " " not in address else "one address must follow the @"
        return fault or (problem_with_marker(marker) if marker else "")
    versions, semicolon, marker = rest.partition(";")
    fault = _problem_with_versions(versions.strip())
    return fault or (problem_with_marker(marker) if semicolon else "")


def _say(body: str, fault: str) -> tuple[str, str]:
    return (f"pip cannot read {shorten(body)}: {fault}", HINT) if fault else ("", "")


def _problem_with_versions(text: str) -> str:
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    if not text:
        return ""
    for clause in text.removesuffix(",").split(","):
        if not clause.strip():
            return "a version is missing beside a comma"
        found = _CLAUSE.fullmatch(clause.strip())
        if not found or not found[1]:
            return f"{shorten(clause.strip())} is no version, such as ==1.0"
        operator, version = found[1], found[2]
        if operator == "=":
            return "= is no comparison; did you mean ==?"
        if not version:
            return f"a version is missing after {operator}"
        starred = operator in ("==", "!=") and _PREFIX.match(version)
        if operator != "===" and not (starred or _VERSION.match(version)):
            return f"{shorten(version)} is no version that {operator} can be used with"
        if operator == "~=" and not re.match(r"v?(?:[0-9]+!)?[0-9]+\.[0-9]", version):
            return f"~= needs two numbers, such as ~={shorten(version)}.0"
    return ""


def problem_with_marker(text: str) -> str:
    """Say why `text` is no environment marker (PEP 508), or return ""."""
    from packaging.markers import Marker

    try:
        Marker(text)
    except (ValueError, RecursionError):
        return _explain_marker(text) or f"{shorten(text.strip())} is no marker"
    return ""


def _explain_marker(text: str) -> str:
    depth, words, place = 0, list[str](), 0
    text = text.strip()
    while place < len(text):
        token = _MARKER_TOKEN.match(text, place)
        if not token:
            return f"{shorten(text[place:])} is no marker"
        place = token.end()
        word = token[1]
        if word == "(" and not words:
            depth += 1
        elif word == ")" and depth and _is_comparison(words):
            depth -= 1
        elif word in ("and", "or") and _is_comparison(words):
            words = []
        else:
            words.append(word)
    if not text:
        return "a marker is missing after the ;"
    if depth or not _is_comparison(words):
        return f"{shorten(text)} is no marker, such as python_version < '3.12'"
    return ""


def _is_comparison(words: list[str]) -> bool:
    if len(words) < 3:
        return False
    left, operator, right = words[0], " ".join(words[1:-1]), words[-1]
    sides = [each for each in (left, right) if each in _MARKER_NAMES or each[0] in "\"'"]
    return operator in _OPERATORS and len(sides) == 2
