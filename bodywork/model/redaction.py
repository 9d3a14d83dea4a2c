"""What is secret in a text, made unreadable: the only place that decides so. Pure.

Two things are: values of secrets, which are known, and the user and password of an address, which
are recognised. Rather too much is hidden than too little, for a password may hold any character.

Values of fewer than four characters are not looked for: `1` or `no` stand everywhere, and a log in
which they are masked tells nobody anything, but what the value is.

Text that others wrote (a tool, a server, a script) goes through `hide` where it enters a message, a
record or a log; an error whose text may hold a value that is known goes through `hidden_in_errors`.
"""

import json
import re
import string
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from bodywork.errors import BodyworkError

MASK = "***"
SHORTEST_VALUE = 4
_SHORTEST_BASE64 = 6
"""Shorter ones stand everywhere, like short values."""
_LONGEST_LINE = 8 << 10
"""In a longer one all is hidden from an address to the last "@": it is not worth to look closer."""
_WIDTHS = (76, 64)
"""Columns after which `base64`, Python's `encodebytes` and PEM begin a new line."""
_URL_SAFE = str.maketrans("+/", "-_")

# Patterns are texts: `re` compiles (and keeps) those that are needed, which costs at import else.
_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*)://"
_NOT_FIRST = "0123456789+.-"
_SCHEME_CHARACTERS = string.ascii_letters + _NOT_FIRST
_HALF_SCHEME = r"(?i)(https?|ssh|file|git|ftps?):/?"
_PATH = r"\.{0,2}/|~|\.{1,2}\Z"
_SCP = r"[^@:/\s]+@[^@:/\s]+:[^@]*\Z"
_BEGUN = r"[^\s/:]*:(?!\d*(?:[/\s'\"]|\Z))"
"""A colon that no port stands behind: a password has begun, and may have blanks in it."""


@contextmanager
def hidden_in_errors(values: Collection[str]) -> Iterator[None]:
    """Raise the errors of a block without these values, and without passwords of addresses.

    Args:
        values: looked at when an error comes, so they may become known within the block.
    """
    try:
        yield
    except BodyworkError as error:
        error.message, error.hint = hide(error.message, values), hide(error.hint, values)
        error.args = (error.message,)
        raise


def hide(text: str, values: Iterable[str] = ()) -> str:
    """Return the text without these values of secrets, and without passwords of addresses."""
    return redact(mask_values(text, values))


def hide_bytes(line: bytes, values: Iterable[str] = ()) -> bytes:
    """Return a line of a program's output as `hide` does; what is not UTF-8 in it stays."""
    return hide(line.decode("utf-8", "surrogateescape"), values).encode("utf-8", "surrogateescape")


def mask_values(text: str, values: Iterable[str]) -> str:
    """Return the text without the values of secrets, also where one stands encoded or escaped: in a
    URL, in JSON, in base 64, by Python or a shell.

    Bytes of a value that are no UTF-8 are found where they stand in the text as in the value: as
    `os.environ` has them.

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
    if "@" not in text:
        return text
    return "\n".join(map(_redact_line, text.split("\n")))


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


def _redact_line(line: str) -> str:
    done, position = [], 0
    while line.find("@", position) >= 0:
        scheme, begin = _next_scheme(line, position)
        if not scheme:
            break
        rest = line[begin:]
        end = rest.rfind("@") + 1 if len(rest) > _LONGEST_LINE else _end_of_userinfo(scheme, rest)
        done.append(line[position:begin] + (f"{MASK}@" if end else ""))
        position = begin + end
    return "".join([*done, line[position:]])


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


@lru_cache(maxsize=256)
def _forms(value: str) -> frozenset[str]:
    """Return how a value may be written: itself, by line, and as tools and programs encode it.

    They are kept: of a key they take longer to make than to find in a line, and lines are many.
    """
    return frozenset(_made_of(value))


def _made_of(value: str) -> Iterator[str]:
    lines = {line.strip() for line in value.splitlines()}
    for part in (line for line in lines if len(line) >= SHORTEST_VALUE):
        yield part
        yield from _escaped(part)
        yield from _in_base64(_bytes_of(part))
    yield from _wrapped_base64(value)


def _escaped(part: str) -> Iterator[str]:
    """Yield a line of a value in a URL, in JSON, by Python, by a shell and in HTML."""
    from html import escape  # 20 ms with the next one, for those who have secrets
    from urllib.parse import quote, quote_plus

    raw = _bytes_of(part)
    for address in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield address
        yield re.sub("%..", lambda match: match[0].lower(), address)
    yield json.dumps(part)[1:-1]
    yield json.dumps(part, ensure_ascii=False)[1:-1]
    # Python escapes a "'" only where both kinds of quotes stand in the whole value.
    both = "\"'"
    skipped = len(repr(both)) - 1
    for write, whole in ((repr, part), (ascii, part)):
        yield write(whole)[1:-1]
        yield write(both + whole)[skipped:-1]
    yield repr(raw)[2:-1]
    yield repr(both.encode() + raw)[skipped + 1 : -1]
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
    encoded = b64encode(_bytes_of(value)).decode("ascii")
    for width in _WIDTHS:
        if len(encoded) > width:
            for start in range(0, len(encoded), width):
                line = encoded[start : start + width]
                if len(line) >= _SHORTEST_BASE64:
                    yield line


def _bytes_of(text: str) -> bytes:
    """Return the bytes of a value: those of a variable that is no UTF-8 as they were there."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate, such as JSON may hold
        return text.encode("utf-8", "surrogatepass")


def _find_all(text: str, word: str) -> Iterator[tuple[int, int]]:
    start = text.find(word)
    while start >= 0:
        yield start, start + len(word)
        start = text.find(word, start + 1)


def _next_scheme(text: str, position: int) -> tuple[str, int]:
    """Return the next scheme with "://" behind it, and where what follows begins; "" for none.

    A pattern would try each letter of a long word anew, and a script may print words of megabytes.
    """
    while (colon := text.find("://", position)) >= 0:
        before = text[position:colon]
        word = before[len(before.rstrip(_SCHEME_CHARACTERS)) :]
        if scheme := word.lstrip(_NOT_FIRST):
            return scheme, colon + len("://")
        position = colon + len("://")
    return "", len(text)


def _end_of_userinfo(scheme: str, rest: str) -> int:
    """Return where a URL's user and password end, "@" included; 0 where it seems to have none.

    `rest` is the line from behind `://`.
    """
    end = 0
    if _is_path(scheme, rest):
        return end
    for match in re.finditer("@", rest):
        between = rest[end : match.start()]
        if re.search(r"\s", between) and not re.match(_BEGUN, between):
            break
        end = match.end()
    userinfo, host = rest[: max(0, end - 1)], rest.partition("/")[0]
    if not end:
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
