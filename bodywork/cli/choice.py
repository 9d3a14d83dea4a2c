"""Which run a `bodywork workflow` is about: a new one, one to go on with, or one to continue."""

import os
from dataclasses import dataclass, replace

from bodywork.cli.wiring import Place, checkpoints, load_run, redacted
from bodywork.errors import UsageError
from bodywork.model.names import RunName
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Progress, Request
from bodywork.workflow.record import parse_progress
from bodywork.workflow.resume import continue_request, needs_new_record, select_run
from statemachine.checkpoint import Checkpoint


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
    hook: tuple[str, ...] = ()
    history: int = 10
    form: str = "table"

    def check(self) -> "Order":
        """Return the order with its address in the form that is put on record.

        Raises:
            UsageError: arguments are missing, or do not go together.
        """
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


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do.

    Attributes:
        earlier: the run that is resumed or continued, None for a fresh one.
        request: what to begin a new record with; None to go on in the record of `earlier`.
        finished: the run has succeeded and nothing else was asked for.
    """

    earlier: Checkpoint | None
    request: Request | None
    finished: bool = False

    @property
    def progress(self) -> Progress | None:
        """What the earlier run knows."""
        return parse_progress(self.earlier.data) if self.earlier else None

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks that the run is to have."""
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
        shown = redacted(order.git_repo_url)
        return Choice(
            None,
            Request(place.namespace, shown, order.git_repo_branch, order.commit, hooks=order.hook),
        )
    earlier = _find(place, order)
    progress = parse_progress(earlier.data)
    commit = order.commit
    if commit and progress.commit.startswith(commit.lower()):
        commit = progress.commit
    asked = {"reference": order.branch, "commit": commit}
    if not needs_new_record(earlier, stage=order.from_stage, **asked):
        return Choice(earlier, None)
    if earlier.state == lifecycle.SUCCEEDED and not (order.from_stage or any(asked.values())):
        return Choice(earlier, None, finished=True)
    request = continue_request(progress, from_stage=order.from_stage, hooks=order.hook, **asked)
    return Choice(earlier, request)


def _find(place: Place, order: Order) -> Checkpoint:
    if order.run:
        return load_run(place, order.run)
    shown = redacted(order.git_repo_url)
    found = checkpoints(place.store)
    return select_run(found, repository=shown, reference=order.git_repo_branch)


def absolute(repository: str) -> str:
    """Return the path of a folder in its absolute form, so that it means the same everywhere."""
    if "://" not in repository and os.path.isdir(repository):
        return os.path.abspath(repository)
    return repository
