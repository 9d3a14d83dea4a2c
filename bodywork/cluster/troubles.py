"""What a fact about an object means for a stage, by the table of `trouble_rows`; pure."""

import re
from dataclasses import dataclass

from bodywork.cluster.trouble_rows import ROWS, Wait
from bodywork.model.redaction import redact

BRIEFLY_SECONDS = 300.0
"""The kubelet tries a pull about six times within it, with growing pauses."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is in the way of a stage.

    Attributes:
        reason: one line for people.
        wait: how long it is waited for.
        hint: what the user can do.
    """

    reason: str
    wait: Wait
    hint: str = ""

    @property
    def hopeless(self) -> bool:
        """Whether waiting cannot mend it."""
        return self.wait is Wait.NO


_LONGEST, _HEAD = 400, 250
_BACK_OFF = re.compile(r'Back-off pulling image "[^"]*": ErrImagePull: ')
_NAMES = re.compile(r'"[^"]*"|\bhttps?://\S+|(?<!\S)(?!i/o\b|net/)\S*/\S+|\blookup \S+( on \S+)?')


def explain(kind: str, reason: str, message: str) -> Trouble | None:
    """Return what a fact means by the first row that fits; None where it is in nobody's way.

    Args:
        kind: see the module.
        reason, message: as Kubernetes gives them.
    """
    told = _BACK_OFF.sub("", " ".join(str(message).split()))  # the same reason as before the pause
    fact = f"{kind} {reason}: {told}"
    bare = f"{kind} {reason}: {_NAMES.sub('', told)}"
    for row in ROWS:
        if found := row.pattern.search(bare if row.bare else fact):
            words = {**found.groupdict(), "message": told or reason}
            words = {name: one_line(word) for name, word in words.items()}
            return Trouble(_filled(row.reason, words), row.wait, _filled(row.hint, words))
    return None


def one_line(text: str) -> str:
    """Return a message without line breaks, at most a paragraph of it: its beginning and its end,
    where the innermost cause stands."""
    line = redact(" ".join(str(text).split()))
    return line if len(line) <= _LONGEST else f"{line[:_HEAD]} … {line[_HEAD + 3 - _LONGEST :]}"


def _filled(template: str, words: dict[str, str]) -> str:
    return " ".join(template.format(**words).split()).removesuffix(":")
