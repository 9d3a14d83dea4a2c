"""What is left out of a run's record so that it always fits: decided here and nowhere else.

Sizes are bytes of the record's JSON, in which a character may take twelve. What only explains goes
first (lines of logs, then hints, then what earlier attempts of a stage came to, then the ends of
reasons), the oldest and largest of it first; the stage that the run is blamed on keeps its words
longest. What a controller decides by is never left out: states, names, identities, numbers. So each
record of a workflow that `problem_with_size` has let pass can be saved, in any state, and so can
its end and its cancel.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Cut: TypeAlias = tuple[Json, str, Any]
"""A part of the record, a key of it, and what takes the place of the value (None: nothing)."""

SMALL_BYTES = 64 << 10
STAGE_BYTES = 512
"""What a record may have: so much, and so much for each stage, …"""
MOST_BYTES = 352 << 10
"""… up to this. The rest of a checkpoint's limit is for its path, hooks and envelope."""
LEAST_BYTES = {"batch": 320, "service": 640}
"""What a stage needs at the least, beside its definition: its state and its last attempt; a service
its claim as well, with the version to come back to."""
MOVE_BYTES = 110
MOST_PATH_BYTES = 112 << 10
REASON_BYTES = 100
"""Of a reason, where it has to be short; `attempts.NOT_ENDED` is within half of it."""
VERDICT_BYTES = 600
VERDICT_LINES = 5


def size_of(value: Any) -> int:
    """Return how many bytes the value takes in a record."""
    return len(json.dumps(value, separators=(",", ":")))


def budget_of(data: Mapping[str, Any]) -> int:
    """Return how many bytes the record's data may have."""
    return min(MOST_BYTES, SMALL_BYTES + STAGE_BYTES * len(data.get("stages", ())))


def fit(data: Json, budget: int | None = None) -> Json:
    """Return the data with as little left out as the budget asks for; its parts are changed.

    `shortened` is then put into it, for people who miss something.
    """
    excess = size_of(data) - (budget_of(data) if budget is None else budget)
    if excess <= 0:
        return data
    data["shortened"] = True
    excess += size_of({"shortened": True})
    for cuts in _IN_TURN:
        for part, key, less in cuts(data):
            if excess <= 0:
                return data
            excess -= size_of(part[key])
            if less is None:
                del part[key]
                excess -= size_of(key) + len(":,")
            else:
                part[key] = less
                excess += size_of(less)
    return data


def problem_with_size(workflow: Mapping[str, Any]) -> str:
    """Return why a run of this workflow (as it stands in a record) could outgrow its record;
    "" where each of its records fits."""
    stages, steps = len(workflow["stages"]), len(workflow["steps"])
    kinds = ["service" if "service" in each else "batch" for each in workflow["stages"].values()]
    least = size_of(workflow) + sum(LEAST_BYTES[kind] for kind in kinds) + 4 * VERDICT_BYTES
    if least <= MOST_BYTES and 2 * steps * MOVE_BYTES <= MOST_PATH_BYTES:
        return ""
    return (
        f"{stages} stages in {steps} steps are too much for one run: its record would need "
        f"{least >> 10} KiB, and {MOST_BYTES >> 10} KiB is the limit"
    )


def shorten(text: str, most: int) -> str:
    """Return the text in at most so many bytes of a record, quotes included."""
    if size_of(text) <= most:
        return text
    kept, left = [], most - size_of("…")
    for character in text:
        left -= size_of(character) - 2
        if left < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


def _attempts(data: Json) -> Iterator[tuple[int, str, Json]]:
    """Yield each attempt with how long it is to keep its words: 0 for one that another followed, 2
    for that of the stage that is blamed, else 1."""
    culprit = (data.get("verdict") or {}).get("stage")
    for name, stage in data.get("stages", {}).items():
        *earlier, last = stage.get("attempts") or [{}]
        for attempt in earlier:
            yield 0, name, attempt
        yield 2 if name == culprit else 1, name, last


def _tails(data: Json) -> Iterator[Cut]:
    found = [
        (rank, -size_of(attempt["tail"]), number, attempt)
        for number, (rank, _, attempt) in enumerate(_attempts(data))
        if "tail" in attempt
    ]
    for *_, attempt in sorted(found, key=lambda each: each[:3]):
        yield attempt, "tail", None


def _modules(data: Json) -> Iterator[Cut]:
    if "modules" in data:
        yield data, "modules", None


def _hints(data: Json) -> Iterator[Cut]:
    for _, _, attempt in sorted(_attempts(data), key=lambda each: each[0]):
        if "hint" in attempt:
            yield attempt, "hint", None
    for stage in data.get("stages", {}).values():
        if "restoration_hint" in stage:
            yield stage, "restoration_hint", None


def _earlier_attempts(data: Json) -> Iterator[Cut]:
    """Leave only the number of a stage's attempts that others followed."""
    for name, stage in data.get("stages", {}).items():
        *earlier, last = stage.get("attempts") or [{}]
        if earlier:
            free = sum(bool(attempt.get("free")) for attempt in earlier)
            counts = {"forgotten": len(earlier), "forgotten_free": free}
            known = {key: stage.get(key, 0) + number for key, number in counts.items()}
            yield data["stages"], name, {**stage, "attempts": [last], **known}


def _reasons(data: Json) -> Iterator[Cut]:
    for _, _, attempt in sorted(_attempts(data), key=lambda each: each[0]):
        yield from _shorter(attempt, "reason", REASON_BYTES)
    for stage in data.get("stages", {}).values():
        for key in ("restoration_reason", "why"):
            yield from _shorter(stage, key, REASON_BYTES)
        yield from _shorter(stage.get("claim") or {}, "unresolved", REASON_BYTES)


def _verdict(data: Json) -> Iterator[Cut]:
    verdict = data.get("verdict") or {}
    for key, kept in (("details", slice(VERDICT_LINES)), ("tail", slice(-VERDICT_LINES, None))):
        if key in verdict:
            yield verdict, key, [shorten(line, VERDICT_BYTES // 5) for line in verdict[key][kept]]
    for key in ("hint", "reason"):
        yield from _shorter(verdict, key, VERDICT_BYTES)


def _explanations(data: Json) -> Iterator[Cut]:
    """Leave of each stage but what is decided by, and how its reason begins."""
    for stage in data.get("stages", {}).values():
        for key in ("why", "restoration_reason"):
            if key in stage:
                yield stage, key, None
    for _, _, attempt in sorted(_attempts(data), key=lambda each: each[0]):
        for key in ("started_at", "ended_at"):
            if key in attempt:
                yield attempt, key, None
        yield from _shorter(attempt, "reason", REASON_BYTES // 2)


def _shorter(part: Json, key: str, most: int) -> Iterator[Cut]:
    if size_of(part.get(key, "")) > most:
        yield part, key, shorten(part[key], most)


_IN_TURN: tuple[Callable[[Json], Iterator[Cut]], ...] = (
    _tails, _modules, _hints, _earlier_attempts, _reasons, _verdict, _explanations
)  # fmt: skip
