"""`bodywork workflow --dry-run`: what each stage would do, and why; nothing is changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from bodywork.cli.choice import Choice, Order
from bodywork.cli.exits import tell
from bodywork.cli.heads import find_head, find_note
from bodywork.cli.paper import screen_width
from bodywork.cli.render import render_json, render_table
from bodywork.cli.wiring import Place, open_source
from bodywork.model.names import StageName
from bodywork.model.run import short_commit
from bodywork.model.stage import Service
from bodywork.model.workflow import Workflow
from bodywork.workflow import lifecycle
from bodywork.workflow.claims import RunsOver, check_owners
from bodywork.workflow.notes import describe_missing
from bodywork.workflow.plan import Code, Earlier, plan_stages
from bodywork.workflow.progress import Progress, Request, StageProgress
from bodywork.workflow.rollback import to_restore

if TYPE_CHECKING:
    from bodywork.git.folder import Head

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Intent:
    """What would happen to a stage: reuse, re-attach, run, restore or none."""

    step: int
    stage: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What an order would do.

    Attributes:
        run: the run that would be resumed or continued; "" for none.
        run_commit: the commit that this run used.
        repository, reference: what was asked for, now or by that run.
        commit: the commit that would be used; "" where that shows only later.
        follows: whether that is where the reference points, no commit having been named.
        head: where the reference points now, if it is a branch of this machine's repository.
    """

    intents: list[Intent]
    run: str
    run_commit: str
    repository: str
    reference: str
    commit: str
    follows: bool
    head: "Head | None"

    def describe(self) -> str:
        """Return the run and the code that it would go on with, on one line."""
        if not self.run_commit:
            code = f", which had no commit yet; commit {short_commit(self.commit)}"
            return f"run {self.run}{code if self.commit else ''}"
        if self.commit != self.run_commit:
            of = f" of {self.reference}" if self.follows else ""
            if self.follows and self.head and self.head.newer:
                of += f", {self.head.describe_newer()}"
            before = f"run {self.run}, commit {short_commit(self.run_commit)}"
            return f"{before}; continued with commit {short_commit(self.commit)}{of}"
        where = ""
        if self.head:
            same = self.head.commit == self.commit
            where = f" ({self.reference} is there, too)" if same else f" ({self.head.describe()})"
        return f"run {self.run}, commit {short_commit(self.commit)}{where}"


def rehearse(place: Place, order: Order, choice: Choice) -> None:
    """Print what the order would do."""
    rehearsal = _rehearse(place, order, choice)
    if rehearsal.commit and not choice.finished:
        note = find_note(rehearsal.repository, rehearsal.reference, rehearsal.commit)
        if note:
            tell(note, label="note")
    if order.form == "json":
        click.echo(render_json(_document(rehearsal)))
        return
    if rehearsal.run:
        click.echo(rehearsal.describe())
    if not rehearsal.intents:
        click.echo("the run was ended before its source was cloned: it would begin with that")
        return
    rows = [
        (str(each.step or "-"), each.stage, each.action, each.reason) for each in rehearsal.intents
    ]
    headers = ("STEP", "STAGE", "ACTION", "REASON")
    click.echo(render_table(headers, rows, screen_width(), names=("STAGE",)))


def _rehearse(place: Place, order: Order, choice: Choice) -> Rehearsal:
    earlier = choice.progress
    if choice.finished and earlier:
        intents, commit = list(_kept(earlier)), earlier.commit
    elif choice.request is None and earlier and choice.earlier:
        intents, commit = list(going_on(earlier, choice.earlier.state)), earlier.commit
    elif choice.request:
        intents, commit = _anew(place, order, choice.request, earlier)
    else:
        intents, commit = [], ""
    request = choice.request or (earlier.request if earlier else None)
    before = earlier.commit if earlier else ""
    repository, reference = (request.repository, request.reference) if request else ("", "")
    return Rehearsal(
        intents,
        run=choice.earlier.id if choice.earlier else "",
        run_commit=before,
        repository=repository,
        reference=reference,
        commit=commit,
        follows=request is not None and not request.commit,
        head=find_head(repository, reference, before or commit),
    )


def _document(rehearsal: Rehearsal) -> Mapping[str, Any]:
    head = rehearsal.head
    return {
        "schema": SCHEMA,
        "run": rehearsal.run or None,
        "run_commit": rehearsal.run_commit or None,
        "reference": rehearsal.reference or None,
        "head": head.commit if head else None,
        "newer": head.newer if head else None,
        "commit": rehearsal.commit or None,
        "stages": [
            {
                "step": each.step,
                "name": each.stage,
                "action": each.action,
                "reason": each.reason,
            }
            for each in rehearsal.intents
        ],
    }


def _kept(progress: Progress) -> Iterator[Intent]:
    for step, name in _placed(progress.project):
        if step:
            yield Intent(step, name, "reuse", "the run has succeeded")


def going_on(progress: Progress, state: str) -> Iterator[Intent]:
    """Say what the run's own record still has to do."""
    if progress.workflow is None:
        return
    leaving = state == lifecycle.ROLLING_BACK or bool(progress.verdict or progress.cancelled_by)
    restored = to_restore(progress) if leaving else []
    for step, name in _placed(progress.project):
        if leaving and name in restored:
            yield Intent(step, name, "restore", "the run failed, and is being rolled back")
        elif leaving and step:
            yield Intent(step, name, "none", "the run failed, and is being ended")
        elif step:
            yield Intent(step, name, *_own(progress.stages[name]))


def _own(stage: StageProgress) -> tuple[str, str]:
    latest = stage.latest
    if stage.action == "reuse":
        return "reuse", stage.why
    if latest is None:
        return "run", "it has not run yet"
    if latest.state == "succeeded":
        return "reuse", f"its attempt {latest.number} succeeded"
    if latest.state == "started":
        return "re-attach", f"its attempt {latest.number} was started"
    if latest.state == "intended":
        return "run", f"its attempt {latest.number} was about to start"
    return "run", f"its attempt {latest.number} {latest.state}"


def _anew(
    place: Place, order: Order, request: Request, earlier: Progress | None
) -> tuple[list[Intent], str]:
    """Plan as a new record would: from the code that it would use."""
    workflow, code = _read(place, order, request)
    before = None
    if earlier and earlier.workflow:
        engine = place.engine()
        live = {
            name: engine.live_version(workflow.project, name)
            for name, stage in workflow.stages.items()
            if isinstance(stage.kind, Service)
        }
        before = Earlier(earlier, live)
    plan = plan_stages(workflow, before, request.from_stage, code)
    check_owners(place.engine(), workflow, plan, request.deployer, RunsOver(place.store))
    intents = [
        Intent(step, name, plan[name].action, plan[name].why)
        for step, name in _placed(workflow)
        if step
    ]
    return intents, code.commit


def _read(place: Place, order: Order, request: Request) -> tuple[Workflow, Code]:
    source = open_source(order.git_repo_url)
    with source.checkout(
        request.repository,
        request.reference,
        request.commit,
        path=request.path,
        say=lambda _: None,
    ) as checkout:
        workflow = place.read_project(checkout)
        for line in describe_missing(checkout, workflow):
            tell(line, label="note")
        return workflow, Code.of(checkout)


def _placed(workflow: Workflow) -> Iterator[tuple[int, StageName]]:
    """Yield each stage with its step (from 1); the failure stage with step 0."""
    for number, step in enumerate(workflow.steps, start=1):
        for name in step:
            yield number, name
    if workflow.run_on_failure:
        yield 0, workflow.run_on_failure
