"""Nothing secret is left in a text, whatever it looks like; and one module alone sees to it."""

import ast
import base64
import html
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import bodywork
from bodywork.cli.choice import Order
from bodywork.errors import EngineError, SourceError
from bodywork.git import parse_repository
from bodywork.model.redaction import (
    MASK,
    SHORTEST_VALUE,
    hidden_in_errors,
    hide_bytes,
    mask_values,
    redact,
    redact_address,
)

# What a value is made of here never occurs in what stands around it, so a rest of it is seen.
VALUE_PIECES = ["Q", "J", "QJ", "\n", " ", "\t", "/", "?", "#", "@", ":", "%", "'", '"', "\\", "é"]
VALUES = st.lists(st.sampled_from(VALUE_PIECES), min_size=1, max_size=12).map("".join)
AROUND = st.text("abc =,\n", max_size=8)
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "of a file's end": lambda value: value.rstrip("\n"),
    "URL": lambda value: quote(value, safe=""),
    "path": quote,
    "form": quote_plus,
    "JSON": lambda value: json.dumps(value)[1:-1],
    "Python": lambda value: repr(value)[1:-1],
    "lower-case URL": lambda value: re.sub("%..", lambda m: m[0].lower(), quote(value, safe="")),
    "JSON in Unicode": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "ASCII": lambda value: ascii(value)[1:-1],
    "bytes": lambda value: repr(value.encode())[2:-1],
    "shell": lambda value: shlex.quote(value)[1:-1],
    "HTML": html.escape,
}


def rests(value: str) -> list[str]:
    """What of a value must not be seen: each of its lines that is long enough."""
    lines = (line.strip() for line in value.splitlines())
    return [line for line in lines if len(line) >= SHORTEST_VALUE]


@given(values=st.lists(VALUES, max_size=3), form=st.sampled_from(sorted(FORMS)), text=AROUND)
@example(["QQQQ\nJJJJ\n"], "plain", "a")
@example(["QQQQ", "QQJJ"], "plain", "")
@example(["QQQQ JJ@/"], "form", "x=")
def test_no_value_of_a_secret_is_left(values: list[str], form: str, text: str) -> None:
    told = text.join([text, *(FORMS[form](value.strip()) for value in values), text])
    masked = mask_values(told, values)
    for rest in (rest for value in values for rest in rests(value)):
        assert rest not in masked
        assert form == "plain" or FORMS[form](rest) not in masked


ENCODERS: dict[str, Callable[[bytes], str]] = {
    "plain": lambda raw: base64.b64encode(raw).decode(),
    "without padding": lambda raw: base64.b64encode(raw).decode().rstrip("="),
    "of a URL": lambda raw: base64.urlsafe_b64encode(raw).decode(),
}


def decoded(text: str) -> bytes:
    """Return all that words of base 64 in a text could stand for, wherever they begin."""
    words = re.findall(r"[A-Za-z0-9+/]{4,}", text.replace("-", "+").replace("_", "/"))
    return b"\n".join(
        base64.b64decode(word[start : start + (len(word) - start) // 4 * 4])
        for word in words
        for start in range(4)
    )


@given(VALUES, st.sampled_from(sorted(ENCODERS)), st.binary(max_size=4), st.binary(max_size=4))
@example("QQQQJ", "plain", b"ada:", b"")
@example("QQQQ\nJJJJJJ\n", "of a URL", b"a", b"b")
def test_no_value_is_left_in_base_64(value: str, how: str, before: bytes, behind: bytes) -> None:
    """As in `Authorization: Basic …`, or what `kubectl get secret` prints."""
    told = f"Basic {ENCODERS[how](before + value.encode() + behind)} is refused"
    masked = mask_values(told, [value])
    for rest in (each for each in rests(value) if len(each.encode()) > 5):
        assert rest.encode() not in decoded(masked)
    assert (masked.partition(" ")[0], masked.rpartition(" is ")[2]) == ("Basic", "refused")


@pytest.mark.parametrize("width", [64, 76])
def test_a_key_is_found_in_base_64_of_several_lines(width: int) -> None:
    key = "".join(f"{n:02} {'QJ' * 30}\n" for n in range(20))
    encoded = base64.b64encode(key.encode()).decode()
    lines = [encoded[start : start + width] for start in range(0, len(encoded), width)]
    assert {mask_values(line, [key]) for line in lines if len(line) == width} == {MASK}
    assert b"QJQJ" not in decoded(mask_values("\n".join(lines), [key]))


@pytest.mark.parametrize("line", ["-----BEGIN KEY-----", "Y2FuYXJ5", "-----END KEY-----"])
def test_a_value_of_several_lines_is_found_by_line(line: str) -> None:
    key = "-----BEGIN KEY-----\n  Y2FuYXJ5\n-----END KEY-----\n"
    assert mask_values(f"it is {line}!", [key]) == f"it is {MASK}!"


@pytest.mark.parametrize(("values", "shown"), [(["abcd", "cdef"], "x***y"), (["bc"], "xabcdefy")])
def test_values_that_overlap_leave_nothing_and_short_ones_are_not_looked_for(
    values: list[str], shown: str
) -> None:
    assert mask_values("xabcdefy", values) == shown


@given(AROUND, st.lists(st.text("QJ\n", max_size=3)))
def test_what_has_no_secret_in_it_stays_as_it_is(text: str, short: list[str]) -> None:
    assert mask_values(text, short) == text
    assert redact(text) == text
    assert redact_address(text) == text


PASSWORDS = VALUES.filter(lambda value: "Q" in value or "J" in value)
BEFORE = ["https://ada:", "https://", "HTTPS://ada:", "http://a:", "ftp://a:", "https:/ada:"]
BEFORE += ["ssh://git:", "ssh://git:22", "https:ada:", "https://ada:1234", "file://a:", "ada:"]


@given(before=st.sampled_from(BEFORE), password=PASSWORDS, path=st.sampled_from(["/p", "", ":p"]))
@example("https://ada:", "Q/J", "/p")
@example("https://ada:1234", "/Q", "/p")
@example("https://ada:", "Q J", "/p")
@example("ada:", "Q", "/p")
def test_no_password_of_an_address_is_put_on_record(before: str, password: str, path: str) -> None:
    address = f"{before}{password}@host{path}"
    recorded = redact_address(Order(git_repo_url=address, git_repo_branch="b").check().git_repo_url)
    assert not set("QJ") & set(recorded)
    assert redact_address(recorded) == recorded
    try:
        repository = parse_repository(address)
        told = repository.text + repository.url + repr(repository)
    except SourceError as error:
        told = error.message + error.hint
    assert not set("QJ") & set(told)


@given(before=st.sampled_from(BEFORE[:4]), password=PASSWORDS, around=st.sampled_from(["'", ""]))
def test_no_password_of_an_address_within_a_text_is_told(
    before: str, password: str, around: str
) -> None:
    word = "".join(password.replace("\\", "/").split())
    told = redact(f"fatal: {around}{before}{word}@host/p{around}: see https://host/a or a@b.c")
    assert not set("QJ") & set(told)
    assert told.endswith(f"@host/p{around}: see https://host/a or a@b.c")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ada:two words@host/p is", "https://***@host/p is"),
        ("https://ada@x:two words@host/p", "https://***@host/p"),
        ("at https://host:8080/p and a@b", "at https://host:8080/p and a@b"),
        ("https://host/p: a b@c", "https://host/p: a b@c"),
        ("https://host/p@v1 https://a@host", "https://host/p@v1 https://***@host"),
        ("file:///srv/a@b/c", "file:///srv/a@b/c"),
        ("ssh://git@host/p", "ssh://git@host/p"),
        ("ssh://git:pw@host/p", "ssh://***@host/p"),
        ("https://a@h/x\nhttps://b@h/y", "https://***@h/x\nhttps://***@h/y"),
    ],
)
def test_an_address_in_a_text_loses_its_password_and_nothing_else(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "address",
    ["git@host:p", "ssh://git@host:22/p", "/srv/a@b:c/p", "./a@b", "~/a:b@c", "file:///a@b", "a@b"],
)
def test_addresses_without_a_password_are_recorded_as_they_are(address: str) -> None:
    assert redact_address(address) == address


def test_no_other_module_hides_anything() -> None:
    package = Path(bodywork.__file__).parent
    masking = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and MASK in node.value
        and not node.value.startswith(("\n*** kill", " ***"))
        and not _is_docstring(path, node)
    }
    assert masking == {"model/redaction.py"}


def _is_docstring(path: Path, wanted: ast.Constant) -> bool:
    return any(
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and node.value.value == wanted.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    )


LONG = {
    "a word": "a" * 60_000 + "@",
    "schemes": "a://" * 15_000 + "@",
    "paths": "file:///" * 8_000 + "@",
    "addresses": "https://h/" * 6_000 + " @",
    "lines": "https://h/p\n" * 200_000 + "@",
    "lines of paths": ("file:///@" * 900 + "\n") * 30,
    "signs": "https://" + "@" * 60_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_long_text_takes_no_long_time(text: str) -> None:
    """A script prints what it likes, and the controller reads it: 60 kB took minutes once."""
    assert len(redact(text)) <= len(text)


@pytest.mark.timeout(20)
def test_many_lines_without_a_long_key_take_no_long_time() -> None:
    """An installer prints a line for each package: to make the forms of a key takes 17 ms."""
    key = "\n".join("QJ" * 32 + f"{line:06}" for line in range(50))
    lines = [b"Collecting a%d" % number for number in range(3000)]
    assert [hide_bytes(line, [key]) for line in lines] == lines


@given(st.text("a@:/. \n", max_size=40), st.text("QJ/@: ", min_size=1, max_size=20))
def test_nothing_of_a_password_in_a_very_long_line_is_left(around: str, password: str) -> None:
    told = redact(f"{'a ' * 9000}https://ada:{password}@host {'b ' * 9000}{around}")
    assert not set("QJ") & set(told)


def test_an_error_of_a_block_loses_what_is_known_when_it_comes() -> None:
    known: list[str] = []

    def fail() -> None:
        with hidden_in_errors(known):
            known.append("QJQJ")
            raise EngineError("QJQJ at https://a:b@h", hint='use "QJQJ"')

    with pytest.raises(EngineError) as raised:
        fail()
    assert str(raised.value) == raised.value.message == "*** at https://***@h"
    assert raised.value.hint == 'use "***"'


def test_bytes_that_are_not_utf_8_stay_and_are_found() -> None:
    value = b"\xffQJQJ".decode("utf-8", "surrogateescape")
    assert hide_bytes(b"\xfe \xffQJQJ\n", [value]) == b"\xfe ***\n"
    encoded = base64.b64encode(b"\xffQJQJ").decode()
    assert mask_values(encoded, [value]) == MASK
