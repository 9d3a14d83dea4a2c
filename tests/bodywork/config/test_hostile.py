"""What is printed of a stranger's files cannot harm a terminal, and holds no password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.config.hostile import shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("é漢", "é漢"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("\u202edesrever", "\\u202edesrever"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("https://ada:pw@host/x", "https://***@host/x"),
        ("https://token@host", "https://***@host"),
        ("a b https://ada:p/w@d@host/x c", "a b https://***@host/x c"),
        ("x://y/https://ada:pw@host", "x://***@host"),
        ("git+https://host/repo.git@v1", "git+https://host/repo.git@v1"),
        ("git@host:path", "git@host:path"),
    ],
)
def test_text_is_shown_safely(text: str, shown: str) -> None:
    assert shorten(text) == shown


@given(st.text())
def test_whatever_it_is_it_is_printable_and_short(text: str) -> None:
    shown = shorten(text)
    assert shown.isprintable()
    assert len(shown) <= 60


_LETTERS = st.characters(codec="ascii", exclude_categories=["C", "Z"], exclude_characters="host*")


@given(st.text(_LETTERS, min_size=6, max_size=20))
def test_no_password_of_an_address_is_shown(password: str) -> None:
    assert password not in shorten(f"x https://ada:{password}@host y")
