"""What `bodywork status` says of runs, in words; pure."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from bodywork.cli.folding import fold
from bodywork.cli.paper import printable
from bodywork.cli.render import render_ago, render_duration, render_mapping, render_table
from bodywork.cli.shortening import shorten
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Attempt
from bodywork.workflow.status import RunStatus, StageStatus
from bodywork.workflow.summary import SHORT_COMMIT, describe_stage, describe_state

Advise = Callable[..., str]
"""Words of a command → the command to type."""
NOTE_WIDTH = 40
COMMENT = "   # "
"""Between a command and what it is for; on narrow screens that stands on the line above."""


def render_runs(
    statuses: Sequence[RunStatus],
    now: datetime,
    width: int | None,
    most: int | None = None,
    everywhere: bool = False,
) -> str:
    """Return the table of a namespace's runs, or with `everywhere` of those of all namespaces.

    It has the first `most` of them, and says how many more there are.
    """
    shown = statuses if most is None or len(statuses) <= most else statuses[: max(1, most - 1)]
    rows: list[tuple[str, ...]] = [
        (
            status.run,
            describe_state(status),
            f"{status.step}/{status.steps}" if status.steps else "-",
            render_ago(status.created_at, now),
            _took(status, now),
        )
        for status in shown
    ]
    headers: tuple[str, ...] = ("RUN", "STATE", "STEP", "STARTED", "TOOK")
    names: tuple[str, ...] = ("RUN",)
    if everywhere:
        headers, names = ("NAMESPACE", *headers), ("RUN", "NAMESPACE")
        rows = [(status.namespace, *row) for status, row in zip(shown, rows, strict=True)]
    table = render_table(headers, rows, width, names=names, spare=("TOOK", "STEP"))
    more = len(statuses) - len(shown)
    return f"{table}\nand {more} older" if more else table


def render_run(
    status: RunStatus,
    now: datetime,
    advise: Advise,
    width: int | None,
    newer: str = "",
    most: int | None = None,
) -> str:
    """Return all about one run: what, where it stands, why it failed, what to do next.

    Args:
        status, now: the run, seen now.
        advise: gives a command to type.
        width: of the screen; None for a file.
        newer: how many commits its branch has got since, where that is known.
        most: how many lines the stages may take.
    """
    parts = [
        _head(status, now, width),
        render_stages(status, now, width, most),
        _why(status),
        _rolled_back(status),
        _failed_hooks(status),
        _next(status, advise, newer, width),
    ]
    return "\n\n".join(part for part in parts if part)


def render_stages(
    status: RunStatus, now: datetime, width: int | None = None, most: int | None = None
) -> str:
    """Return the table of a run's stages; those that do not go into `most` lines are counted."""
    folded = fold(status.stages, len(status.stages) if most is None else most)
    rows = [
        (
            str(stage.step) if stage.step else "-",
            stage.name,
            describe_stage(stage),
            stage_time(stage, now),
            str(stage.attempts[-1].number if stage.attempts else "-"),
            shorten(stage_note(stage), NOTE_WIDTH),
        )
        for stage in folded.shown
    ]
    if not rows:
        return ""
    headers = ("STEP", "STAGE", "STATE", "TIME", "TRIES", "NOTE")
    table = render_table(headers, rows, width, names=("STAGE",), wrap=most is None)
    return f"{table}\n{folded.others}" if folded.others else table


def _head(status: RunStatus, now: datetime, width: int | None) -> str:
    where = f" in step {status.step} of {status.steps}" if status.step and not _done(status) else ""
    when = f"{status.created_at:%Y-%m-%d %H:%M:%S} UTC, {render_ago(status.created_at, now)}"
    return render_mapping(
        {
            "run": status.run,
            "state": describe_state(status) + where,
            "project": status.project,
            "repository": status.repository,
            "path": status.project_path,
            "branch": status.reference,
            "commit": status.commit[:SHORT_COMMIT],
            "started": when,
            "took" if status.ended else "so far": _took(status, now),
            "continues": status.continues,
            "controller": _who(status),
            "cancelled by": status.cancelled_by,
            "hooks due": ", ".join(status.hooks_due),
            "hooks failed": ", ".join(status.hooks_failed),
        },
        width,
    )


def _done(status: RunStatus) -> bool:
    return status.state == lifecycle.SUCCEEDED


def _who(status: RunStatus) -> str:
    if status.ended:
        return ""
    if status.controller is None:
        return "nobody"
    words = {True: "alive", False: "dead", None: "on another machine; not known whether alive"}
    return f"{status.controller.holder}, {words[status.controller.alive]}"


def _took(status: RunStatus, now: datetime) -> str:
    until = status.updated_at if status.ended else now
    return render_duration(until - status.created_at)


def stage_time(stage: StageStatus, now: datetime) -> str:
    """Return how long the stage has taken so far, over all its tries."""
    if not stage.attempts:
        return "-"
    first, last = stage.attempts[0], stage.attempts[-1]
    if first.started_at is None:
        return "-"
    return render_duration(max(timedelta(), (_end_of(last, now)) - first.started_at))


def _end_of(attempt: Attempt, now: datetime) -> datetime:
    if attempt.ended_at:
        return attempt.ended_at
    return now if attempt.active or attempt.started_at is None else attempt.started_at


def stage_note(stage: StageStatus) -> str:
    """Return what there is to say of a stage in a few words."""
    if stage.reused_from:
        return f"from run {stage.reused_from}"
    latest = stage.attempts[-1] if stage.attempts else None
    if latest and latest.state in ("intended", "started", "failed", "lost", "stopped"):
        return latest.reason or stage.restoration_reason
    return stage.restoration_reason


def _why(status: RunStatus) -> str:
    verdict = status.verdict
    if verdict is None:
        return ""
    tries = f", attempt {verdict.attempt}" if verdict.attempt > 1 else ""
    where = f"stage {verdict.stage}{tries}: " if verdict.stage else ""
    lines = [f"Why: {where}{printable(verdict.reason)}"]
    lines += [f"  {printable(line)}" for line in verdict.details]
    if verdict.exit_code is not None and str(verdict.exit_code) not in verdict.reason:
        lines.append(f"exit code: {verdict.exit_code}")
    if verdict.hint:
        lines.append(f"hint: {printable(verdict.hint)}")
    if verdict.tail:
        lines.append("The last lines of its log:")
        lines += [f"  | {printable(line)}".rstrip() for line in verdict.tail]
    return "\n".join(lines)


def _rolled_back(status: RunStatus) -> str:
    lines = [_restoration(stage) for stage in status.stages if stage.restoration]
    return "\n".join(["Services:", *lines]) if lines else ""


def _restoration(stage: StageStatus) -> str:
    before = stage.previous
    unknown = "what was there before" if stage.unresolved else "nothing"
    version = f"the version of run {before.run}" if before else unknown
    commit = f" (commit {before.commit[:SHORT_COMMIT]})" if before else ""
    words = {
        "restored": f"is back at {version}{commit}",
        "removed": "was new, and has been removed",
        "left": "was left alone",
        "failed": f"could NOT be brought back to {version}{commit}",
    }
    reason = f": {printable(stage.restoration_reason)}" if stage.restoration_reason else ""
    hint = f"\n    hint: {printable(stage.restoration_hint)}" if stage.restoration_hint else ""
    return f"  {stage.name} {words[stage.restoration]}{reason}{hint}"


def _next(status: RunStatus, advise: Advise, newer: str, width: int | None) -> str:
    lines = ["Next:"]
    for line in _advice(status, advise, newer):
        command, mark, comment = line.partition(COMMENT)
        if mark and width is not None and len(line) + 2 > width:
            lines += [f"  # {comment}:", f"  {command}"]
        else:
            lines.append(f"  {line}")
    return "\n".join(lines)


def _failed_hooks(status: RunStatus) -> str:
    lines = []
    for name in status.hooks_failed:
        failures = [each for each in status.hook_failures if each.hook == name]
        times = f" ({len(failures)} times)" if len(failures) > 1 else ""
        required = ", which is required" if any(each.required for each in failures) else ""
        reason = printable(failures[-1].reason) if failures else "failed"
        lines.append(f"  {printable(name)}{required}: {reason}{times}")
    return "\n".join(["Hooks failed:", *lines]) if lines else ""


def _advice(status: RunStatus, advise: Advise, newer: str) -> Iterator[str]:
    resume = advise("workflow", "--resume", f"--run={status.run}")
    if status.state == lifecycle.SUCCEEDED:
        if any(stage.type == "service" for stage in status.stages):
            yield advise("service", "display")
        yield advise("logs", status.run)
    elif status.ended:
        if status.verdict and status.verdict.stage:
            yield advise("logs", status.run, status.verdict.stage)
        yield from _after_failure(status, advise, newer)
    elif describe_state(status) == "interrupted":
        yield f"{resume}   # go on"
        yield f"{advise('cancel', status.run)}   # or end it"
    else:
        yield advise("logs", status.run, "--follow")
        yield f"{advise('cancel', status.run)}   # end it"


def _after_failure(status: RunStatus, advise: Advise, newer: str) -> Iterator[str]:
    resume = ("workflow", "--resume", f"--run={status.run}")
    if not status.commit:
        yield f"{advise(*resume)}   # try again"
        return
    yield f"{advise(*resume)}   # the same code again"
    if not status.fixed:
        branch = status.reference
        yield f"{advise(*resume, f'--branch={branch}')}   # {branch} as it is now{newer}"
