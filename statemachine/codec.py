"""Checkpoint ↔ bytes: JSON that a person can read and nobody can change unnoticed.

It must not know where the bytes are kept. Writing is stdlib only. Reading bytes that come from
outside goes through four gates, in this order: JSON at all, a schema we know, the checksum, the
shape of every field; then upgrades from older schemas. The gate of the shape is `schema`, and
importing it costs more than a whole save (marshmallow), so it is loaded by the first such reading:
a process that only meets its own bytes (`recall`) never pays.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from statemachine.checkpoint import SCHEMA, Checkpoint, Delivery, HookFailure, Json, Move
from statemachine.errors import CheckpointCorrupt, CheckpointTooLarge
from statemachine.packing import pack_outbox, pack_path, unpack_outbox, unpack_path

LIMIT_BYTES = 512 * 1024
Document: TypeAlias = dict[str, Any]
Upgrades: TypeAlias = Mapping[int, Callable[[Document], Document]]

UPGRADES: Upgrades = {1: dict}
"""Schema n → a pure function from a document of schema n to one of n + 1. Never remove one.

Schema 2 says the same as schema 1, and has its lists packed; they are unpacked before this."""
_FIRST_PACKED = 2

_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
_START_ANEW = "restore it from a copy, or delete the machine and start a new one"
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Record:
    """What one stored document says: the checkpoint, and whether it is the machine's last one."""

    checkpoint: Checkpoint
    sealed: bool


def encode(checkpoint: Checkpoint, *, sealed: bool = False, limit: int = LIMIT_BYTES) -> bytes:
    """Return the checkpoint as bytes of at most `limit`.

    Raises:
        CheckpointTooLarge: it needs more.
        TypeError, ValueError: the data are no JSON values (a bug of the handler).
    """
    document = _document(checkpoint, sealed)
    document["checksum"] = checksum(document)
    raw = _layout(document).encode("ascii")
    if len(raw) > limit:
        raise CheckpointTooLarge(
            f"the checkpoint of {checkpoint.id} has {len(raw)} bytes; at most {limit} can be kept",
            hint="keep only names, identities and verdicts in the data, no logs or contents",
        )
    return raw


def decode(raw: bytes, *, upgrades: Upgrades = UPGRADES, schema: int = SCHEMA) -> Record:
    """Read bytes that anybody may have written, whatever they hold.

    Raises:
        CheckpointCorrupt: cut short, edited, no checkpoint, or of a schema without an upgrade.
    """
    try:
        return _decode(raw, upgrades, schema)
    except _DAMAGE as error:  # numbers that JSON does not have, values that no field can hold, …
        raise CheckpointCorrupt(f"the checkpoint is damaged ({error})", hint=_START_ANEW) from error


def _decode(raw: bytes, upgrades: Upgrades, schema: int) -> Record:
    document = _parse(raw)
    version = _schema_of(document)
    if version > schema:
        raise CheckpointCorrupt(
            f"the checkpoint has schema {version}; this program knows up to {schema}",
            hint=f"go on with the program that wrote it: {document.get('software', 'unknown')}",
        )
    if document.get("checksum") != checksum(document):
        raise CheckpointCorrupt(
            "the checkpoint was edited or damaged: its checksum does not match",
            hint=_START_ANEW,
        )
    # Loaded here and not above: see the module's docstring.
    from statemachine.schema import validate

    validate(document := _upgraded(_unpacked(document), upgrades, schema))
    return _record(document)


def recall(raw: bytes) -> Record:
    """Read bytes that this very process has written, or has decoded before: no gates."""
    return _record(_upgraded(_unpacked(json.loads(raw)), UPGRADES, SCHEMA))


def checksum(document: Document) -> str:
    """Return the checksum of a document: SHA-256 of its canonical JSON without `checksum`."""
    rest = {key: value for key, value in document.items() if key != "checksum"}
    return "sha256:" + hashlib.sha256(_encode(rest).encode("ascii")).hexdigest()


def _document(checkpoint: Checkpoint, sealed: bool) -> Document:
    return {
        "schema": checkpoint.schema,
        "id": checkpoint.id,
        "machine": checkpoint.machine,
        "state": checkpoint.state,
        "sealed": sealed,
        "sequence": checkpoint.sequence,
        "epoch": checkpoint.epoch,
        "writer": checkpoint.writer,
        "software": checkpoint.software,
        "created_at": _time(checkpoint.created_at),
        "updated_at": _time(checkpoint.updated_at),
        "data": _plain(checkpoint.data),
        "path": pack_path(checkpoint.path, checkpoint.created_at),
        "outbox": [_plain(each) for each in pack_outbox(checkpoint.outbox, checkpoint.id)],
        "failures": [
            {"key": each.key, "hook": each.hook, "reason": each.reason, "required": each.required}
            for each in checkpoint.failures
        ],
    }


def _unpacked(document: Document) -> Document:
    """Return the document with its lists as the schema of their entries describes them; one that is
    of another form stays, for the schema to say what is wrong with it."""
    if document["schema"] < _FIRST_PACKED:
        return document
    document = dict(document)
    with suppress(*_DAMAGE):
        document["path"] = unpack_path(document["path"], _moment(document["created_at"]))
    with suppress(*_DAMAGE):
        document["outbox"] = unpack_outbox(document["outbox"], document["id"])
    return document


def _record(document: Document) -> Record:
    checkpoint = Checkpoint(
        id=document["id"],
        machine=document["machine"],
        state=document["state"],
        sequence=document["sequence"],
        epoch=document["epoch"],
        writer=document["writer"],
        software=document["software"],
        created_at=_moment(document["created_at"]),
        updated_at=_moment(document["updated_at"]),
        data=document["data"],
        path=tuple(
            Move(move["state"], move["trigger"], _moment(move["at"])) for move in document["path"]
        ),
        outbox=tuple(Delivery(**due) for due in document["outbox"]),
        failures=tuple(HookFailure(**each) for each in document["failures"]),
        schema=document["schema"],
    )
    return Record(checkpoint, document["sealed"])


def _parse(raw: bytes) -> Document:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        what = "is empty" if not raw.strip() else f"is damaged or cut short ({error})"
        raise CheckpointCorrupt(f"the checkpoint {what}", hint=_START_ANEW) from error
    if not isinstance(document, dict):
        raise CheckpointCorrupt("the stored text is no checkpoint", hint=_START_ANEW)
    return document


def _schema_of(document: Document) -> int:
    version = document.get("schema")
    if type(version) is not int or version < 1:
        raise CheckpointCorrupt("the stored text is no checkpoint: no schema", hint=_START_ANEW)
    return version


def _upgraded(document: Document, upgrades: Upgrades, schema: int) -> Document:
    while (version := document["schema"]) < schema:
        if version not in upgrades:
            raise CheckpointCorrupt(
                f"the checkpoint has schema {version}, which this program can no longer read",
                hint=f"go on with the program that wrote it: {document.get('software')}",
            )
        document = {**upgrades[version](document), "schema": version + 1}
    return document


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _plain(value: Json) -> Json:
    """Return a copy of lists, dicts and scalars; refuse what would read back as something else."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(each) for key, each in value.items()}
    raise TypeError(f"no JSON value: {type(value).__name__}")


def _layout(document: Document) -> str:
    """Return the JSON with a line a field, and a line an entry of a list or of the data."""
    fields = ",\n".join(f'  "{key}": {_field(value)}' for key, value in document.items())
    return f"{{\n{fields}\n}}\n"


def _field(value: Json) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"    {_encode(each)}" for each in value) + "\n  ]"
    if isinstance(value, dict) and value:
        entries = (f"    {_encode(key)}: {_encode(each)}" for key, each in value.items())
        return "{\n" + ",\n".join(entries) + "\n  }"
    return _encode(value)
