"""Which stages a new run must run and which it may take over from the run that it continues.

Pure: everything it needs is an argument, so that `--dry-run` prints what a run would do, and
Hypothesis can try it. A key stands for all that decides a stage's result: its folder's files (Git's
tree id), image, configuration and the keys of everything upstream (each stage of an earlier step).
It follows from the workflow, so no record holds it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bodywork.errors import UsageError
from bodywork.model.names import StageName, short_hash
from bodywork.model.run import ServiceVersion
from bodywork.model.stage import Service
from bodywork.model.workflow import Workflow
from bodywork.workflow.definitions import render_stage
from bodywork.workflow.progress import Progress, StageProgress


@dataclass(frozen=True, slots=True)
class Earlier:
    """The run that is continued, and which of its services are live now."""

    progress: Progress
    live: Mapping[StageName, ServiceVersion | None]


def reuse_keys(workflow: Workflow) -> Mapping[StageName, str]:
    """Return the key of each stage of the DAG."""
    keys: dict[StageName, str] = {}
    upstream = ""
    for step in workflow.steps:
        for name in step:
            definition = json.dumps(render_stage(workflow.stages[name]), sort_keys=True)
            keys[name] = short_hash(name, workflow.image, definition, upstream, length=16)
        upstream = short_hash(upstream, *sorted(keys[name] for name in step), length=16)
    return keys


def plan_stages(
    workflow: Workflow, earlier: Earlier | None = None, from_stage: str = ""
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
    keys, before = reuse_keys(workflow), reuse_keys(earlier.progress.project) if earlier else {}
    plan: dict[StageName, StageProgress] = {}
    rerun: StageName | None = None
    for step in workflow.steps:
        runs = [
            name
            for name in step
            if not _decide(
                plan, name, keys[name] == before.get(name), workflow, earlier, from_stage, rerun
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
        why = _cannot_reuse(name, unchanged, workflow, earlier)
    if why:
        plan[name] = StageProgress(why=why)
        return False
    source = earlier.progress.stages[name].reused_from or earlier.progress.run
    why = "its files, image, configuration and everything before it are unchanged"
    plan[name] = StageProgress(action="reuse", why=why, reused_from=source)
    return True


def _cannot_reuse(name: StageName, unchanged: bool, workflow: Workflow, earlier: Earlier) -> str:
    before = earlier.progress.stages.get(name)
    if before is None or not (before.attempts or before.action == "reuse"):
        return "it has not run yet"
    if not before.succeeded:
        latest = before.latest
        return f"its attempt {latest.number} {latest.state}" if latest else "it has not run yet"
    if not unchanged:
        return _difference(name, workflow, earlier.progress)
    if isinstance(workflow.stages[name].kind, Service):
        live = earlier.live.get(name)
        if live is None or live.run != (before.reused_from or earlier.progress.run):
            return "its version is not the live one"
    return ""


def _difference(name: StageName, workflow: Workflow, earlier: Progress) -> str:
    """Say what changed, most telling first."""
    now, then = workflow.stages[name], earlier.project.stages.get(name)
    if then and then.tree != now.tree:
        return "its files changed"
    if then and render_stage(then) != render_stage(now):
        return "its configuration changed"
    if earlier.project.image != workflow.image:
        return "its image changed"
    return "what runs before it changed"
