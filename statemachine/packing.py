"""The stored form of a checkpoint's lists, in which nothing stands twice. Pure.

A way through a thousand states is most of a long machine's record, and the events of one save are
due for several hooks each. So a move is a row `[state, trigger, seconds]`, counted from the
creation; and deliveries that were decided in one save are one group, with what they share written
once, and without the keys, which follow from the save, the hook and the place in the group.

    {"event": {…}, "first": 0, "hooks": ["mail", …], "required": [0],
     "due": [["enter:paid", {…}, 0, …], …]}

A row of `due` has its topic, its data, and the hooks it is due for, by their place in `hooks`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from statemachine.checkpoint import Delivery, Move

Row: TypeAlias = list[Any]
Group: TypeAlias = dict[str, Any]

_OWN = ("topic", "data")
_SHARED = ("at", "machine", "previous", "sequence", "state", "trigger")
_encode = json.JSONEncoder(separators=(",", ":")).encode
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


def size_of(value: Any) -> int:
    """Return how many bytes the value takes in a record."""
    return len(_encode(value))


def pack_path(path: Sequence[Move], since: datetime) -> list[Row]:
    """Return the moves as rows."""
    return [[move.state, move.trigger, pack_time(move.at, since)] for move in path]


def unpack_path(rows: Sequence[Row], since: datetime) -> list[Group]:
    """Return the moves that the rows stand for, as `{"state", "trigger", "at"}`.

    Raises:
        ValueError, TypeError, OverflowError: the rows are not of this form.
    """
    return [
        {"state": state, "trigger": trigger, "at": unpack_time(seconds, since).isoformat()}
        for state, trigger, seconds in rows
    ]


def pack_time(at: datetime, since: datetime) -> float:
    """Return the seconds since a moment, exact to the microsecond."""
    passed = at - since
    return passed // _SECOND if not passed % _SECOND else passed // _MICROSECOND / 10**6


def unpack_time(seconds: Any, since: datetime) -> datetime:
    """Return the moment, in UTC, that is so many seconds after another."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"no number of seconds: {seconds!r}")
    return since.astimezone(UTC) + timedelta(microseconds=round(seconds * 10**6))


def pack_outbox(outbox: Sequence[Delivery], machine_id: str) -> list[Group]:
    """Return the deliveries in groups; one of another form than the runner's stands by itself."""
    groups: list[Group] = []
    expected: tuple[str, int] | None = None  # what the next delivery of the open group is like
    row = ""
    for delivery in outbox:
        number = _number_of(delivery, machine_id)
        if number is None:
            groups.append(_alone(delivery))
            expected = None
            continue
        shared, own = ([delivery.event[key] for key in keys] for keys in (_SHARED, _OWN))
        save, event = json.dumps(shared), json.dumps(own)  # for Python, 1 and True are the same
        if expected != (save, number):
            about = dict(zip(_SHARED, shared, strict=True))
            groups.append({"event": about, "first": number, "hooks": [], "due": []})
            row = ""
        place, rows = _place_of(groups[-1], delivery), groups[-1]["due"]
        if event == row and place not in rows[-1][len(_OWN) :]:
            rows[-1].append(place)
        else:
            rows.append([*own, place])
        expected, row = (save, number + 1), event
    return groups


def unpack_outbox(groups: Sequence[Group], machine_id: str) -> list[Group]:
    """Return the deliveries as `{"key", "hook", "event", "required"}`.

    Raises:
        KeyError, ValueError, TypeError: the groups are not of this form.
    """
    return [due for group in groups for due in _deliveries(group, machine_id)]


def _deliveries(group: Group, machine_id: str) -> Iterator[Group]:
    if "due" not in group:
        yield group
        return
    shared, number = group["event"], group["first"]
    hooks, required = dict(enumerate(group["hooks"])), set(group.get("required", ()))
    for topic, data, *places in group["due"]:
        for place in places:
            hook = hooks[place]
            yield {
                "key": _key(machine_id, shared["sequence"], hook, number),
                "hook": hook,
                "event": {**shared, "topic": topic, "data": data},
                "required": place in required,
            }
            number += 1


def _place_of(group: Group, delivery: Delivery) -> int:
    """Return the place of the delivery's hook among those of the group, which it may be new to."""
    hooks, required = group["hooks"], group.get("required", ())
    for place, hook in enumerate(hooks):
        if hook == delivery.hook and (place in required) == delivery.required:
            return place
    hooks.append(delivery.hook)
    if delivery.required:
        group["required"] = [*required, len(hooks) - 1]
    return len(hooks) - 1


def _alone(delivery: Delivery) -> Group:
    return {
        "key": delivery.key,
        "hook": delivery.hook,
        "event": delivery.event,
        "required": delivery.required,
    }


def _number_of(delivery: Delivery, machine_id: str) -> int | None:
    """Return the number at the end of the delivery's key; None where it is not of our form."""
    event: Mapping[str, Any] = delivery.event
    if event.keys() != {*_OWN, *_SHARED}:
        return None
    last = delivery.key.rpartition("/")[2]
    number = int(last) if last.isascii() and last.isdecimal() and len(last) < 10 else -1
    whole = _key(machine_id, event["sequence"], delivery.hook, number)
    return number if delivery.key == whole else None


def _key(machine_id: str, sequence: Any, hook: str, number: int) -> str:
    return f"{machine_id}/{sequence}/{hook}/{number}"
