"""Text out of somebody else's repository, in a form that may be printed.

It could move the cursor of a terminal, fill the screen, or hold a password: what is shown of it is
printable, short, and without the credentials of an address. Nothing here knows what the text means.
"""

from bodywork.model.redaction import redact

LONGEST_READ = 2000


def shorten(text: str, length: int = 60) -> str:
    """Return `text` escaped, without passwords in addresses, and cut to `length` characters."""
    told = redact(text[:LONGEST_READ])
    plain = "".join(each if each.isprintable() else _escape(each) for each in told)
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
