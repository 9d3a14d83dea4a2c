"""What is secret in a text, made unreadable: the only place that decides so. Pure.

Two things are: values of secrets, which are known, and the user and password of an address, which
are recognised. Rather too much is hidden than too little, for a password may hold any character.

Values of fewer than four characters are not looked for: `1` or `no` stand everywhere, and a log in
which they are masked tells nobody anything, but what the value is.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator

MASK = "***"
SHORTEST_VALUE = 4
_SHORTEST_BASE64 = 6
"""Shorter ones stand everywhere, like short values."""
_WIDTHS = (76, 64)
"""Columns after which `base64`, Python's `encodebytes` and PEM begin a new line."""
_URL_SAFE = str.maketrans("+/", "-_")

# Patterns are texts: `re` compiles (and keeps) those that are needed, which costs at import else.
_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*)://"
_HALF_SCHEME = r"(?i)(https?|ssh|file|git|ftps?):/?"
_PATH = r"\.{0,2}/|~|\.{1,2}\Z"
_SCP = r"[^@:/\s]+@[^@:/\s]+:[^@]*\Z"
_BEGUN = r"[^\s/:]*:(?!\d*(?:[/\s'\"]|\Z))"
"""A colon that no port stands behind: a password has begun, and may have blanks in it."""


def mask_values(text: str, values: Iterable[str]) -> str:
    """Return the text without the values of secrets, also where one stands encoded or escaped: in a
    URL, in JSON, in base 64, by Python or a shell.

    A value of several lines is looked for by line, each without blanks at its ends.
    """
    words = {form for value in values for form in _forms(value)}
    spans = sorted(span for word in words for span in _find_all(text, word))
    done, position = [], 0
    for start, end in spans:
        if start >= position:
            done += [text[position:start], MASK]
        position = max(position, end)
    return "".join([*done, text[position:]])


def redact(text: str) -> str:
    """Return the text with `***` for the users and passwords in its URLs.

    The user of an `ssh://` URL stays, who is no secret; a password there would not.
    """
    done, position = [], 0
    while "@" in text[position:] and (match := re.compile(_SCHEME).search(text, position)):
        rest = text[match.end() :].partition("\n")[0]
        end = _end_of_userinfo(match[1], rest)
        done.append(text[position : match.end()] + (f"{MASK}@" if end else ""))
        position = match.end() + end
    return "".join([*done, text[position:]])


def redact_address(text: str) -> str:
    """Return what was given as a repository's address without user, password, query and fragment.

    It need not be a proper address: all is hidden that could be a password or a token of one.
    """
    match = re.match(_SCHEME, text) or re.match(_HALF_SCHEME, text)
    if match is None or match[1].lower() == "file":
        return _without_userinfo(text)
    if re.search(r"(?s)/.*[?#].*@", text[match.end() :]):
        return f"{match[0]}{MASK}"  # which part it ends is not to be known
    front, at, rest = _without_userinfo(text).rpartition("@")
    return front + at + re.sub(r"(?s)([?#]).+", rf"\1{MASK}", rest)


def _without_userinfo(text: str) -> str:
    head, at, tail = text.rpartition("@")
    if not at or re.match(_PATH, text) or re.match(_SCP, text):
        return text
    if match := re.match(_SCHEME, text):
        head = head[match.end() :]
        plain = _is_path(match[1], head) or (_is_ssh(match[1]) and not re.search("[:/@]", head))
        return text if plain else f"{match[0]}{MASK}@{tail}"
    if match := re.match(_HALF_SCHEME, text):
        return f"{match[0]}{MASK}@{tail}"
    return f"{MASK}@{tail}" if ":" in text else text


def _forms(value: str) -> Iterator[str]:
    """Yield how a value may be written: itself, by line, and as tools and programs encode it."""
    lines = {line.strip() for line in value.splitlines()}
    for part in (line for line in lines if len(line) >= SHORTEST_VALUE):
        yield part
        yield from _escaped(part)
        yield from _in_base64(part.encode("utf-8", "surrogatepass"))
    yield from _wrapped_base64(value)


def _escaped(part: str) -> Iterator[str]:
    """Yield a line of a value in a URL, in JSON, by Python, by a shell and in HTML."""
    from html import escape  # 20 ms with the next one, for those who have secrets
    from urllib.parse import quote, quote_plus

    raw = part.encode("utf-8", "surrogatepass")
    for address in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield address
        yield re.sub("%..", lambda match: match[0].lower(), address)
    yield json.dumps(part)[1:-1]
    yield json.dumps(part, ensure_ascii=False)[1:-1]
    yield repr(part)[1:-1]
    yield ascii(part)[1:-1]
    yield repr(raw)[2:-1]
    yield part.replace("'", "'\"'\"'")
    yield part.replace("'", "'\\''")
    yield escape(part)
    yield escape(part, quote=False)


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield what base 64 makes of the bytes wherever they stand in what is encoded, as in the
    `user:password` of an HTTP header: the characters that hang on nothing before and behind."""
    for before in range(3):
        encoded = b64encode(b"\0" * before + raw).decode("ascii")
        first, end = (before * 8 + 5) // 6, (before + len(raw)) * 8 // 6
        for whole in (encoded[first:end], encoded if not before else ""):
            if len(whole) >= _SHORTEST_BASE64:
                yield whole
                yield whole.translate(_URL_SAFE)


def _wrapped_base64(value: str) -> Iterator[str]:
    """Yield the lines in which tools print the base 64 of a long value."""
    encoded = b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii")
    for width in _WIDTHS:
        if len(encoded) > width:
            for start in range(0, len(encoded), width):
                line = encoded[start : start + width]
                if len(line) >= _SHORTEST_BASE64:
                    yield line


def _find_all(text: str, word: str) -> Iterator[tuple[int, int]]:
    start = text.find(word)
    while start >= 0:
        yield start, start + len(word)
        start = text.find(word, start + 1)


def _end_of_userinfo(scheme: str, rest: str) -> int:
    """Return where a URL's user and password end, "@" included; 0 where it seems to have none.

    `rest` is the line from behind `://`.
    """
    end = 0
    for match in re.finditer("@", rest):
        between = rest[end : match.start()]
        if re.search(r"\s", between) and not re.match(_BEGUN, between):
            break
        end = match.end()
    userinfo, host = rest[: max(0, end - 1)], rest.partition("/")[0]
    if not end or _is_path(scheme, rest):
        return 0
    if _is_ssh(scheme) and not re.search("[:/@]", userinfo):
        return 0
    behind = re.split(r"[\s'\"]", rest[end:], maxsplit=1)[0]
    names_version = "/" not in behind and not re.search("[:@]", host) and "://" not in userinfo
    return 0 if "/" in userinfo and names_version else end


def _is_path(scheme: str, rest: str) -> bool:
    return scheme.lower() == "file" and rest.startswith("/")


def _is_ssh(scheme: str) -> bool:
    return scheme.lower() in ("ssh", "git+ssh")
