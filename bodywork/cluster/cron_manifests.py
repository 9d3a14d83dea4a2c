"""A schedule of workflows as a Kubernetes CronJob, and back; pure.

The controller runs in a pod of the Job that each tick makes. Its run is named after that Job (by
the downward API), so a pod that is made anew goes on with the run of the one that died. What its
exit code means to Kubernetes:

- 0: the run has succeeded; so has the Job.
- 1, 2: the run has failed, its retries included, or cannot begin: so has the Job, at once. A retry
  is the controller's own, since it keeps what has succeeded.
- 126, 127, 128: the image has no such program (128 is containerd's StartError). No other pod would
  fare better, so the Job has failed at once.
- evicted, preempted, drained: a new pod, and it counts for nothing.
- anything else, kill -9, an unreachable API server: a new pod, after Kubernetes' pause, and up to
  `DEATHS` of them.

A controller that has started goes on raising its Job's deadline (`watchdog`), so the one that the
template has ends those that never start: they would hold back all later ticks.

https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bodywork.cluster import labels, restricted
from bodywork.cluster.containers import build_container, unescape
from bodywork.cluster.manifests import StageSource, ssh_variables
from bodywork.errors import UsageError
from bodywork.model.names import GIVEN_LENGTH, problem_with_label
from bodywork.model.pods import SSH_VARIABLES

Manifest = dict[str, Any]

SERVICE_ACCOUNT = "bodywork-workflow-controller"
CONTAINER = "controller"
UTC_ZONE = "Etc/UTC"
DEATHS = 30
KEPT_JOBS = 10
"""How many Jobs of each outcome Kubernetes keeps; as many as runs are kept on record."""
JOB_NAME = "batch.kubernetes.io/job-name"
NAME_LENGTH = GIVEN_LENGTH - len("-29389821")
"""Kubernetes appends the minutes since 1970 to a Job's name, which must do as a run's name."""
PENDING_SECONDS = 1800
"""How long a Job may wait for its controller to start, and how long it outlives one that hangs."""
_ADOPT = "--adopt"
_FINAL_EXIT_CODES = [1, 2, 126, 127, 128]
"""Those that no other pod mends."""


@dataclass(frozen=True, slots=True)
class CronJob:
    """A schedule of workflows.

    Attributes:
        schedule: as `schedule.Schedule.text`.
        image: the controller's.
        retries: how often a run that failed is tried again.
        on_unfinished: `resume`, `skip` or `supersede`: what a tick does where the branch's last
            run is unfinished.
        time_zone: an IANA name.
        adopt: whether its runs take over services that another repository has deployed.
        path: the project's folder in the repository, "" for its root.
    """

    name: str
    schedule: str
    repository: str
    reference: str
    image: str
    retries: int = 0
    on_unfinished: str = "resume"
    time_zone: str = UTC_ZONE
    suspended: bool = False
    adopt: bool = False
    path: str = ""


@dataclass(frozen=True, slots=True)
class CronJobStatus:
    """A schedule and what became of it.

    Attributes:
        last: when it ticked last.
        active: the Jobs that have not ended.
        waits_for: why the newest Job has not started, or never did, or could not be made; "" where
            nothing keeps it from starting.
        hint: what to do about it.
    """

    cronjob: CronJob
    last: datetime | None = None
    active: tuple[str, ...] = ()
    waits_for: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """One Job of a schedule.

    Attributes:
        state: `active`, `succeeded` or `failed`, by the Job's conditions.
        active, succeeded, failed: its pods; one that died and was replaced counts as failed.
        cronjob: its schedule.
        started: whether its controller has ever run.
        waits_for: why the controller has not started, or, of a Job that is over, why it never did.
        hint: what to do about it.
    """

    name: str
    state: str
    started_at: datetime | None = None
    completed_at: datetime | None = None
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    cronjob: str = ""
    started: bool = True
    waits_for: str = ""
    hint: str = ""


def makes_other_pods(before: CronJob, after: CronJob) -> bool:
    """Say whether two forms of a schedule differ in the pods that they make."""
    at_the_same_times = replace(
        before, schedule=after.schedule, time_zone=after.time_zone, suspended=after.suspended
    )
    return at_the_same_times != after


def check_name(name: str) -> str:
    """Return a cronjob's name. Raises `UsageError` where it cannot be one."""
    fault = problem_with_label(name)
    if not fault and len(name) > NAME_LENGTH:
        fault = f"has {len(name)} characters; at most {NAME_LENGTH} leave room for its runs' names"
    if fault:
        raise UsageError(f"a cronjob cannot be called {name!r}: it {fault}")
    return name


def build_cron_job(cronjob: CronJob, namespace: str) -> Manifest:
    """Return the CronJob."""
    marks = {labels.MANAGED_BY: labels.BODYWORK, labels.CRONJOB: cronjob.name}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": cronjob.name, "namespace": namespace, "labels": marks},
        "spec": {
            "schedule": cronjob.schedule,
            "timeZone": cronjob.time_zone,
            "suspend": cronjob.suspended,
            "concurrencyPolicy": "Forbid",  # a tick waits until the one before it has ended
            "successfulJobsHistoryLimit": KEPT_JOBS,
            "failedJobsHistoryLimit": KEPT_JOBS,
            "jobTemplate": {
                "metadata": {"labels": marks},
                "spec": {
                    "completions": 1,
                    "parallelism": 1,
                    "backoffLimit": DEATHS,
                    "activeDeadlineSeconds": PENDING_SECONDS,
                    "podReplacementPolicy": "Failed",
                    "podFailurePolicy": {"rules": _rules()},
                    "template": {"metadata": {"labels": marks}, "spec": _pod(cronjob)},
                },
            },
        },
    }


def change_cron_job(found: Mapping[str, Any], cronjob: CronJob) -> Manifest:
    """Return the CronJob with what we know of it changed, and what others added to it kept.

    One that an older version made gets the deadline, the exit codes and the source of the last
    message of this one.
    """
    changed = deepcopy(dict(found))
    new = build_cron_job(cronjob, found["metadata"]["namespace"])["spec"]
    changed["spec"] |= {key: new[key] for key in ("schedule", "timeZone", "suspend")}
    old_container, new_container = (_container(spec) for spec in (changed["spec"], new))
    ours = {*SSH_VARIABLES, *(each["name"] for each in new_container["env"])}
    others = [each for each in old_container.get("env") or () if each["name"] not in ours]
    ours_alone = ("image", "args", "terminationMessagePolicy")
    old_container |= {key: new_container[key] for key in ours_alone}
    old_container["env"] = [*new_container["env"], *others]
    job = changed["spec"]["jobTemplate"]["spec"]
    job.setdefault("activeDeadlineSeconds", PENDING_SECONDS)
    for rule in (job.get("podFailurePolicy") or {}).get("rules") or ():
        codes = rule.get("onExitCodes") or {}
        if rule["action"] == "FailJob" and codes.get("containerName") == CONTAINER:
            codes["values"] = sorted({*codes["values"], *_FINAL_EXIT_CODES})
    return changed


def parse_cron_job(found: Mapping[str, Any]) -> CronJobStatus:
    """Return what a CronJob of ours says.

    Raises:
        KeyError, ValueError, IndexError: somebody has made another thing of it.
    """
    spec, status = found["spec"], found.get("status") or {}
    container = _container(spec)
    options, repository, reference = _parse_arguments(container["args"])
    cronjob = CronJob(
        name=found["metadata"]["name"],
        schedule=spec["schedule"],
        repository=repository,
        reference=reference,
        retries=int(options["--retries"]),
        on_unfinished=options["--on-unfinished"],
        time_zone=spec.get("timeZone") or UTC_ZONE,
        suspended=bool(spec.get("suspend")),
        image=container["image"],
        adopt=_ADOPT in options,
        path=options.get("--path", ""),
    )
    active = tuple(each["name"] for each in status.get("active") or ())
    return CronJobStatus(cronjob, _time(status.get("lastScheduleTime")), active)


def parse_tick(job: Mapping[str, Any]) -> Tick:
    """Return what a Job says; the verdict is its condition's, never that of its counters."""
    status = job.get("status") or {}
    ended = {
        each["type"]: each
        for each in status.get("conditions") or ()
        if each["status"] == "True" and each["type"] in ("Complete", "Failed")
    }
    failed = ended.get("Failed", {})
    return Tick(
        name=job["metadata"]["name"],
        state="failed" if failed else "succeeded" if ended else "active",
        started_at=_time(status.get("startTime")),
        completed_at=_time(status.get("completionTime") or failed.get("lastTransitionTime")),
        active=status.get("active") or 0,
        succeeded=status.get("succeeded") or 0,
        failed=status.get("failed") or 0,
        cronjob=(job["metadata"].get("labels") or {}).get(labels.CRONJOB, ""),
    )


def _container(spec: Mapping[str, Any]) -> Manifest:
    containers = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    [found] = [each for each in containers if each["name"] == CONTAINER]
    container: Manifest = found
    return container


def _rules() -> list[Manifest]:
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {
            "action": "FailJob",
            "onExitCodes": {
                "containerName": CONTAINER,
                "operator": "In",
                "values": _FINAL_EXIT_CODES,
            },
        },
    ]


def _pod(cronjob: CronJob) -> Manifest:
    return {
        "restartPolicy": "Never",
        "serviceAccountName": SERVICE_ACCOUNT,
        "enableServiceLinks": False,
        "securityContext": restricted.pod_security(),
        "volumes": [restricted.temporary_volume()],
        "containers": [
            build_container(
                CONTAINER,
                cronjob.image,
                _build_words(cronjob),
                variables={"PYTHONUNBUFFERED": "1", "BODYWORK_ENGINE": "kubernetes"},
                references=_references(cronjob),
                requests={"cpu": "50m", "memory": "128Mi"},
                # Its log has what the stages print, which may be the value of a secret that the
                # controller does not know; none of that goes into the pod's status.
                message_policy="File",
            )
        ],
    }


def _references(cronjob: CronJob) -> list[Manifest]:
    """Return the variables that the kubelet fills."""
    fields = {
        "BODYWORK_NAMESPACE": "metadata.namespace",
        "BODYWORK_RUN": f"metadata.labels['{JOB_NAME}']",
    }
    found: list[Manifest] = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in fields.items()
    ]
    if StageSource(cronjob.repository, cronjob.reference, "").over_ssh:
        found += ssh_variables()
    return found


def _build_words(cronjob: CronJob) -> list[str]:
    options = [f"--on-unfinished={cronjob.on_unfinished}", f"--retries={cronjob.retries}"]
    options += [_ADOPT] if cronjob.adopt else []
    options += [f"--path={cronjob.path}"] if cronjob.path else []
    return ["bodywork", "workflow", *options, "--", cronjob.repository, cronjob.reference]


def _parse_arguments(arguments: Sequence[str]) -> tuple[dict[str, str], str, str]:
    _, *options, dashes, repository, reference = map(unescape, arguments)
    if dashes != "--":
        raise ValueError(f"not the arguments of a workflow: {arguments}")
    pairs = (option.partition("=") for option in options)
    return {name: value for name, _, value in pairs}, repository, reference


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
