"""What people and other programs do to the objects of a run while it goes on."""

from typing import TYPE_CHECKING

from bodywork.cluster import labels
from tests.servers.kubernetes_objects import Object, Refusal
from tests.simulation.cluster import is_leaving
from tests.simulation.server import DEPLOYMENTS, JOBS, MAPS, PODS, SERVICES, SETS

if TYPE_CHECKING:
    from tests.simulation.history import History
    from tests.simulation.stories import Command

QUOTA_SECONDS = 60.0
ACTS = frozenset(
    {
        "annotate-record",
        "annotate-job",
        "delete-job",
        "delete-pod",
        "evict-pod",
        "quota-on-jobs",
        "quota-on-pods",
        "controllers-down",
        "compact",
        "annotate-deployment",
        "delete-service",
        "delete-deployment",
        "scale",
        "pause-deployment",
        "undo-deployment",
    }
)
OF_SERVICES = frozenset(act for act in ACTS if act.endswith(("deployment", "service", "scale")))
OF_BATCH = ACTS - OF_SERVICES
DISTURBING = (OF_SERVICES - {"annotate-deployment"}) | {"delete-pod", "evict-pod", "quota-on-pods"}
"""What may take a service away for a while, or put another version in its place."""


def perform(history: "History", command: "Command") -> None:
    """Do it, to an object that is there, drawn at random; where none is, nothing."""
    try:
        if not _perform(history, command.kind, command.run):
            history.outcome.acted[command.kind] -= 1
        else:
            history.outcome.disturbed.add(command.kind)
    except Refusal:
        history.outcome.acted[command.kind] -= 1


def _perform(history: "History", act: str, run: str) -> bool:
    server, note = history.server, {"metadata": {"annotations": {"note": str(len(act))}}}
    match act:
        case "annotate-record":
            server.merge(MAPS, run, note)
        case "quota-on-jobs" | "quota-on-pods":
            _fill(history, JOBS if act == "quota-on-jobs" else PODS)
        case "controllers-down":
            history.cluster.until_up = history.time.now + QUOTA_SECONDS
        case "compact":
            server.compact()
        case "annotate-job" | "annotate-deployment":
            return _change(history, JOBS if act == "annotate-job" else DEPLOYMENTS, note)
        case _:
            return _harm(history, act)
    return True


def _harm(history: "History", act: str) -> bool:
    leaving = {"metadata": {"deletionTimestamp": history.server.moment(0)}}
    match act:
        case "delete-pod":
            return _change(history, PODS, leaving)
        case "evict-pod":
            return _evict(history)
        case "scale":
            return _change(history, DEPLOYMENTS, {"spec": {"replicas": 2}})
        case "pause-deployment":
            return _change(history, DEPLOYMENTS, {"spec": {"paused": True}})
        case "undo-deployment":
            return _undo(history)
        case "delete-job":
            return _delete(history, JOBS)
        case "delete-service":
            return _delete(history, SERVICES)
        case "delete-deployment":
            return _delete(history, DEPLOYMENTS)
    raise ValueError(act)


def _delete(history: "History", collection: str) -> bool:
    found = _any(history, collection)
    if found is not None:
        history.server.delete(collection, found["metadata"]["name"], {})
    return found is not None


def _any(history: "History", collection: str) -> Object | None:
    found = [
        each
        for each in history.cluster.all(collection)
        if labels.is_ours(each) and (collection != PODS or not is_leaving(each))
    ]
    return history.time.random.choice(found) if found else None


def _change(history: "History", collection: str, patch: Object) -> bool:
    found = _any(history, collection)
    if found is not None:
        history.server.merge(collection, found["metadata"]["name"], patch)
    return found is not None


def _evict(history: "History") -> bool:
    pod = _any(history, PODS)
    if pod is None:
        return False
    target = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    conditions = [*(pod["status"].get("conditions") or ()), target]
    name = pod["metadata"]["name"]
    history.server.set_status(PODS, name, {**pod["status"], "conditions": conditions})
    leaving = {"metadata": {"deletionTimestamp": history.server.moment(0)}}
    history.server.merge(PODS, name, leaving)
    return True


def _fill(history: "History", collection: str) -> None:
    """Let a quota be used up for a while."""
    server, time = history.server, history.time
    server.full |= {collection}

    def free() -> None:
        time.sleep(QUOTA_SECONDS)
        server.full -= {collection}
        time.wake("cluster")

    time.thread("quota", free).start()


def _undo(history: "History") -> bool:
    """Do what `kubectl rollout undo` does."""
    deployment = _any(history, DEPLOYMENTS)
    if deployment is None:
        return False
    uid = deployment["metadata"]["uid"]
    sets = [
        each
        for each in history.cluster.all(SETS)
        if each["metadata"]["ownerReferences"][0]["uid"] == uid
    ]
    if len(sets) < 2:
        return False
    template = dict(history.time.random.choice(sets)["spec"]["template"])
    borne = {k: v for k, v in template["metadata"]["labels"].items() if k != "pod-template-hash"}
    template["metadata"] = {**template["metadata"], "labels": borne}
    body = {**deployment, "spec": {**deployment["spec"], "template": template}}
    history.server.replace(DEPLOYMENTS, deployment["metadata"]["name"], body)
    return True
