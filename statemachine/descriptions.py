"""An error of somebody else's code, as one line for a durable record: what it says, no secrets.

An error of a web hook names the address with its token, one of a client its credentials. So what
may be one is left out: all of an address but its host, what stands behind words such as `token`,
the values of this process's variables, and long words that no person would type. The log of the
process that met the error has it in full.
"""

import os
import re
from collections.abc import Mapping

LONGEST = 200
MASK = "***"
_SHORTEST_VALUE = 8
_END = r"\s'\",;)>\]}"
_ADDRESS = re.compile(rf"([a-zA-Z][a-zA-Z0-9+.-]*://)(?:\S*@)?([^/?#{_END}]+)[^{_END}]*")
_PATH = re.compile(rf"(?<=url: )[^{_END}]+")
_NAMED = re.compile(
    r"(?i)((?:token|secret|pass\w*|pwd|key|auth\w*|credentials?|sig\w*|bearer|basic)"
    rf"['\"]?(?:\s*[=:]\s*|\s+)(?:(?:bearer|basic|token)\s+)?['\"]?)[^{_END}]+"
)
_TOKEN = re.compile(r"(?=[\w+=-]*\d)(?=[\w+=-]*[A-Za-z])[\w+=-]{20,}")


def describe_error(error: BaseException, environment: Mapping[str, str] = os.environ) -> str:
    """Return `Class: message` in at most 200 characters, without what may be a secret."""
    text = " ".join(str(error).split())[: 10 * LONGEST]
    for value in sorted(_values(environment), key=len, reverse=True):
        text = text.replace(value, MASK)
    text = _ADDRESS.sub(r"\1\2", text)
    text = _PATH.sub(MASK, text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    text = _TOKEN.sub(MASK, text)
    name = type(error).__name__
    whole = f"{name}: {text}" if text else name
    return whole if len(whole) <= LONGEST else whole[: LONGEST - 1] + "…"


def _values(environment: Mapping[str, str]) -> set[str]:
    """Return what of the variables is looked for: each value, and each line of one such as a key,
    with its blanks as the text has them."""
    parts = {
        " ".join(part.split())
        for value in environment.values()
        if not value.startswith("/")
        for part in (value, *value.splitlines())
    }
    return {part for part in parts if len(part) >= _SHORTEST_VALUE}
