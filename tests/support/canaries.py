"""Secrets of many shapes, how they may be told, and whether some of one stands in a text."""

import base64
import html
import json
import random
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

CORE = "Qz7JxWv"
"""Stands in each line of each value, and nowhere else."""
ENCODED = tuple(
    base64.b64encode(b"\0" * before + CORE.encode())[(before * 8 + 5) // 6 :].decode()[:8]
    for before in range(3)
)
"""What base 64 makes of it, wherever it begins."""
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda value: repr(value.encode()),
    "JSON": json.dumps,
    "JSON in Unicode": lambda value: json.dumps([value], ensure_ascii=False),
    "path": quote,
    "URL": lambda value: quote(value, safe=""),
    "form": quote_plus,
    "shell": shlex.quote,
    "HTML": html.escape,
    "base 64": lambda value: base64.b64encode(value.encode()).decode(),
    "base 64 in lines": lambda value: base64.encodebytes(value.encode()).decode(),
    "base 64 of a URL": lambda value: base64.urlsafe_b64encode(f"ada:{value}".encode()).decode(),
}
PRINTING = """
import base64, html, json, os, shlex, sys
from urllib.parse import quote, quote_plus
for name in {names!r}:
    value = os.environ[name]
    for told in (
        value, repr(value), ascii(value), repr(value.encode()), json.dumps(value), quote(value),
        json.dumps([value], ensure_ascii=False), quote(value, safe=''), quote_plus(value),
        shlex.quote(value), html.escape(value), base64.b64encode(value.encode()).decode(),
        base64.encodebytes(value.encode()).decode(),
        base64.urlsafe_b64encode(('ada:' + value).encode()).decode(),
    ):
        print('told:', told)
"""
"""A script that prints the variables of these names in each of `FORMS`."""
_PIECES = ["/", "?", "#", "%", "@", ":", " ", "'", '"', "\\", "&", "+", "$(X)", "é", "木", "a", "9"]


def draw_values(seed: int) -> dict[str, str]:
    """Return variable → value: one line, several lines, JSON, and a value that is also a word."""
    dice = random.Random(f"values {seed}")

    def line() -> str:
        around = ["".join(dice.choices(_PIECES, k=dice.randint(0, 6))) for _ in range(2)]
        return CORE.join(around).strip()

    pem = "\n".join(["-----BEGIN KEY-----", *(line() for _ in range(dice.randint(1, 4)))])
    return {
        "TOKEN": line(),
        "PEM": pem + dice.choice(["\n", "", "\r\n"]),
        "DOCUMENT": json.dumps({"user": "ada", "password": line()}),
        "WORD": dice.choice(["main", "shop", "error", "x"]),
    }


def is_betrayed(text: str) -> bool:
    """Say whether some of a value stands in a text."""
    return CORE in text or any(each in text for each in ENCODED)


def betrayals(text: str) -> list[str]:
    """Return the lines in which some of a value stands."""
    return [line for line in text.splitlines() if is_betrayed(line)]
