"""What is left out of a run's record so that it always fits: decided here and nowhere else.

A record has facts, which a controller decides by (states, names, identities, times, numbers), and
words, which only explain: lines of logs, hints, reasons. Facts are never left out; how much they
can be is known from the workflow (`problem_with_size`). Words have a budget of bytes, in which a
character may take twelve. Each is stored once, however many stages say it. Where they are too many,
lines of logs go first, then paths, then hints, then all that is known of attempts that others
followed, then the ends of reasons; the largest of the oldest first. What the run is blamed on keeps
its words longest. So each record can be saved, in any state, and so can its end and its cancel.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from typing import Any, Literal, TypeAlias

from statemachine.packing import size_of

Kind: TypeAlias = Literal["tail", "details", "hint", "reason", "remark", "modules", "outline"]
"""What a word is: a remark is a reason that may go entirely; tail and details are lines."""

EARLIER, LAST, BLAMED = 0, 1, 2
"""How long a word is to be kept: that of an attempt which another followed, or of the newest
attempt, or of what the run is blamed on."""

FEW_BYTES, LEAST_BYTES, FACT_BYTES = 60 << 10, 16 << 10, 120
"""The words of a run of few stages; of many; and what another stage takes off the former."""
MOST_BYTES = 396 << 10
"""Of a run's data and its path. The rest of a checkpoint's limit is for what is due for hooks and
their failures (`statemachine.bounds`), and its envelope."""
MOVE_BYTES, MOVES_BESIDE_STEPS = 64, 5
REQUEST_BYTES = 12 << 10
REASON_BYTES = 100
"""Of a reason, where it has to be short; `attempts.NOT_ENDED` is within half of it."""
BLAMED_BYTES, BLAMED_LINES = 600, 5
"""Of the words that the run is blamed on."""


def budget_of(stages: int) -> int:
    """Return how many bytes the words of a run of so many stages may have."""
    return max(LEAST_BYTES, FEW_BYTES - FACT_BYTES * stages)


@dataclass(slots=True)
class Word:
    """A text, or lines, or another JSON value, that explains something.

    Attributes:
        rank: the longest of those for whom it stands: EARLIER, LAST or BLAMED.
    """

    value: Any
    kind: Kind
    rank: int


class Words:
    """The words of one record, each with the place by which the record refers to it.

    Args:
        after: the same words, where they have been cut: what is left of them is used.
    """

    def __init__(self, after: "Words | None" = None) -> None:
        self.shortened: bool = after is not None and after.shortened
        self._words: list[Word] = []
        self._places: dict[tuple[Kind, Any], int] = {}
        self._after = after

    def place(self, value: Any, kind: Kind, rank: int = LAST) -> int | None:
        """Return the place of a word, which is new or was said before; None for an empty one."""
        value = self._after.left_of(value, kind) if self._after else value
        if not value:
            return None
        place = self._places.setdefault((kind, value), len(self._words))
        if place == len(self._words):
            self._words.append(Word(value, kind, rank))
        self._words[place].rank = max(self._words[place].rank, rank)
        return place

    def left_of(self, value: Any, kind: Kind) -> Any:
        """Return what is left of a word."""
        place = self._places.get((kind, value))
        return value if place is None else self._words[place].value

    def values(self) -> list[Any]:
        """Return the words by their places."""
        return [word.value for word in self._words]

    def size(self) -> int:
        """Return how many bytes they take."""
        return size_of(self.values())

    def cut(self, budget: int, *, to_the_bone: bool = False) -> bool:
        """Leave out as little as the budget asks for; return whether the words are within it.

        Only with `to_the_bone` more than tails, paths and hints is left out.
        """
        excess = self.size() - budget
        for kind, rank, least in _IN_TURN if to_the_bone else _IN_TURN[:_GENTLE]:
            for word in self._of(kind, rank):
                if excess <= 0:
                    return True
                before, word.value = size_of(word.value), _shorter(word, least)
                excess -= before - size_of(word.value)
                self.shortened = True
        return excess <= 0

    def _of(self, kind: Kind, rank: int) -> Iterator[Word]:
        """Yield the words of a kind whose rank is not above, the oldest and largest first."""
        words = [word for word in self._words if word.kind == kind and word.rank <= rank]
        yield from sorted(words, key=lambda word: (word.rank, -size_of(word.value)))


def problem_with_size(facts: int, words: int, stages: int, steps: int) -> str:
    """Return why a run could outgrow its record; "" where each of its records fits.

    Args:
        facts: bytes of the largest record that a run of the workflow can come to, without words.
        words: bytes of what is left of its words in any case.
        stages, steps: how many the workflow has.
    """
    path = (2 * steps + MOVES_BESIDE_STEPS) * MOVE_BYTES
    least = facts + max(words, budget_of(stages)) + path + REQUEST_BYTES
    if least <= MOST_BYTES:
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
        left -= len(encode_basestring_ascii(character)) - 2
        if left < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


def _shorter(word: Word, least: int) -> Any:
    """Return a word's value in so many bytes: nothing of it, the beginning of a text, the first
    lines of details, or the last ones of a tail."""
    if not least or not word.value:
        return None
    if isinstance(word.value, str):
        return shorten(word.value, least)
    kept = slice(BLAMED_LINES) if word.kind == "details" else slice(-BLAMED_LINES, None)
    return tuple(shorten(line, least // BLAMED_LINES) for line in word.value[kept])


_IN_TURN: tuple[tuple[Kind, int, int], ...] = (
    ("tail", LAST, 0),
    ("modules", LAST, 0),
    ("outline", LAST, 0),
    ("hint", LAST, 0),
    ("reason", LAST, REASON_BYTES),
    ("remark", LAST, REASON_BYTES),
    ("tail", BLAMED, BLAMED_BYTES),
    ("details", BLAMED, BLAMED_BYTES),
    ("hint", BLAMED, BLAMED_BYTES),
    ("reason", BLAMED, BLAMED_BYTES),
    ("reason", EARLIER, 0),
    ("reason", LAST, REASON_BYTES // 2),
    ("remark", LAST, 0),
)
"""Of which kind words go, up to which rank, and how many bytes of each are left."""
_GENTLE = 4
