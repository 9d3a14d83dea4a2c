"""Whether a schedule would work: its own pod, with a command that looks and changes nothing.

The pod is that of the schedule's jobs, with the same image, service account and key; its command is
`bodywork workflow --dry-run`, which reads the project as a run would. So all is tried that a run
needs before its first stage.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from copy import deepcopy
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.cron_manifests import CONTAINER
from bodywork.cluster.cron_starts import Start
from bodywork.cluster.cronjobs import CronJobs
from bodywork.cluster.doctor_jobs import build_doctor_job, remove_doctor_job
from bodywork.cluster.job_view import JobView
from bodywork.errors import BodyworkError
from bodywork.model.checks import Check
from bodywork.model.names import Namespace

Found = dict[str, Any]
Manifest = dict[str, Any]

PASSING_SECONDS = 20.0
"""How long a known obstacle is given to pass."""
_MOST_LINES = 3
_SHORT_COMMIT = 12


def try_schedule(
    client: Client, namespace: Namespace, name: str, seconds: float
) -> Iterator[Check]:
    """Yield one check: whether the schedule's controller starts, and can read its project.

    Args:
        client, namespace, name: the schedule.
        seconds: how long that may take.
    """
    title = f"cronjob: {name}"
    try:
        cron_job = CronJobs(client, namespace).manifest(name)
        manifest = build_trial(cron_job, seconds)
    except BodyworkError as error:
        yield Check(title, "fail", error.message, error.hint)
        return
    path = paths.job(namespace, manifest["metadata"]["name"])
    try:
        yield _try(client, namespace, manifest, title, seconds)
    except BodyworkError as error:
        yield Check(title, "fail", error.message, error.hint)
    finally:
        remove_doctor_job(client, path)


def build_trial(cron_job: Mapping[str, Any], seconds: float) -> Manifest:
    """Return the Job; pure but for its name."""
    template = deepcopy(cron_job["spec"]["jobTemplate"]["spec"]["template"])
    for container in template["spec"]["containers"]:
        if container["name"] == CONTAINER:
            where = container["args"][container["args"].index("--") :]
            container["args"] = ["workflow", "--dry-run", "--output=json", *where]
            named = [each for each in container["env"] if each["name"] != "BODYWORK_RUN"]
            container["env"] = named  # it is no job of the schedule, and begins no run
    schedule = cron_job["metadata"]
    return build_doctor_job(
        schedule["namespace"],
        template["spec"],
        seconds,
        annotations={labels.CRONJOB: schedule["name"]},
        pod_annotations=(template.get("metadata") or {}).get("annotations"),
    )


def _try(
    client: Client, namespace: Namespace, manifest: Manifest, title: str, seconds: float
) -> Check:
    """Start the Job and say how its controller fared. Raises as the client."""
    job = client.create(paths.jobs(namespace), manifest)["metadata"]
    with closing(JobView(client, namespace, job["name"], job["uid"])) as view:
        start = _wait(view, seconds)
        if start.obstacle:
            hint = start.obstacle.hint or "wait longer with --timeout SECONDS"
            return Check(title, "fail", start.obstacle.reason, hint)
        if not start.over:
            hint = "wait longer with --timeout SECONDS; is its Git server slow, or out of reach?"
            return Check(title, "fail", f"it has not ended within {seconds:.0f}s", hint)
        lines = [line for pod in view.started_pods() for line in _log(client, namespace, pod)]
        return _judge(title, lines, succeeded=view.has_succeeded())


def _wait(view: JobView, seconds: float) -> Start:
    """Return how far the Job is when it has ended, cannot start, or the time is up."""
    deadline, known = time.monotonic() + seconds, False
    while True:
        mark = view.mark()
        start = view.start()
        obstacle = start.obstacle
        if obstacle and obstacle.hint and not known:
            known = True
            deadline = min(deadline, time.monotonic() + PASSING_SECONDS)
        left = deadline - time.monotonic()
        if start.over or left <= 0 or (obstacle and not obstacle.passes):
            return start
        view.wait(mark, left)


def _judge(title: str, lines: Sequence[str], *, succeeded: bool) -> Check:
    """Return what the controller found out, by what it printed."""
    if not succeeded:
        told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
        message = "; ".join(told) or " / ".join(lines[-_MOST_LINES:]) or "its controller failed"
        return Check(title, "fail", message, "; ".join(hints))
    try:
        text = "\n".join(lines)
        document = json.loads(text[text.index("{") :])
        stages, commit = document["stages"], str(document["commit"])[:_SHORT_COMMIT]
        found = f"its project has {len(stages)} stage{'s' * (len(stages) != 1)} at commit {commit}"
    except (ValueError, KeyError, TypeError):
        found = "it reads its project"
    return Check(title, "ok", f"its controller starts, and {found}")


def _log(client: Client, namespace: Namespace, pod: str) -> list[str]:
    raw = client.stream(paths.pod_log(namespace, pod), {"container": CONTAINER})
    return [line.decode("utf-8", "replace").rstrip() for line in raw]
