"""Whether stages can start from an image: only a container that starts proves it.

A Job as small as they come, made and judged as those of stages are, so it needs no right that
stages do not need.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from bodywork import __version__
from bodywork.cluster import paths, restricted
from bodywork.cluster.client import Client
from bodywork.cluster.containers import build_container
from bodywork.cluster.doctor_jobs import build_doctor_job, remove_doctor_job
from bodywork.cluster.manifests import CONTAINER, SERVICE_ACCOUNT
from bodywork.cluster.verdicts import is_backing_off, judge_job, owned_by
from bodywork.cluster.watching import Bell, Watched
from bodywork.errors import BodyworkError
from bodywork.model.checks import Check, Needs
from bodywork.model.run import Observation, Phase

Found = dict[str, Any]

_JOB_NAME = "batch.kubernetes.io/job-name"


def probe_image(
    client: Client, namespace: str, needs: Needs, name: str = "image"
) -> Iterator[Check]:
    """Yield one check: whether a container starts from the image in time, and what is in it.

    Args:
        client, namespace: where.
        needs: the image, and how long it may take.
        name: the check's.
    """
    if not needs.image:
        yield Check(name, "skipped", "no image was named (--image, or a project's DOCKER_IMAGE)")
        return
    manifest = build_probe(namespace, needs.image, needs.image_seconds)
    path = paths.job(namespace, manifest["metadata"]["name"])
    try:
        yield replace(_probe(client, manifest, needs), name=name)
    except BodyworkError as error:
        yield Check(name, "fail", error.message, error.hint)
    finally:
        remove_doctor_job(client, path)


def build_probe(namespace: str, image: str, seconds: float) -> Found:
    """Return the Job: `bodywork --version`, as restricted as a stage; pure but for its name."""
    container = build_container(
        CONTAINER,
        image,
        ("bodywork", "--version"),
        variables={},
        message_policy="FallbackToLogsOnError",
    )
    pod = {
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": restricted.pod_security(),
        "containers": [container],
        "volumes": [restricted.temporary_volume()],
    }
    return build_doctor_job(namespace, pod, seconds)


def _probe(client: Client, manifest: Found, needs: Needs) -> Check:
    """Start the Job and say how its container fared. Raises as the client."""
    namespace = manifest["metadata"]["namespace"]
    job = client.create(paths.jobs(namespace), manifest)
    name, bell = job["metadata"]["name"], Bell()
    mine, about_it = f"{_JOB_NAME}={name}", f"involvedObject.name={name}"
    with (
        closing(Watched(client, paths.pods(namespace), bell, label_selector=mine)) as pods,
        closing(Watched(client, paths.events(namespace), bell, field_selector=about_it)) as events,
    ):
        seen = _wait(job, pods, events, bell, needs.image_seconds)
        if seen.phase is not Phase.SUCCEEDED:
            return _judge_failure(needs, seen)
        return _judge_version(needs.image, _first_line(client, pods.objects()[-1]))


def _wait(job: Found, pods: Watched, events: Watched, bell: Bell, seconds: float) -> Observation:
    """Return what is seen of the Job when it has ended, cannot start, or the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        heard = bell.count
        own = owned_by(pods.objects(), job["metadata"]["uid"])
        seen = judge_job(job, own, _refusals(events) if not own else ())
        left = deadline - time.monotonic()
        if own and is_backing_off(own[-1]):
            return replace(seen, final=True)  # who waits here can try again by hand
        if seen.phase.ended or seen.final or left <= 0:
            return seen
        bell.wait(heard, left)


def _refusals(events: Watched) -> list[str]:
    """Return why no pod was made; each reason is said once, and the newest last."""
    found = [each for each in events.objects() if each.get("reason") == "FailedCreate"]
    found.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
    return [str(each.get("message", "")) for each in found]


def _judge_failure(needs: Needs, seen: Observation) -> Check:
    if not seen.phase.ended and not seen.final:
        reason = seen.reason or "its image may still be on the way"
        hint = seen.hint or "wait longer with --timeout SECONDS; a smaller image starts sooner"
        message = f"{needs.image} has not started within {needs.image_seconds:.0f}s: {reason}"
        return Check("image", "fail", message, hint)
    message = f"{needs.image}: {seen.reason}"
    if "executable file not found" in seen.reason or "no such file" in seen.reason:
        hint = "stages need Bodywork in their image: build upon Bodywork's own"
    elif "pulled" in seen.reason or "image's name" in seen.reason:
        hint = (
            "is the name right, and may the nodes pull it? For a private registry, add an "
            f"imagePullSecret to the service account {SERVICE_ACCOUNT}"
        )
    else:
        hint = seen.hint or "; ".join(seen.tail[-3:])
    return Check("image", "fail", message, hint)


def _judge_version(image: str, told: str) -> Check:
    within = told.rpartition(" ")[2]
    if not within or within == __version__:
        holds = f"and holds bodywork {within}" if within else "and holds bodywork"
        return Check("image", "ok", f"{image} starts, {holds}")
    return Check(
        "image",
        "warning",
        f"{image} starts, but holds bodywork {within}; this is {__version__}",
        "use the image that belongs to this version",
    )


def _first_line(client: Client, pod: Found) -> str:
    """Return what the container printed first; "" where that is lost."""
    path = paths.pod_log(pod["metadata"]["namespace"], pod["metadata"]["name"])
    try:
        return next(client.stream(path, {}), b"").decode("utf-8", "replace").strip()
    except BodyworkError:
        return ""
