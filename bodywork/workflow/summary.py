"""A run in a few lines, for Python: what `print(status)` and a notebook show. Pure."""

import html
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from bodywork.workflow import lifecycle

if TYPE_CHECKING:
    from bodywork.workflow.status import RunStatus, StageStatus

SHORT_COMMIT = 12
MOST_ROWS = 30
"""How many stages a notebook shows; the others are counted."""
_WORDS = {"intended": "starting", "started": "running", "left": "left alone"}
_CELL = "text-align:left;padding:0 1em 0 0"


def describe_state(status: "RunStatus") -> str:
    """Return the run's state in a word or two; `interrupted` where no controller goes on."""
    if status.ended:
        return status.state.replace("-", " ")
    if status.controller is None or status.controller.alive is False:
        return "interrupted"
    return "rolling back" if status.state == lifecycle.ROLLING_BACK else "running"


def describe_stage(stage: "StageStatus") -> str:
    """Return a stage's state as people say it."""
    return _WORDS.get(stage.state, stage.state)


def summarise(status: "RunStatus") -> str:
    """Return a run's status in a few lines."""
    pairs = dict(_pairs(status))
    size = max(len(name) for name in pairs)
    return "\n".join(f"{name.ljust(size)}  {_one_line(text)}" for name, text in pairs.items())


def summarise_html(status: "RunStatus") -> str:
    """Return the same as HTML, with a row for each stage; it needs nothing from elsewhere."""
    pairs = _table((name, text) for name, text in _pairs(status) if name != "stages")
    used = [stage for stage in status.stages if stage.state != "unused"]
    shown = used[:MOST_ROWS]
    stages = _table(
        (f"step {stage.step}" if stage.step else "on failure", stage.name, describe_stage(stage))
        for stage in shown
    )
    more = len(used) - len(shown)
    return pairs + stages + (f"<p>and {more} more stages</p>" if more else "")


def _pairs(status: "RunStatus") -> Iterator[tuple[str, str]]:
    yield "run", status.run
    yield "state", f"{describe_state(status)}{_progress(status)}"
    of = [status.project, f"branch {status.reference}"]
    of += [f"commit {status.commit[:SHORT_COMMIT]}"] if status.commit else []
    yield "project", ", ".join(part for part in of if part)
    if status.stages:
        yield "stages", _counts(status)
    verdict = status.verdict
    if verdict:
        where = f"stage {verdict.stage}: " if verdict.stage else ""
        yield "why", f"{where}{verdict.reason}"
        if verdict.hint:
            yield "hint", verdict.hint


def _progress(status: "RunStatus") -> str:
    seconds = int((status.updated_at - status.created_at).total_seconds())
    took = f", took {timedelta(seconds=max(0, seconds))}" if status.ended else ""
    if not status.step or status.state == lifecycle.SUCCEEDED:
        return took
    return f" in step {status.step} of {status.steps}{took}"


def _counts(status: "RunStatus") -> str:
    """Return how many stages are in each state, and the names of those that failed."""
    names: dict[str, list[str]] = {}
    for stage in status.stages:
        if stage.state != "unused":
            names.setdefault(describe_stage(stage), []).append(stage.name)
    return ", ".join(
        f"{len(those)} {word}" + (f" ({', '.join(those)})" if word in ("failed", "lost") else "")
        for word, those in names.items()
    )


def _one_line(text: str) -> str:
    """Return the text without what could move a terminal's cursor: stages and servers wrote it."""
    return "".join(character if character.isprintable() else " " for character in text)


def _table(rows: "Iterator[tuple[str, ...]]") -> str:
    lines = (
        "".join(f'<td style="{_CELL}">{html.escape(_one_line(cell))}</td>' for cell in row)
        for row in rows
    )
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
