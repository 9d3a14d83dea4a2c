"""Which stages of a run are shown where a screen has no room for all; the others are counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bodywork.workflow.status import StageState, StageStatus

_KINDS: dict[StageState, str] = {
    "failed": "more failed",
    "lost": "more failed",
    "intended": "more run",
    "started": "more run",
    "stopped": "more stopped",
    "waiting": "more wait",
}
_DONE = "more done"
_MOST_TELLING = ("more failed", "more run", "more stopped")
_ORDER = (_DONE, *_MOST_TELLING, "more wait")


@dataclass(frozen=True, slots=True)
class Folded:
    """Stages to show, in the order of the DAG, and a line about the others ("" where all are)."""

    shown: tuple[StageStatus, ...]
    others: str = ""


def fold(stages: Sequence[StageStatus], lines: int) -> Folded:
    """Return what to show of the stages in that many lines.

    What failed or goes on is shown first, then what ended last. What waits is shown where there is
    room for all, and else counted.
    """
    used = [stage for stage in stages if stage.state != "unused"]
    if len(used) <= lines:
        return Folded(tuple(used))
    room = max(1, lines - 1)
    telling = [stage for kind in _MOST_TELLING for stage in used if _kind(stage) == kind]
    done = [stage for stage in used if _kind(stage) == _DONE]
    chosen = telling[:room]
    chosen += done[len(done) - min(len(done), room - len(chosen)) :]
    kept = {stage.name for stage in chosen}
    rest = Counter(_kind(stage) for stage in used if stage.name not in kept)
    others = ", ".join(f"{rest[kind]} {kind}" for kind in _ORDER if rest[kind])
    return Folded(tuple(stage for stage in used if stage.name in kept), others)


def _kind(stage: StageStatus) -> str:
    return _KINDS.get(stage.state, _DONE)
