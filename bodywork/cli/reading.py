"""`bodywork logs`: which attempts of a run have logs, and where those of reused stages are."""

import time
from collections import deque
from collections.abc import Callable, Iterator

from bodywork.cli.exits import tell
from bodywork.cli.following import LogFrame, write_log
from bodywork.cli.paper import Paper, PlainPaper
from bodywork.cli.standard_streams import reader_is_gone
from bodywork.cli.wiring import Place, load_run
from bodywork.errors import NotFound, UsageError
from bodywork.model.names import RunName, StageName
from bodywork.model.run import LogLine, StageRun
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Progress
from bodywork.workflow.record import parse_progress
from bodywork.workflow.status import run_status

LOOK_SECONDS = 0.3


class Reading:
    """Reads the logs of one run."""

    def __init__(
        self,
        place: Place,
        run: str,
        *,
        follow: bool,
        paper: Paper | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._place = place
        self._run = run
        self._follow = follow
        self._paper = paper or PlainPaper()
        self._frame = LogFrame(self._paper, place)
        self._sleep = sleep
        self._engine = place.engine()

    def show(self, stage: str, attempt: int, tail: int = 0) -> None:
        """Write the log of one stage, or of all of them; of each the last `tail` lines (0: all).

        Raises:
            NotFound: there is no such stage or attempt, or it has not begun.
            RunNotFound: there is no such run.
        """
        if attempt and not stage:
            raise UsageError("--attempt needs a STAGE")
        if stage:
            for line in self._lines(self._find(stage, attempt), tail):
                self._paper.line(line.text)
            return
        shown: set[StageRun] = set()
        while True:
            ended = self._has_ended()
            fresh = [each for each in self._begun() if each not in shown]
            for each in fresh:
                write_log(self._paper, self._frame, each, self._lines(each, tail))
                shown.add(each)
            if not self._follow or (ended and not fresh) or reader_is_gone():
                return
            if not fresh:
                self._sleep(LOOK_SECONDS)

    def _lines(self, attempt: StageRun, tail: int) -> Iterator[LogLine]:
        """Yield an attempt's log; where there is nothing in it, say so on stderr."""
        empty = True
        for line in self._read(attempt, tail):
            empty = False
            yield line
            if reader_is_gone():
                return
        if empty:
            number = f" (attempt {attempt.attempt})" if attempt.attempt > 1 else ""
            why = _why_empty(self._progress(attempt.run), attempt)
            tell(f"the log of stage {attempt.stage}{number} is empty{why}", label="note")

    def _read(self, attempt: StageRun, tail: int) -> Iterator[LogLine]:
        if not tail:
            yield from self._engine.read_log(attempt, follow=self._follow)
            return
        last = deque(self._engine.read_log(attempt), maxlen=tail)
        yield from last
        if self._follow:
            after = last[-1].position if last else 0
            yield from self._engine.read_log(attempt, after, follow=True)

    def _progress(self, run: str = "") -> Progress:
        return parse_progress(load_run(self._place, run or self._run).data)

    def _has_ended(self) -> bool:
        """Whether nothing more will be begun: the run is over, or nobody goes on with it."""
        checkpoint = load_run(self._place, self._run)
        controller = self._place.who_controls(self._run)
        alone = controller is None or controller.alive is False
        return checkpoint.state in lifecycle.TERMINAL or alone

    def _begun(self) -> Iterator[StageRun]:
        """Yield the attempts of this run that were begun, in the order of the DAG."""
        progress = self._progress()
        status = run_status(load_run(self._place, self._run))
        for stage in status.stages:
            for attempt in stage.attempts:
                if attempt.state != "intended":
                    yield progress.stage_run(StageName(stage.name), attempt.number)

    def _find(self, stage: str, number: int) -> StageRun:
        progress = self._progress()
        found = progress.stages.get(StageName(stage))
        if found is None:
            names = ", ".join(progress.stages) or "none yet"
            raise NotFound(f"run {self._run} has no stage {stage}", hint=f"its stages: {names}")
        if found.reused_from:
            return self._find_reused(stage, number, found.reused_from)
        if found.latest is None:
            raise NotFound(f"stage {stage} of run {self._run} has not begun")
        last = found.latest.number
        if number > last:
            raise NotFound(
                f"stage {stage} of run {self._run} has no attempt {number}",
                hint=f"it has {last}",
            )
        return progress.stage_run(StageName(stage), number or last)

    def _find_reused(self, stage: str, number: int, run: str) -> StageRun:
        """Find the attempt in the run that made it; that record may be gone, and its logs too."""
        other = Reading(self._place, RunName(run), follow=self._follow, paper=self._paper)
        return other._find(stage, number)


def _why_empty(progress: Progress, attempt: StageRun) -> str:
    """Return what is known of an attempt whose script never ran, or whose log is gone."""
    known = {each.number: each for each in progress.stages[attempt.stage].attempts}
    record = known.get(attempt.attempt)
    if record is None:
        return ""
    if record.state == "intended":
        return ": it has not started"
    return f": {record.reason}" if record.reason and record.exit_code is None else ""
