"""The form of the files: what Python's configparser reads, with line numbers."""

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.config.ini import Entry, read_ini


def values(text: str) -> dict[str, dict[str, str]]:
    """Return what is read of a text that has no problem."""
    document = read_ini("a.ini", text)
    assert document.problems == []
    return {
        section: {key: entry.value for key, entry in entries.items()}
        for section, entries in document.sections.items()
    }


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("x", "x"),
        ('"x"', "x"),
        ("'x'", "x"),
        ('""', ""),
        ('"it\'s"', "it's"),
        ('"a" "b"', '"a" "b"'),
        ('"a b" c', '"a b" c'),
        ("a=b:c", "a=b:c"),
        ("%(x)s $HOME ${y}", "%(x)s $HOME ${y}"),
        ("a # b", "a # b"),
        ("a\n  b\n\n  # no value\n  c", "a b c"),
    ],
)
def test_a_value_is_taken_as_it_stands(written: str, read: str) -> None:
    assert values(f"[s]\nK={written}\n") == {"s": {"K": read}}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_an_editor_does(end: str) -> None:
    text = end.join(["; first", "[s]", "", "A=1", "B=\u2028x\x0cy\x85z", "C=3"])
    entries = read_ini("a.ini", text).sections["s"]
    assert entries == {"A": Entry("1", 4), "B": Entry("x\x0cy\x85z", 5), "C": Entry("3", 6)}


def test_a_section_that_is_indented_as_a_whole_is_read() -> None:
    assert values("  [s]\n  A=1\n  B=2\n") == {"s": {"A": "1", "B": "2"}}


def test_after_a_broken_header_its_keys_are_not_complained_of() -> None:
    document = read_ini("a.ini", "[s\nA=1\nB=2\n[t]\nC=3\n")
    assert [each.line for each in document.problems] == [1]
    assert document.sections == {"t": {"C": Entry("3", 5)}}


def test_a_file_of_rubbish_is_not_told_line_by_line() -> None:
    document = read_ini("a.ini", "rubbish\n" * 5000)
    assert len(document.problems) == 51
    assert document.problems[-1].message == "has more problems than are listed; mend these first"


_words = st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True)
_plain = st.from_regex(r"[a-zA-Z0-9%$.,>/=:-]([a-zA-Z0-9 %$.,>/=:#-]{0,20}[a-z])?", fullmatch=True)


@given(st.dictionaries(_words, st.dictionaries(_words, _plain, max_size=4), max_size=4))
def test_it_reads_what_configparser_reads(sections: dict[str, dict[str, str]]) -> None:
    sections.pop("DEFAULT", None)
    text = "".join(
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for name, entries in sections.items()
    )
    parser = configparser.RawConfigParser(default_section="")
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # its documented use
    parser.read_string(text)
    assert values(text) == {name: dict(parser[name]) for name in parser.sections()}


def test_nothing_is_read_twice() -> None:
    document = read_ini("a.ini", "[s]\nA=1\nA=2\n[s]\nB=3\n")
    told = [(each.line, each.section, each.key, each.message) for each in document.problems]
    assert told == [
        (3, "s", "A", "stands twice (first in line 2)"),
        (4, "s", "", "the section stands twice (first in line 1)"),
    ]
