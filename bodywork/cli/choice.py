"""Which run a `bodywork workflow` is about: a new one, one to go on with, or one to continue.

A run that was given its name beforehand is found by it, so that the same command, typed again after
whatever happened, goes on where the last one stopped.
"""

import os
from dataclasses import dataclass, replace

from bodywork.cli import advice
from bodywork.cli.wiring import LATEST, Place, checkpoints, load_run
from bodywork.errors import RunNotFound, UsageError
from bodywork.model.names import GIVEN_LENGTH, RunName, problem_with_label, retry_name
from bodywork.model.redaction import MASK, redact_address
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Progress, Request
from bodywork.workflow.record import parse_progress
from bodywork.workflow.resume import (
    continue_request,
    is_of_repository,
    last_run,
    may_retry,
    needs_new_record,
    select_run,
)
from statemachine.checkpoint import Checkpoint

_ARGUMENTS = ("GIT_REPO_URL", "GIT_REPO_BRANCH")


@dataclass(frozen=True, slots=True)
class Order:
    """The arguments of `bodywork workflow`, checked against each other."""

    engine: str = "local"
    namespace: str = ""
    git_repo_url: str = ""
    git_repo_branch: str = ""
    resume: bool = False
    run: str = ""
    branch: str = ""
    commit: str = ""
    from_stage: str = ""
    dry_run: bool = False
    take_over: bool = False
    adopt: bool = False
    refresh_environments: bool = False
    max_parallel: int | None = None
    hook: tuple[str, ...] = ()
    history: int = 10
    form: str = "table"
    name: str = ""
    on_unfinished: str | None = None
    retries: int = 0
    path: str = ""

    def check(self) -> "Order":
        """Return the order with its address in the form that is put on record.

        Raises:
            UsageError: arguments are missing, or do not go together.
        """
        self._check_name()
        if not self.resume:
            lone = {
                "--run": self.run,
                "--branch": self.branch,
                "--from": self.from_stage,
                "--take-over": self.take_over,
            }
            for option, given in lone.items():
                if given:
                    raise UsageError(f"{option} goes with --resume")
            if not (self.git_repo_url and self.git_repo_branch):
                raise UsageError(
                    "GIT_REPO_URL and GIT_REPO_BRANCH are needed",
                    hint="bodywork workflow --namespace=NS GIT_REPO_URL GIT_REPO_BRANCH",
                )
        if self.form != "table" and not self.dry_run:
            raise UsageError(f"-o {self.form} goes with --dry-run")
        return replace(self, git_repo_url=absolute(self.git_repo_url))

    def names(self) -> list[RunName]:
        """Return the names that the run can have, those of its retries included."""
        return [retry_name(self.name, number) for number in range(self.retries + 1)]

    def _check_name(self) -> None:
        given = {
            "--as": self.name,
            "--on-unfinished": self.on_unfinished,
            "--retries": self.retries,
        }
        for option in (option for option, value in given.items() if value):
            for other, set_ in {"--resume": self.resume, "--dry-run": self.dry_run}.items():
                if set_:
                    hint = "unset BODYWORK_RUN, if that is where it comes from"
                    raise UsageError(f"{option} does not go with {other}", hint=hint)
        if self.retries and not self.name:
            raise UsageError("--retries goes with --as", hint="a retry is named after its run")
        if self.name and (fault := problem_with_label(self.name)):
            raise UsageError(f"a run cannot be called {self.name!r}: it {fault}")
        if self.name == LATEST:
            raise UsageError(f"a run cannot be called {LATEST}: that stands for the newest one")
        if len(self.name) > GIVEN_LENGTH:
            raise UsageError(f"the name {self.name!r} has more than {GIVEN_LENGTH} characters")


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do.

    Attributes:
        earlier: the run that is resumed or continued, None for a fresh one.
        request: what to begin a new record with; None to go on in the record of `earlier`.
        finished: the run has succeeded and nothing else was asked for.
        skipped: `earlier` is unfinished, and to be left as it is.
        name: of the new record; "" for one that is made up.
        why_ended: why an unfinished run is ended for the new record.
    """

    earlier: Checkpoint | None
    request: Request | None
    finished: bool = False
    skipped: bool = False
    name: str = ""
    why_ended: str = "its resume with other code"

    @property
    def progress(self) -> Progress | None:
        """What the earlier run knows."""
        return parse_progress(self.earlier.data) if self.earlier else None

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks that the run's record names, or will name."""
        if self.request:
            return self.request.hooks
        return self.progress.request.hooks if self.progress else ()

    @property
    def unfinished(self) -> RunName | None:
        """The run that must be ended before the new record goes on with other code."""
        if self.earlier is None or self.request is None:
            return None
        return None if self.earlier.state in lifecycle.TERMINAL else RunName(self.earlier.id)


def choose(place: Place, order: Order) -> Choice:
    """Find out what an order means, by the runs on record.

    Raises:
        RunNotFound: there is nothing to resume.
        UsageError: as `continue_request`.
    """
    if not order.resume:
        return _choose_named(place, order) if order.name else _choose_new(place, order)
    earlier = _find(place, order)
    progress = parse_progress(earlier.data)
    commit = order.commit
    if commit and progress.commit.startswith(commit.lower()):
        commit = progress.commit
    asked = {"reference": order.branch, "commit": commit}
    if not needs_new_record(earlier, stage=order.from_stage, adopt=order.adopt, **asked):
        return Choice(earlier, None)
    if earlier.state == lifecycle.SUCCEEDED and not (order.from_stage or any(asked.values())):
        return Choice(earlier, None, finished=True)
    request = continue_request(
        progress, from_stage=order.from_stage, hooks=order.hook, adopt=order.adopt, **asked
    )
    return Choice(earlier, request)


def _choose_named(place: Place, order: Order) -> Choice:
    """Go on with the last try of the run, or with the one after it, if it is on record."""
    names = order.names()
    known = set(place.store.list()).intersection(names)
    if not known:
        return _choose_new(place, order)
    number = max(number for number, name in enumerate(names) if name in known)
    last = load_run(place, names[number])
    progress = parse_progress(last.data)
    request = progress.request
    same = is_of_repository(request, redact_address(order.git_repo_url))
    if not same or (request.reference, request.path) != (order.git_repo_branch, order.path):
        raise UsageError(
            f"run {last.id} is of {_shown(request)} {request.reference}",
            hint="give the new run another name",
        )
    if number < order.retries and may_retry(last):
        again = continue_request(progress, adopt=order.adopt)
        return Choice(last, again, name=names[number + 1])
    return Choice(last, None)


def _choose_new(place: Place, order: Order) -> Choice:
    shown = redact_address(order.git_repo_url)
    request = Request(
        place.namespace,
        shown,
        order.git_repo_branch,
        order.commit,
        hooks=order.hook,
        adopt=order.adopt,
        path=order.path,
    )
    fresh = Choice(None, request, name=order.name)
    if not order.on_unfinished:
        return fresh
    last = last_run(checkpoints(place.store), shown, order.git_repo_branch, order.path)
    if last is None or last.state in lifecycle.TERMINAL:
        return fresh
    if order.on_unfinished == "supersede":
        return replace(fresh, earlier=last, why_ended="a newer run of its branch")
    return Choice(last, None, skipped=order.on_unfinished == "skip")


def _find(place: Place, order: Order) -> Checkpoint:
    shown = redact_address(order.git_repo_url)
    if order.run:
        run = load_run(place, order.run)
        _require_same_project(run, shown, order.path)
        return run
    found = list(checkpoints(place.store))
    try:
        return select_run(found, repository=shown, reference=order.git_repo_branch, path=order.path)
    except RunNotFound as error:
        last = last_run(found, shown, order.git_repo_branch, order.path)
        raise RunNotFound(error.message, hint=_hint_to_begin(place, order, last)) from None


def _require_same_project(run: Checkpoint, shown: str, path: str) -> None:
    """Refuse to go on with a run of another repository or path. Raises `UsageError`."""
    of = parse_progress(run.data).request
    elsewhere = shown and not is_of_repository(of, shown)
    if elsewhere or (path and path != of.path):
        left_out = "GIT_REPO_URL" if elsewhere else "--path"
        raise UsageError(
            f"run {run.id} is of {_shown(of)}, and goes on with that",
            hint=f"leave {left_out} out; or begin a run of the other "
            f"{'repository' if elsewhere else 'path'}",
        )


def _shown(request: Request) -> str:
    """Return a request's repository, with the project's path in it."""
    return request.repository + (f" (path {request.path})" if request.path else "")


def _hint_to_begin(place: Place, order: Order, last: Checkpoint | None) -> str:
    """Return how the last run ended, and the command that begins a new one."""
    request = parse_progress(last.data).request if last else None
    where = (redact_address(order.git_repo_url), order.git_repo_branch)
    if request:
        where = (request.repository, request.reference)
    words = ["GIT_REPO_URL" if MASK in where[0] else where[0], where[1]]
    words = [word or name for word, name in zip(words, _ARGUMENTS, strict=True)]
    path = request.path if request else order.path
    words = [f"--path={path}", *words] if path else words
    begin = advice.command(place, "workflow", *words)
    if last is None:
        of = f" of {order.git_repo_branch or where[0]}" if any(where) else ""
        return f"there is no run{of} yet; begin one: {begin}"
    ended = "succeeded" if last.state == lifecycle.SUCCEEDED else f"was {last.state}"
    return f"the last run, {last.id}, {ended}; a new one: {begin}"


def absolute(repository: str) -> str:
    """Return the path of a folder in its absolute form, so that it means the same everywhere."""
    folder = os.path.expanduser(repository)
    if "://" not in repository and os.path.isdir(folder):
        return os.path.abspath(folder)
    return repository
