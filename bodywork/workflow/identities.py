"""Identities as they stand in a record: UUIDs and other hexadecimal digits take base 64. Pure."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

_DIGITS = re.compile(r"(?:[0-9a-f]{2}){8,}\Z")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def shorten_identity(text: str) -> str:
    """Return the identity with a letter for its kind: `u` (UUID), `x` (digits), `=` (as it is);
    "" for ""."""
    if not text:
        return ""
    if _UUID.match(text):
        return "u" + _encode(bytes.fromhex(text.replace("-", "")))
    if _DIGITS.match(text):
        return "x" + _encode(bytes.fromhex(text))
    return f"={text}"


def expand(short: Any) -> str:
    """Return the identity that was shortened; "" for None.

    Raises:
        TypeError, ValueError: it is no shortened identity.
    """
    if not short:
        return ""
    kind, rest = str(short)[:1], str(short)[1:]
    if kind == "=":
        return rest
    raw = urlsafe_b64decode(rest + "=" * (-len(rest) % 4))
    if kind == "u":
        digits = raw.hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    if kind == "x":
        return raw.hex()
    raise ValueError(f"no identity: {short!r}")


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode("ascii").rstrip("=")
