"""Which run a `--resume` means, and whether it goes on in its own record or in a new one.

An unfinished run goes on in its own record: its stages are re-attached to. A run that has ended is
final, so it is continued by a new record that names it and takes over what succeeded; the same
where fixed code or `--from` is asked for, after the unfinished run has been ended.
"""

from collections.abc import Iterable
from dataclasses import replace

from bodywork.errors import RunNotFound, UsageError
from bodywork.model.repository import identify_repository
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Progress, Request
from bodywork.workflow.record import parse_progress
from statemachine.checkpoint import Checkpoint


def select_run(
    checkpoints: Iterable[Checkpoint],
    *,
    run: str = "",
    repository: str = "",
    reference: str = "",
    path: str = "",
) -> Checkpoint:
    """Return the run called `run`, or the newest that is unfinished, or that failed and was not
    followed by another of its project, of that repository, reference and path where they are given.

    Raises:
        RunNotFound: there is none; the message says what there is.
    """
    newest = sorted(checkpoints, key=lambda each: each.created_at, reverse=True)
    if run:
        for each in newest:
            if each.id == run:
                return each
        raise RunNotFound(
            f"no run {run} is on record", hint="`bodywork status` lists the runs of a namespace"
        )
    superseded: set[str] = set()
    for each in newest:
        request = parse_progress(each.data).request
        if not _is_of(request, repository, reference, path):
            continue
        if each.state not in lifecycle.TERMINAL:
            return each
        of = request.identity
        if of not in superseded and each.state in (lifecycle.FAILED, lifecycle.ROLLED_BACK):
            return each
        superseded.add(of)
    raise RunNotFound(
        "there is no unfinished or failed run to resume",
        hint="`bodywork status` lists the runs; `--run RUN` names one",
    )


def last_run(
    checkpoints: Iterable[Checkpoint], repository: str, reference: str, path: str = ""
) -> Checkpoint | None:
    """Return the newest run of that repository, reference and path, however it stands.

    "" is any repository and any reference; and the path "" is any, where no repository is given.
    """
    found = [
        each
        for each in checkpoints
        if _is_of(parse_progress(each.data).request, repository, reference, path)
    ]
    return max(found, key=lambda each: each.created_at, default=None)


def may_retry(checkpoint: Checkpoint) -> bool:
    """Say whether the run failed for a reason that another try may not meet."""
    if checkpoint.state not in (lifecycle.FAILED, lifecycle.ROLLED_BACK):
        return False
    verdict = parse_progress(checkpoint.data).verdict
    # Records of earlier versions do not say `final`.
    return verdict is None or not (verdict.final or verdict.fault == "config")


def is_of_repository(request: Request, repository: str) -> bool:
    """Say whether a run is of that repository, however its address is spelt."""
    given = (repository, request.repository)
    return given[0] == given[1] or len({identify_repository(each) for each in given}) == 1


def _is_of(request: Request, repository: str, reference: str, path: str) -> bool:
    of_it = not repository or is_of_repository(request, repository)
    there = path == request.path or not (repository or path)
    return of_it and there and reference in ("", request.reference)


def needs_new_record(
    checkpoint: Checkpoint, *, reference: str, commit: str, stage: str, adopt: bool = False
) -> bool:
    """Say whether the run must be continued by a new one."""
    progress = parse_progress(checkpoint.data)
    other_code = bool(reference or commit) and commit != progress.commit
    adopts_now = adopt and not progress.request.adopt
    return checkpoint.state in lifecycle.TERMINAL or bool(stage) or other_code or adopts_now


def continue_request(
    progress: Progress,
    *,
    reference: str = "",
    commit: str = "",
    from_stage: str = "",
    hooks: tuple[str, ...] = (),
    adopt: bool = False,
) -> Request:
    """Return the request of the run that continues this one: its own commit unless told other.

    What it may adopt, it may go on adopting.

    Raises:
        UsageError: `from_stage` is given and the run never got as far as having stages.
    """
    before = progress.request
    if from_stage and progress.workflow is None:
        raise UsageError(
            f"--from {from_stage}: run {progress.run} never got as far as its stages",
            hint="resume it without --from",
        )
    return replace(
        before,
        reference=reference or before.reference,
        commit=commit or ("" if reference else progress.commit),
        continues=progress.run,
        continued_commit=progress.commit,
        origin=before.origin or progress.run,
        from_stage=from_stage,
        hooks=hooks or before.hooks,
        adopt=adopt or before.adopt,
    )
