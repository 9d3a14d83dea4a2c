"""What came of a project, by the objects of the cluster and the API server's audit log."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bodywork.cluster import labels
from bodywork.cluster.tombstones import is_called_off
from tests.cluster.crash.scene import Record, Scene

Found = dict[str, Any]
Try = tuple[str, str, int]
"""Run, stage and number of an attempt."""


@dataclass(frozen=True)
class RunEnd:
    """How a run ended: its state, and its attempts that had a Job with a pod."""

    state: str
    attempts: frozenset[tuple[str, int]]


@dataclass(frozen=True)
class Outcome:
    """The end of a project, in terms that are the same for each project of a workload.

    Attributes:
        runs: oldest first.
        live: stage of a service → which commit of the project answers (-1: its name is reserved).
        exposed: the stages that have a Service.
    """

    runs: tuple[RunEnd, ...]
    live: frozenset[tuple[str, int]]
    exposed: frozenset[str]


@dataclass(frozen=True)
class Evidence:
    """What was found when all was over.

    Attributes:
        created: how often each Job was created, by name.
        jobs: the Jobs that there are; `pods` of them, and none of services.
        recorded: the runs that were put on record, by the audit log.
    """

    records: tuple[Record, ...]
    created: Counter[str]
    jobs: tuple[Found, ...]
    pods: tuple[Found, ...]
    recorded: frozenset[str]
    sources: tuple[Found, ...]
    deployments: tuple[Found, ...]
    services: tuple[Found, ...]


def audit_position(scene: Scene) -> int:
    """Return where the audit log ends now."""
    log = scene.place.site.cluster.audit_log
    assert log is not None, "needs the API server's audit log"
    return log.stat().st_size


def collect(scene: Scene, since: int) -> Evidence:
    """Read all that is judged; `since` is the audit log's end before the project was made."""
    created: Counter[str] = Counter()
    recorded = set()
    for kind, name in _creations(scene, since):
        if kind == "jobs":
            created[name] += 1
        elif kind == "configmaps":
            recorded.add(name)
    records = sorted(scene.records().values(), key=lambda each: each.created)
    names = {each.name for each in records}
    jobs = scene.place.objects("jobs", labels.STAGE)
    pods = scene.place.objects("pods", labels.STAGE)
    sources = scene.place.objects("config_maps", f"{labels.KIND}=source")
    ours = f"{labels.PROJECT}={scene.name}"
    return Evidence(
        records=tuple(records),
        created=created,
        jobs=tuple(each for each in jobs if _run_of(each) in names),
        pods=tuple(each for each in pods if _run_of(each) in names and _is_of_job(each)),
        recorded=frozenset(each for each in recorded if "-source-" not in each),
        sources=tuple(each for each in sources if _owners(each) & names),
        deployments=tuple(scene.place.objects("deployments", ours)),
        services=tuple(scene.place.objects("services", ours)),
    )


def outcome(scene: Scene, evidence: Evidence) -> Outcome:
    """Return the end of the project."""
    attempts: dict[str, set[tuple[str, int]]] = {}
    for job in evidence.jobs:
        if not is_called_off(job):
            run, stage, number = _try_of(job)
            attempts.setdefault(run, set()).add((stage, number))
    return Outcome(
        runs=tuple(
            RunEnd(each.state, frozenset(attempts.get(each.name, ()))) for each in evidence.records
        ),
        live=frozenset(_live(scene, each) for each in evidence.deployments),
        exposed=frozenset(each["metadata"]["labels"][labels.STAGE] for each in evidence.services),
    )


def find_doubles(evidence: Evidence) -> Iterator[str]:
    """Yield what had more than one Job, or one Job more than once."""
    for name, count in evidence.created.items():
        if count > 1:
            yield f"Job {name} was created {count} times"
    for attempt, count in Counter(_try_of(each) for each in evidence.jobs).items():
        if count > 1:
            yield f"attempt {attempt} has {count} Jobs"


def find_lost(evidence: Evidence) -> Iterator[str]:
    """Yield runs and Jobs that were there and are not, and attempts whose end was lost."""
    records = {each.name for each in evidence.records}
    for run in evidence.recorded - records:
        yield f"the record of run {run}"
    for job in set(evidence.created) - {each["metadata"]["name"] for each in evidence.jobs}:
        yield f"Job {job}"
    there = {_try_of(each) for each in evidence.jobs}
    for record in evidence.records:
        for stage, attempt, state in record.attempts():
            if state == "lost":
                yield f"the end of attempt {attempt} of {stage}"
            began = state in ("started", "succeeded", "failed")
            if began and record.is_batch(stage) and (record.name, stage, attempt) not in there:
                yield f"the Job of attempt {attempt} of {stage}"


def find_stuck(evidence: Evidence) -> Iterator[str]:
    """Yield the runs that have not ended."""
    for each in evidence.records:
        if not each.ended:
            yield f"run {each.name} is {each.state}"


def _has_stopped(pod: Found) -> bool:
    """Say whether its containers have ended, although its phase does not tell so yet."""
    containers = pod["status"].get("containerStatuses") or ()
    return bool(containers) and all("terminated" in each["state"] for each in containers)


def find_left(evidence: Evidence) -> Iterator[str]:
    """Yield what is left over of runs that have ended."""
    for each in evidence.sources:
        kinds = {owner["kind"] for owner in each["metadata"]["ownerReferences"]}
        is_kept = labels.annotation(each, labels.RELEASED)  # an index, so that none comes late
        if not is_kept and "Deployment" not in kinds:
            yield f"source {each['metadata']['name']}"
    for each in evidence.pods:
        if each["status"]["phase"] in ("Pending", "Running") and not _has_stopped(each):
            yield f"pod {each['metadata']['name']} goes on"
    over = {each.name for each in evidence.records if each.ended}
    for each in evidence.deployments:
        holder = labels.holder_of(each)
        if holder and holder not in over:
            yield f"a claim of run {holder}, of which no end is on record"


def _creations(scene: Scene, since: int) -> Iterator[tuple[str, str]]:
    for entry in scene.place.site.audit(since):
        succeeded = entry["responseStatus"]["code"] == 201
        if entry["verb"] == "create" and succeeded and "subresource" not in entry["objectRef"]:
            yield entry["objectRef"]["resource"], entry["objectRef"]["name"]


def _live(scene: Scene, deployment: Found) -> tuple[str, int]:
    stage = deployment["metadata"]["labels"][labels.STAGE]
    if labels.is_reserved(deployment):
        return stage, -1
    borne = deployment["spec"]["template"]["metadata"]["annotations"]
    available = (deployment.get("status") or {}).get("availableReplicas", 0)
    assert available, f"service {stage} is not available"
    return stage, scene.commits.index(borne[labels.COMMIT])


def _is_of_job(pod: Found) -> bool:
    kinds = {each["kind"] for each in pod["metadata"]["ownerReferences"]}
    return "Job" in kinds and "deletionTimestamp" not in pod["metadata"]


def _owners(found: Found) -> set[str]:
    return {each["name"] for each in found["metadata"].get("ownerReferences") or ()}


def _run_of(job: Found) -> str:
    return str(job["metadata"]["labels"][labels.RUN])


def _try_of(job: Found) -> Try:
    borne = job["metadata"]["labels"]
    return borne[labels.RUN], borne[labels.STAGE], int(borne[labels.ATTEMPT])
