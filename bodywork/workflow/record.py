"""A run's progress as the JSON of its checkpoint, and back.

The form has a number; `tests/golden/records` holds records of every form ever written. Which words
of a record are left out, so that it fits, is decided by `bounds`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from bodywork.errors import UsageError
from bodywork.model.workflow import Workflow
from bodywork.workflow import bounds, form_1, form_2, form_2_reading
from bodywork.workflow.largest import largest_progress
from bodywork.workflow.progress import Progress
from statemachine.checkpoint import Checkpoint, Data
from statemachine.errors import CheckpointCorrupt
from statemachine.packing import size_of
from statemachine.store import CheckpointStore, load_all


def render_progress(progress: Progress) -> Data:
    """Return the checkpoint's data for a progress, with no more in it than a record may have."""
    return form_2.render(progress)


def as_recorded(progress: Progress) -> Progress:
    """Return what a record would keep of the progress."""
    rendered = form_2.render(progress)
    return form_2_reading.parse(rendered) if rendered.get("shortened") else progress


def problem_with_record(workflow: Workflow) -> str:
    """Return why runs of this workflow could outgrow their record, or ""."""
    facts, words = most_bytes(workflow)
    return bounds.problem_with_size(facts, words, len(workflow.stages), len(workflow.steps))


def most_bytes(workflow: Workflow) -> tuple[int, int]:
    """Return how many bytes the facts of a run of the workflow can take, with their references to
    words, and how many those words that are never left out."""
    largest = largest_progress(workflow)
    whole, least = form_2.render(largest, budget=1 << 30), form_2.render(largest, budget=0)
    return size_of({**whole, "words": []}), size_of(least["words"])


def check_request(progress: Progress) -> None:
    """Refuse a run whose request alone would take too much of its record.

    Raises:
        UsageError: it does.
    """
    size = size_of(form_2.render(progress))
    if size > bounds.REQUEST_BYTES:
        raise UsageError(
            f"the request has {size} bytes; at most {bounds.REQUEST_BYTES} can be kept",
            hint="the address, the branch or the names of hooks are too long",
        )


def parse_progress(data: Data) -> Progress:
    """Return the progress that a checkpoint's data stands for, of whichever form.

    Raises:
        CheckpointCorrupt: the data is not of a form that is known (the checkpoint's checksum was
            right, so it was written by another program).
    """
    try:
        form = cast(Mapping[str, Any], data).get("form", 1)
        return _FORMS[form](data)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise CheckpointCorrupt(
            f"the record is of no form that this program knows ({type(error).__name__}: {error})",
            hint="go on with the program that wrote it, or delete the record",
        ) from error


def load_records(store: CheckpointStore) -> Iterator[Checkpoint | CheckpointCorrupt]:
    """Yield the checkpoint of each run of a store, or why it cannot be read: no damage of one
    record keeps the others from being read."""
    for each in load_all(store):
        if isinstance(each, CheckpointCorrupt):
            yield each
            continue
        try:
            parse_progress(each.checkpoint.data)
        except CheckpointCorrupt as error:
            yield CheckpointCorrupt(f"run {each.checkpoint.id}: {error.message}", hint=error.hint)
        else:
            yield each.checkpoint


def steps_in(data: Data) -> int:
    """Return the number of steps that a checkpoint's data knows of (0 before the clone)."""
    raw = cast(Mapping[str, Any], data)
    if raw.get("form", 1) != 1:
        return len(raw.get("steps", ()))
    return len(raw["workflow"]["steps"]) if raw.get("workflow") else 0


_FORMS = {1: form_1.parse, form_2_reading.FORM: form_2_reading.parse}
