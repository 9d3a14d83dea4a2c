"""What an end must be, compared with the end of a run that was never killed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.cluster.crash.judge import Evidence, Outcome, RunEnd
from tests.cluster.crash.scene import Scene


@dataclass(frozen=True)
class Ending:
    """What is compared.

    Attributes:
        learned: the end of a run that was never killed.
        late: a request of the killed command came when another was at work.
    """

    scene: Scene
    learned: Outcome
    found: Outcome
    evidence: Evidence
    late: bool

    def told(self) -> str:
        return f"ended as {self.found}\n  and not as {self.learned}"


Check = Callable[[Ending], Iterator[str]]


def check_same(ending: Ending) -> Iterator[str]:
    """Yield what is not as in a run that was never killed."""
    learned = ending.learned
    good = [learned]
    if ending.late:  # the killed run's record came when another run had been begun in its place
        good.append(Outcome((*learned.runs, learned.runs[-1]), learned.live, learned.exposed))
    if ending.found not in good:
        yield ending.told()


def check_cancelled(ending: Ending) -> Iterator[str]:
    """Yield what is wrong with a run that was cancelled at some point, after an earlier one."""
    learned, found = ending.learned, ending.found
    earlier, last = learned.runs[:-1], learned.runs[-1]
    restored = frozenset((stage, 0) for stage, _ in learned.live)
    good = [learned, Outcome(earlier, restored, learned.exposed)]  # or nothing was on record
    if found.runs and found.runs[-1].attempts <= last.attempts:
        ended = (*earlier, RunEnd("cancelled", found.runs[-1].attempts))
        good.append(Outcome(ended, restored, learned.exposed))
    if found not in good:
        yield ending.told()


def check_two_runs(*states: str) -> Check:
    """Return the check of two runs over one service, of which one may end in these states."""

    def check(ending: Ending) -> Iterator[str]:
        scene, records = ending.scene, ending.evidence.records
        for each in records[1:]:
            wanted = ("succeeded",) if each.name in scene.companions else states
            if each.state not in wanted:
                yield f"run {each.name} is {each.state}, and not {' or '.join(wanted)}"
        accepted = [each for each in records if each.state == "succeeded"]
        newest = max(accepted, key=lambda each: each.checkpoint.updated_at)
        live = {("serve", scene.commits.index(newest.progress.commit))}
        if ending.found.live != live:
            yield f"{set(ending.found.live)} answers, and not what was accepted last: {live}"

    return check
