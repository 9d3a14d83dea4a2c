"""Which stages a new run must run and which it may take over from the run that it continues.

Pure: everything it needs is an argument, so that `--dry-run` prints what a run would do, and
Hypothesis can try it. A key stands for all that decides a stage's result: its folder's files (Git's
tree id), what else it can read of the repository (`bodywork.model.tree`), its project's name, image
and configuration, and the keys of everything upstream (each stage of an earlier step). It follows
from the workflow, so no record holds it.

What a stage can read is an id with the number of its form. Ids of different forms, or none in a
record of an earlier version, are never equal; there, only the same commit is the same code.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bodywork.errors import UsageError
from bodywork.model.names import StageName, short_hash
from bodywork.model.run import Checkout, ServiceVersion
from bodywork.model.stage import Service, Stage
from bodywork.model.tree import FORM, Tree, changed_paths, is_within
from bodywork.model.workflow import Workflow
from bodywork.workflow.definitions import render_stage
from bodywork.workflow.progress import Progress, StageProgress

UNCHANGED = "its files, those it shares, its image, configuration and all before it are unchanged"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The run that is continued, and which of its services are live now."""

    progress: Progress
    live: Mapping[StageName, ServiceVersion | None]


@dataclass(frozen=True, slots=True)
class Code:
    """What a new run uses.

    Attributes:
        commit: its full id, "" if unknown.
        outline: paths of the repository with short ids, for people (`Tree.outline`).
    """

    commit: str = ""
    outline: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, checkout: Checkout) -> "Code":
        """Return that of a checkout."""
        return cls(checkout.commit, Tree(checkout.entries).outline())


def reuse_keys(workflow: Workflow) -> Mapping[StageName, str]:
    """Return the key of each stage of the DAG."""
    keys: dict[StageName, str] = {}
    upstream = ""
    for step in workflow.steps:
        for name in step:
            definition = json.dumps(render_stage(workflow.stages[name]), sort_keys=True)
            keys[name] = short_hash(
                name, workflow.project, workflow.image, definition, upstream, length=16
            )
        upstream = short_hash(upstream, *sorted(keys[name] for name in step), length=16)
    return keys


def plan_stages(
    workflow: Workflow,
    earlier: Earlier | None = None,
    from_stage: str = "",
    code: Code = Code(),
) -> Mapping[StageName, StageProgress]:
    """Decide for each stage of the DAG whether it runs or is reused, and why.

    Raises:
        UsageError: `from_stage` is no stage of the DAG.
    """
    if from_stage and not any(from_stage in step for step in workflow.steps):
        raise UsageError(
            f"--from {from_stage}: the workflow has no such stage",
            hint="its stages are " + ", ".join(name for step in workflow.steps for name in step),
        )
    earlier = _with_ids_of(workflow, earlier, code) if earlier else None
    keys, before = reuse_keys(workflow), reuse_keys(earlier.progress.project) if earlier else {}
    plan: dict[StageName, StageProgress] = {}
    rerun: StageName | None = None
    for step in workflow.steps:
        runs = [
            name
            for name in step
            if not _decide(
                plan,
                name,
                keys[name] == before.get(name),
                workflow,
                earlier,
                from_stage,
                rerun,
                code,
            )
        ]
        rerun = rerun or (runs[0] if runs else None)
    if workflow.run_on_failure:
        plan[workflow.run_on_failure] = StageProgress(why="runs only after a failure")
    return plan


def _decide(
    plan: dict[StageName, StageProgress],
    name: StageName,
    unchanged: bool,
    workflow: Workflow,
    earlier: Earlier | None,
    from_stage: str,
    rerun: StageName | None,
    code: Code,
) -> bool:
    """Put the stage's decision into the plan; return whether it is reused."""
    if earlier is None:
        plan[name] = StageProgress(why="a new run")
        return False
    if name == from_stage:
        why = "--from names it"
    elif rerun:
        why = f"{rerun}, before it, runs again"
    else:
        why = _cannot_reuse(name, unchanged, workflow, earlier, code)
    if why:
        plan[name] = StageProgress(why=why)
        return False
    source = earlier.progress.stages[name].reused_from or earlier.progress.run
    why = UNCHANGED
    plan[name] = StageProgress(action="reuse", why=why, reused_from=source)
    return True


def _cannot_reuse(
    name: StageName, unchanged: bool, workflow: Workflow, earlier: Earlier, code: Code
) -> str:
    before = earlier.progress.stages.get(name)
    if before is None or not (before.attempts or before.action == "reuse"):
        return "it has not run yet"
    if not before.succeeded:
        latest = before.latest
        return f"its attempt {latest.number} {latest.state}" if latest else "it has not run yet"
    if not unchanged:
        return _difference(name, workflow, earlier.progress, code)
    if isinstance(workflow.stages[name].kind, Service):
        live = earlier.live.get(name)
        if live is None or live.run != (before.reused_from or earlier.progress.run):
            return "its version is not the live one"
    return ""


def _with_ids_of(workflow: Workflow, earlier: Earlier, code: Code) -> Earlier:
    """Return the earlier run as if it had the ids of this version, where its code is the same.

    What it reused is left as it is: that ran at another commit, and was reused by the old rules.
    """
    progress = earlier.progress
    if progress.workflow is None or not code.commit or code.commit != progress.commit:
        return earlier
    stages = {
        name: replace(then, shared_id=now.shared_id)
        if (now := workflow.stages.get(name))
        and _has_other_form(now, then)
        and progress.stages[name].action == "run"
        else then
        for name, then in progress.workflow.stages.items()
    }
    known = replace(progress.workflow, stages=stages)
    return replace(earlier, progress=replace(progress, workflow=known))


def _has_other_form(now: Stage, then: Stage) -> bool:
    """Say whether the earlier id of what a stage can read was made by other rules, or is none."""
    return now.shared_id.startswith(FORM) and not then.shared_id.startswith(FORM)


def _difference(name: StageName, workflow: Workflow, earlier: Progress, code: Code) -> str:
    """Say what changed, most telling first."""
    now, then = workflow.stages[name], earlier.project.stages.get(name)
    if then and (then.tree != now.tree or then.shared_id != now.shared_id):
        return _changed_files(name, then, workflow, earlier, code)
    if then and render_stage(then) != render_stage(now):
        return "its configuration changed"
    if earlier.project.image != workflow.image:
        return "its image changed"
    if earlier.project.project != workflow.project:
        return "PROJECT_NAME changed"
    return "what runs before it changed"


def _changed_files(
    name: StageName, then: Stage, workflow: Workflow, earlier: Progress, code: Code
) -> str:
    """Say which files changed: its own, those that it shares, or both, each with an example."""
    now, scope = workflow.stages[name], workflow.scope_of(name)
    changed = changed_paths(earlier.outline, code.outline)
    parts = []
    if then.tree != now.tree:
        own = [path for path in changed if is_within(path, {scope.own})]
        parts.append("its files changed" + _example(own))
    if then.shared_id != now.shared_id and not parts and then.shared != now.shared:
        parts.append("SHARED names other paths")
    elif then.shared_id != now.shared_id and _has_other_form(now, then):
        parts.append("an earlier version of Bodywork recorded it, without the files that it shares")
    elif then.shared_id != now.shared_id:
        shared = [path for path in changed if scope.shares(path)]
        what = "so did files" if parts else "files"
        parts.append(f"{what} that it shares{'' if parts else ' changed'}" + _example(shared))
    return "; ".join(parts)


def _example(paths: Sequence[str]) -> str:
    return f", such as {paths[0]}" if paths else ""
