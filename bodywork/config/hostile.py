"""Text out of somebody else's repository, in a form that may be printed.

It could move the cursor of a terminal, fill the screen, or hold a password: what is shown of it is
printable, short, and without the credentials of an address. Nothing here knows what the text means.
"""

import re

LONGEST_READ = 2000


def shorten(text: str, length: int = 60) -> str:
    """Return `text` escaped, without passwords in addresses, and cut to `length` characters."""
    told = hide_credentials(text[:LONGEST_READ])
    plain = "".join(each if each.isprintable() else _escape(each) for each in told)
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def hide_credentials(text: str) -> str:
    """Return `text` with `***` for what stands between `://` and `@` in its addresses."""
    if "://" not in text or "@" not in text:
        return text
    return "".join(_hide(each) for each in re.split(r"(\s+)", text))


def _hide(word: str) -> str:
    """Rather hide too much: passwords hold every character, "/" and "@" included."""
    scheme, _, rest = word.partition("://")
    if "@" not in rest:
        return word
    host = rest.partition("/")[0]
    plain = "@" not in host and ":" not in host and "://" not in rest
    return word if plain else f"{scheme}://***@{rest.rpartition('@')[2]}"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
