"""Why a run fails: the verdict on record, and the one log record that says it.

An attempt that failed has been told with its reason when it ended (`attempts`), so its stage and
its run are only named. What fails without an attempt is told here.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from bodywork.errors import (
    BodyworkError,
    ConfigError,
    OtherRepository,
    Problem,
    SourceError,
    UsageError,
)
from bodywork.model.names import StageName
from bodywork.workflow.context import LOG, Context
from bodywork.workflow.progress import Fault, Progress, Verdict
from statemachine.checkpoint import Checkpoint

MOST_DETAILS = 20
MOST_CHARACTERS = 300


def record_verdict(context: Context, progress: Progress, verdict: Verdict) -> Progress:
    """Return the progress with a verdict that no attempt has been told for."""
    context.when_saved(lambda: LOG.error("the run fails: %s", verdict.reason))
    return replace(progress, verdict=verdict)


def blame_error(context: Context, progress: Progress, error: BodyworkError) -> Progress:
    """Blame what kept the run from beginning: its source, its configuration, the engine.

    What the user gave is answered by the last error of the command line or of the API: its reason
    is not logged as well.
    """
    details: tuple[str, ...] = ()
    if isinstance(error, ConfigError):
        for problem in error.problems:
            level = logging.WARNING if problem.warning else logging.ERROR
            LOG.log(level, "%s", describe(problem))
        details = _details(error.problems)
    fault = _fault(error)
    lasting = isinstance(error, SourceError) and not error.temporary
    final = fault == "config" or lasting or isinstance(error, OtherRepository)
    verdict = Verdict(fault, error.message, error.hint, details=details, final=final)
    if fault == "engine":
        return record_verdict(context, progress, verdict)
    return replace(progress, verdict=verdict)


def _fault(error: BodyworkError) -> Fault:
    if isinstance(error, SourceError):
        return "source"
    return "config" if isinstance(error, UsageError) else "engine"


def blame_stage(context: Context, progress: Progress, name: StageName) -> Progress:
    """Blame a stage whose last attempt failed; the log has that attempt's reason already."""
    latest = progress.stages[name].latest
    if latest is None:
        raise ValueError(f"{name} has no attempt to blame")
    verdict = Verdict(
        "stage",
        latest.reason,
        latest.hint,
        stage=name,
        attempt=latest.number,
        exit_code=latest.exit_code,
        tail=latest.tail,
        final=latest.final,
    )
    if latest.number > 1:
        context.when_saved(
            lambda: LOG.error("stage=%s failed after %d attempts", name, latest.number)
        )
    return replace(progress, verdict=verdict)


def blame_hooks(context: Context, checkpoint: Checkpoint, progress: Progress) -> Progress:
    """Blame the required hooks that failed for good."""
    names = ", ".join(checkpoint.failed_hooks)
    return record_verdict(context, progress, Verdict("hook", f"the required hook {names} failed"))


def describe(problem: Problem) -> str:
    """Return a problem as one line: where, and what."""
    line = f":{problem.line}" if problem.line else ""
    section = f" [{problem.section}]" if problem.section else ""
    key = f" {problem.key}" if problem.key else ""
    where = f"{section}{key}:" if section or key else ""
    return f"{problem.file}{line}:{where} {problem.message}"


def _details(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return the errors with their hints, as many as a checkpoint should hold."""
    lines = []
    for problem in islice((each for each in problems if not each.warning), MOST_DETAILS):
        lines.append(describe(problem)[:MOST_CHARACTERS])
        if problem.hint:
            lines.append(f"  hint: {problem.hint}"[:MOST_CHARACTERS])
    return tuple(lines)
