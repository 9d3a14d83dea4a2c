"""The shape of a stored document, checked by marshmallow; loaded only to read foreign bytes.

Marshmallow is lenient by default (1.9 passes as an integer, "yes" as true), and a record that is
nearly right is wrong: hence `strict`, our own `Flag`, and no unknown field.
"""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow import validate as rules

from statemachine.errors import CheckpointCorrupt


class Flag(fields.Field[bool]):
    """True or false, and nothing that only resembles them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Not true or false.")
        return value


class Closed(Schema):
    """A schema that refuses fields it does not know."""

    class Meta:
        """Marshmallow's options."""

        unknown = RAISE


def _count() -> fields.Integer:
    return fields.Integer(strict=True, required=True, validate=rules.Range(min=1))


def _text(*, empty: bool = False) -> fields.String:
    return fields.String(required=True, validate=rules.Length(min=0 if empty else 1))


def _moment() -> fields.AwareDateTime:
    return fields.AwareDateTime(format="iso", required=True)


def _values() -> fields.Dict:
    return fields.Dict(keys=fields.String(), required=True)


class MoveSchema(Closed):
    """A state that was entered."""

    state = _text()
    trigger = _text(empty=True)
    at = _moment()


class DeliverySchema(Closed):
    """A hook that is due."""

    key = _text()
    hook = _text()
    event = _values()
    required = Flag()


class FailureSchema(Closed):
    """A delivery that was given up."""

    key = _text()
    hook = _text()
    reason = _text(empty=True)
    required = Flag(required=True)


class CheckpointSchema(Closed):
    """The whole document."""

    schema = _count()
    id = _text()
    machine = _text()
    state = _text()
    sealed = Flag(required=True)
    sequence = _count()
    epoch = _count()
    writer = _text()
    software = _text(empty=True)
    created_at = _moment()
    updated_at = _moment()
    data = _values()
    path = fields.List(fields.Nested(MoveSchema), required=True)
    outbox = fields.List(fields.Nested(DeliverySchema), required=True)
    failures = fields.List(fields.Nested(FailureSchema), required=True)
    checksum = _text()


_CHECKPOINT = CheckpointSchema()


def validate(document: dict[str, Any]) -> None:
    """Check every field.

    Raises:
        CheckpointCorrupt: with the names of the fields that are wrong, and why.
    """
    problems = _CHECKPOINT.validate(document)
    if problems:
        told = "; ".join(f"{field}: {_first(why)}" for field, why in sorted(problems.items()))
        raise CheckpointCorrupt(
            f"the checkpoint has wrong fields ({told})",
            hint="go on with the program that wrote it, or delete the machine",
        )


def _first(why: Any) -> str:
    while isinstance(why, dict | list):
        why = next(iter(why.values() if isinstance(why, dict) else why))
    return str(why)
