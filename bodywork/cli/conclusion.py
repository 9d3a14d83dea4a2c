"""What is said once a run has ended, or is no longer this controller's: messages, no output."""

from collections.abc import Iterator
from dataclasses import dataclass

from bodywork.cli.paper import printable
from bodywork.cli.render import summarize
from bodywork.model.names import service_name
from bodywork.workflow import lifecycle
from bodywork.workflow.attempts import NOT_ENDED
from bodywork.workflow.progress import Progress, Verdict
from bodywork.workflow.record import parse_progress
from statemachine.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Message:
    """A message for `exits.tell`."""

    text: str
    hint: str = ""
    label: str = "error"


def describe_end(last: Checkpoint) -> Message:
    """Return how a run ended that has not succeeded, with its reason, shortened."""
    progress = parse_progress(last.data)
    verdict = progress.verdict
    if last.state == lifecycle.CANCELLED:
        return Message(describe_cancel(last.id, progress), label="note")
    if verdict is None:
        return Message(f"run {last.id} {_words(last.state)}")
    reason = printable(verdict.reason)
    if verdict.fault in ("config", "source"):
        text = f"the run could not begin: {reason}"  # whole: the log does not say it
    else:
        reason = summarize(reason)
        text = f"run {last.id} {_words(last.state)}{_at_fault(verdict)}: {reason}"
    details = "".join(f"\n  {printable(line)}" for line in verdict.details)
    return Message(text + details, printable(verdict.hint))


def describe_leftovers(last: Checkpoint) -> Iterator[Message]:
    """Yield what the end of a run could not put in order: a service, or a stage that may run."""
    progress = parse_progress(last.data)
    for name, stage in progress.stages.items():
        if stage.restoration == "failed":
            service = service_name(progress.project.project, name)
            unknown = "what was there before" if stage.unresolved else "nothing"
            before = f"the version of run {stage.previous.run}" if stage.previous else unknown
            text = f"service {service} could not be brought back to {before}: "
            text += summarize(printable(stage.restoration_reason))
            yield Message(text, printable(stage.restoration_hint))
        latest = stage.latest
        if latest and latest.reason.startswith(NOT_ENDED):
            text = f"stage {name} may still run: {summarize(printable(latest.reason))}"
            yield Message(text, printable(latest.hint))


def describe_cancel(run: str, progress: Progress) -> str:
    """Return who cancelled the run."""
    return f"run {run} was cancelled by {progress.cancelled_by or 'a user'}"


def describe_take_over(run: str, now: Checkpoint | None, holder: str) -> Message:
    """Return who has taken a run from the controller that says so.

    Args:
        run: its name.
        now: its record as it is now; None where that cannot be read.
        holder: who signed its lease; "" where that is not known.
    """
    progress = parse_progress(now.data) if now else None
    if progress and progress.cancelled_by:
        return Message(describe_cancel(run, progress), label="note")
    text = f"{holder or 'another controller'} has taken run {run} over"
    if now and now.state in lifecycle.TERMINAL:
        text += f", and it has ended: {_words(now.state)}"
    return Message(f"{text}; this controller has changed nothing since")


def _at_fault(verdict: Verdict) -> str:
    return f" because of stage {verdict.stage}" if verdict.stage else ""


def _words(state: str) -> str:
    return state.replace("-", " ")
