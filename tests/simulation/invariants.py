"""What must hold in every history, judged from the server's own record of writes."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

from bodywork.cluster import labels
from bodywork.workflow import lifecycle
from bodywork.workflow.execute import definition_of
from bodywork.workflow.record import parse_progress
from statemachine.checkpoint import Checkpoint
from statemachine.codec import LIMIT_BYTES
from statemachine.stores.configmap import CHECKPOINT
from tests.servers.kubernetes_objects import Object
from tests.simulation.accepted import (
    an_accepted_version_answers,
    nothing_goes_past_an_accepted_version,
)
from tests.simulation.acts import DISTURBING
from tests.simulation.cluster import is_leaving, is_ready
from tests.simulation.history import CONTROLLER, Fence, Outcome, checkpoint_in
from tests.simulation.server import DEPLOYMENTS, JOBS, LEASES, MAPS, PODS, SERVICES, Write
from tests.support.canaries import is_betrayed

Rule = Callable[[Outcome], Iterator[str]]


def violations(outcome: Outcome) -> list[str]:
    """Return what a history broke, as `rule: what happened`."""
    return [f"{rule.__name__}: {what}" for rule in RULES for what in rule(outcome)]


def one_job_per_attempt(outcome: Outcome) -> Iterator[str]:
    """No attempt of a stage has a second Job, unless a person has deleted the first."""
    made: Counter[tuple[str, str, str]] = Counter()
    for write in outcome.server.audit:
        if write.collection == JOBS and write.event == "ADDED":
            borne = write.found["metadata"]["labels"]
            made[borne[labels.RUN], borne[labels.STAGE], borne[labels.ATTEMPT]] += 1
        if write.collection == JOBS and write.event == "DELETED" and write.by == "director":
            borne = write.found["metadata"]["labels"]
            made[borne[labels.RUN], borne[labels.STAGE], borne[labels.ATTEMPT]] -= 1
    for attempt, count in made.items():
        if count > 1:
            yield f"{count} Jobs of {'/'.join(attempt)}"


def nothing_after_the_end(outcome: Outcome) -> Iterator[str]:
    """Once a command that ended a run has returned, no other controller of it has an effect."""
    for fence in outcome.fences:
        for write in outcome.server.audit[fence.number :]:
            by = write.by.removeprefix("late/")
            other = by.startswith(CONTROLLER) and by != fence.by
            if other and outcome.runs_of[by] == fence.run and write.collection != LEASES:
                if _is_under_way(outcome, write, fence):
                    continue
                yield (
                    f"{write.by} {write.event} {write.collection.rpartition('/')[2]} {write.name} "
                    f"at {write.at:.0f} s, after {fence.by} had ended {fence.run}"
                )


def _is_under_way(outcome: Outcome, write: Write, fence: Fence) -> bool:
    """Say whether a harmless creation was sent before its sender could hear of the end."""
    # A creation names no version that the API server could refuse, and a name that was given back
    # is free. So one may land late whose sender has asked nothing since the end (had it, it could
    # have known), if it runs nothing, and either is owned by what is gone, or is a Deployment that
    # only holds a name, which the next deployment takes over.
    if write.event != "ADDED" or write.since > fence.number:
        return False
    if write.collection == DEPLOYMENTS:
        return labels.is_reserved(write.found)
    before = outcome.server.audit[: write.number]
    gone = {each.found["metadata"]["uid"] for each in before if each.event == "DELETED"}
    owners = write.found["metadata"].get("ownerReferences") or [{"uid": ""}]
    return write.collection in (SERVICES, MAPS) and all(each["uid"] in gone for each in owners)


def commit_on_record_is_the_one_that_runs(outcome: Outcome) -> Iterator[str]:
    """Each Job and version of a run bears the commit of the run's record."""
    recorded = {run: chain[-1] for run, chain in _records(outcome).items()}
    for write in outcome.server.audit:
        if write.event != "ADDED" and write.collection != DEPLOYMENTS:
            continue
        run, commit = _commit_of(write)
        if run in recorded and commit:
            known = parse_progress(recorded[run].data).commit
            if known and known != commit:
                yield f"{write.name} runs {commit[:7]}, on record is {known[:7]}"


def checkpoints_are_one_chain(outcome: Outcome) -> Iterator[str]:
    """Sequence +1 a write, epoch +1 a take-over, only legal moves, no way out of an end."""
    for run, chain in _records(outcome).items():
        for before, after in pairwise(chain):
            if after == before:
                continue
            step = f"{run} {before.state} {before.sequence} -> {after.state} {after.sequence}"
            if after.sequence != before.sequence + 1:
                yield f"{step}: sequence"
            taken = after.epoch - before.epoch
            if taken not in (0, 1) or (after.writer != before.writer) != (taken == 1):
                yield f"{step}: epoch {before.epoch} -> {after.epoch}"
            if not _is_legal(before, after):
                yield f"{step}: not a legal move"


def checkpoints_fit(outcome: Outcome) -> Iterator[str]:
    """No checkpoint is larger than the budget."""
    for write in outcome.server.audit:
        if write.collection == MAPS and len(_text(write.found)) > LIMIT_BYTES:
            yield f"{write.name} has {len(_text(write.found))} bytes"


def a_service_answers(outcome: Outcome) -> Iterator[str]:
    """Once a run has ended and left a version of a service, some pod of it always answers."""
    if outcome.disturbed & DISTURBING:
        return
    kept: dict[str, str] = {}
    now: dict[tuple[str, str], Object] = {}
    for write in outcome.server.audit:
        now[write.collection, write.name] = write.found
        if write.event == "DELETED":
            del now[write.collection, write.name]
        if write.collection == MAPS and (text := _text(write.found)) and write.event != "DELETED":
            checkpoint = checkpoint_in(text)
            if checkpoint.state in lifecycle.TERMINAL:
                kept |= dict.fromkeys(_deployed_by(checkpoint), checkpoint.id)
        if write.collection not in (PODS, SERVICES, DEPLOYMENTS):
            continue
        for stage, run in list(kept.items()):
            if silent := _silence(now, stage):
                del kept[stage]
                yield (
                    f"{stage}, which {run} had deployed, has {silent} at {write.at:.0f} s, after "
                    f"{write.by} {write.event} {write.name}"
                )


def versions_change_under_a_claim(outcome: Outcome) -> Iterator[str]:
    """A controller changes a Deployment's template only while its own run has the claim on it."""
    before: dict[str, Object] = {}
    for write in outcome.server.audit:
        if write.collection != DEPLOYMENTS:
            continue
        run = outcome.runs_of.get(write.by.removeprefix("late/"), "")
        old = before.get(write.name)
        if run and old and old["spec"]["template"] != write.found["spec"]["template"]:
            holder = labels.holder_of(old)
            if holder != run:
                yield f"{write.by} of {run}, while {holder} had the claim on {write.name}"
        before[write.name] = write.found
        if write.event == "DELETED":
            del before[write.name]


def the_last_accepted_version_is_live(outcome: Outcome) -> Iterator[str]:
    """In the end a service has the version that was accepted last by a run that kept it."""
    if outcome.disturbed & DISTURBING:
        return
    ends = {run: chain[-1] for run, chain in _records(outcome).items()}
    good = {(run, stage) for run, last in ends.items() for stage in _deployed_by(last)}
    accepted: dict[str, str] = {}
    for write in outcome.server.audit:
        if write.collection == DEPLOYMENTS:
            accepted.setdefault(write.name, "")
            version = labels.annotation(write.found, labels.ACCEPTED)
            if (version.partition("/")[0], write.name.partition("--")[2]) in good:
                accepted[write.name] = version
    for name, version in accepted.items():
        deployment = outcome.server.kept.get((DEPLOYMENTS, name))
        template = deployment and deployment["spec"]["template"]
        live = labels.annotation(template, labels.VERSION) if template else ""
        if live != version:
            yield f"{name} has {live or 'nothing'}, accepted last was {version or 'nothing'}"


def every_run_ends(outcome: Outcome) -> Iterator[str]:
    """When all is well again, `--resume` or `cancel` brings each run to an end."""
    yield from outcome.stuck


def no_error_of_the_code(outcome: Outcome) -> Iterator[str]:
    """A controller ends with an error of its own kind, and never with another exception."""
    yield from outcome.faults_of_code


def no_secret_is_told(outcome: Outcome) -> Iterator[str]:
    """No controller writes, logs or raises a part of a secret, however it is encoded."""
    for write in outcome.server.audit:
        by = write.by.removeprefix("late/")
        if by.startswith(CONTROLLER) and is_betrayed(repr(write.found)):
            yield f"{write.by} {write.event} {write.collection.rpartition('/')[2]} {write.name}"
    yield from filter(is_betrayed, outcome.said)


RULES: tuple[Rule, ...] = (
    one_job_per_attempt,
    nothing_after_the_end,
    commit_on_record_is_the_one_that_runs,
    checkpoints_are_one_chain,
    checkpoints_fit,
    a_service_answers,
    versions_change_under_a_claim,
    the_last_accepted_version_is_live,
    an_accepted_version_answers,
    nothing_goes_past_an_accepted_version,
    every_run_ends,
    no_error_of_the_code,
    no_secret_is_told,
)


def _text(found: Object) -> str:
    return str((found.get("data") or {}).get(CHECKPOINT, ""))


def _records(outcome: Outcome) -> dict[str, list[Checkpoint]]:
    """Return the versions of each run's checkpoint, oldest first."""
    found: dict[str, list[Checkpoint]] = {}
    for write in outcome.server.audit:
        if write.collection == MAPS and write.event != "DELETED" and (text := _text(write.found)):
            found.setdefault(write.name, []).append(checkpoint_in(text))
    return found


def _deployed_by(checkpoint: Checkpoint) -> list[str]:
    """Return the services of which a run has deployed a version that it did not take back."""
    progress = parse_progress(checkpoint.data)
    return [
        name
        for name, stage in progress.stages.items()
        if stage.succeeded and stage.action == "run" and not stage.restoration
        if progress.stage(name).type == "service"
    ]


def _silence(now: dict[tuple[str, str], Object], stage: str) -> str:
    """Return what a service lacks to answer, "" for nothing."""
    if (SERVICES, f"shop--{stage}") not in now:
        return "no Service"
    pods = [
        found
        for (collection, _), found in now.items()
        if collection == PODS and found["metadata"]["labels"].get(labels.STAGE) == stage
    ]
    answers = any(is_ready(pod) and not is_leaving(pod) for pod in pods)
    return "" if answers else "no pod that answers"


def _is_legal(before: Checkpoint, after: Checkpoint) -> bool:
    definition = definition_of(after.data)
    if before.state in definition.terminal:
        return after.state == before.state
    moves = {(move.source, move.target) for move in definition.transitions}
    return before.state == after.state or (before.state, after.state) in moves


def _commit_of(write: Write) -> tuple[str, str]:
    """Return the run and the commit of a Job or of a Deployment's template."""
    if write.collection == JOBS:
        container = write.found["spec"]["template"]["spec"]["containers"][0]
        arguments: list[str] = container.get("args") or []
        commit = arguments[arguments.index("--commit") + 1] if arguments else ""
        return write.found["metadata"]["labels"][labels.RUN], commit
    if write.collection == DEPLOYMENTS:
        template = write.found["spec"]["template"]
        run, commit = template["metadata"]["labels"].get(labels.RUN, ""), labels.COMMIT
        return run, labels.annotation(template, commit)
    return "", ""
