import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.checkpoint import Checkpoint, Delivery, HookFailure, Json, Move
from statemachine.codec import Record, checksum, decode, encode, recall
from statemachine.errors import CheckpointCorrupt, CheckpointTooLarge
from statemachine.testing.stores import sample

GOLDEN = Path(__file__).parents[1] / "golden" / "checkpoints"

texts = st.text(max_size=20)
names = st.text(min_size=1, max_size=20)
moments = st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
data = st.dictionaries(texts, json_values, max_size=5)
checkpoints = st.builds(
    Checkpoint,
    id=names,
    machine=names,
    state=names,
    sequence=st.integers(1, 10**9),
    epoch=st.integers(1, 10**9),
    writer=names,
    software=texts,
    created_at=moments,
    updated_at=moments,
    data=data,
    path=st.lists(st.builds(Move, names, texts, moments), max_size=3).map(tuple),
    outbox=st.lists(st.builds(Delivery, names, names, data), max_size=3).map(tuple),
    failures=st.lists(st.builds(HookFailure, names, names, texts, st.booleans()), max_size=3).map(
        tuple
    ),
)


@settings(deadline=None)
@given(checkpoints, st.booleans())
def test_what_was_written_is_read_back(checkpoint: Checkpoint, sealed: bool) -> None:
    raw = encode(checkpoint, sealed=sealed)
    assert decode(raw) == Record(checkpoint, sealed)
    assert recall(raw) == decode(raw)
    assert encode(decode(raw).checkpoint, sealed=sealed) == raw


@settings(deadline=None)
@given(st.data())
def test_a_damaged_record_is_never_taken_for_another_one(draw: st.DataObject) -> None:
    raw = bytearray(encode(sample()))
    place = draw.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= draw.draw(st.integers(1, 255))
    try:
        read = decode(bytes(raw))
    except CheckpointCorrupt:
        return
    assert read == Record(sample(), sealed=False)  # only white space was changed


@settings(deadline=None)
@given(st.integers(0, len(encode(sample())) - 3))
def test_a_record_that_was_cut_short_is_refused(length: int) -> None:
    with pytest.raises(CheckpointCorrupt, match=r"damaged or cut short|is empty"):
        decode(encode(sample())[:length])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_checkpoint(raw: bytes) -> None:
    with pytest.raises(CheckpointCorrupt):
        decode(raw)


@pytest.mark.parametrize("text", ["[]", "null", "7", "{}", '{"schema": true}', '{"schema": 0}'])
def test_json_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(CheckpointCorrupt, match="is no checkpoint"):
        decode(text.encode())


def test_json_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(CheckpointCorrupt, match="damaged"):
        decode(b"[" * 200_000)


def edited(**changes: Any) -> bytes:
    """Return a record with other fields and a checksum that fits them."""
    document = {**json.loads(encode(sample())), **changes}
    document["checksum"] = checksum(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", 1.9),
        ("sequence", "1"),
        ("sequence", True),
        ("sequence", 0),
        ("epoch", None),
        ("sealed", "yes"),
        ("sealed", 1),
        ("state", ""),
        ("state", 5),
        ("created_at", "2026-01-02T03:04:05"),
        ("created_at", "yesterday"),
        ("data", []),
        ("path", [{"state": "a"}]),
        ("path", "abc"),
        ("outbox", [{"key": "k", "hook": "h", "event": 1}]),
        ("failures", [{"key": "k", "hook": "h", "reason": "", "required": "on"}]),
        ("unknown", 1),
    ],
)
def test_a_field_of_the_wrong_shape_is_named(field: str, value: Any) -> None:
    with pytest.raises(CheckpointCorrupt) as caught:
        decode(edited(**{field: value}))
    assert f"{field}: " in caught.value.message


def test_an_edit_without_a_new_checksum_is_noticed() -> None:
    raw = encode(sample()).replace(b'"state": "new"', b'"state": "old"')
    with pytest.raises(CheckpointCorrupt, match="was edited or damaged"):
        decode(raw)


def test_a_record_of_a_newer_program_names_that_program() -> None:
    with pytest.raises(CheckpointCorrupt, match="schema 7; this program knows up to 2") as caught:
        decode(edited(schema=7, software="orders 9.1"))
    assert caught.value.hint == "go on with the program that wrote it: orders 9.1"


def test_an_old_schema_goes_through_every_upgrade() -> None:
    def two_to_three(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "state": document["state"] + "+"}

    def three_to_four(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "state": document["state"] * 2}

    read = decode(encode(sample()), upgrades={2: two_to_three, 3: three_to_four}, schema=4)
    assert read.checkpoint == replace(sample(), state="new+new+", schema=4)


def test_an_old_schema_without_an_upgrade_is_refused() -> None:
    with pytest.raises(CheckpointCorrupt, match="can no longer read"):
        decode(encode(sample()), upgrades={}, schema=3)


def test_the_limit_counts_bytes() -> None:
    exact = len(encode(sample()))
    assert len(encode(sample(), limit=exact)) == exact
    with pytest.raises(CheckpointTooLarge, match=f"has {exact} bytes; at most {exact - 1}"):
        encode(sample(), limit=exact - 1)


@pytest.mark.parametrize("value", [{1: "a"}, {"a": object()}, {"a": {1, 2}}, {"a": float("nan")}])
def test_data_that_would_read_back_differently_are_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(replace(sample(), data=value))


def test_times_are_written_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    there = replace(sample(), created_at=datetime(2026, 1, 1, 9, tzinfo=tokyo))
    assert b'"created_at": "2026-01-01T00:00:00+00:00"' in encode(there)
    assert decode(encode(there)).checkpoint == there


def test_records_of_every_schema_that_was_ever_written_are_read() -> None:
    record = decode((GOLDEN / "schema-1.json").read_bytes())
    assert record == Record(sample(), sealed=True)


def test_writing_and_recalling_load_no_marshmallow() -> None:
    program = (
        "import sys\n"
        "from statemachine import codec, checkpoint\n"
        "from datetime import datetime, UTC\n"
        "now = datetime.now(UTC)\n"
        "c = checkpoint.Checkpoint('i', 'm', 's', 1, 1, 'w', 'x', now, now)\n"
        "assert codec.recall(codec.encode(c)).checkpoint == c\n"
        "assert 'marshmallow' not in sys.modules\n"
        "assert codec.decode(codec.encode(c)).checkpoint == c\n"
        "assert 'marshmallow' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "1" + "0" * 400, '"\\ud800"', "[" * 900],
)
@pytest.mark.parametrize(
    "field", ["sequence", "epoch", "created_at", "updated_at", "state", "data"]
)
def test_values_that_no_record_has_are_damage(field: str, value: str) -> None:
    document = json.loads(encode(sample()))
    text = json.dumps({**document, field: "@"}).replace('"@"', value)
    with pytest.raises(CheckpointCorrupt):
        decode(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"])
def test_a_time_that_utc_does_not_have_is_damage(moment: str) -> None:
    with pytest.raises(CheckpointCorrupt):
        decode(edited(created_at=moment))
