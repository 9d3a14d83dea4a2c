"""The versions of a service that its Deployment tells of, in its template and its ReplicaSets, and
the Deployment with another version put into it."""

import json
from collections.abc import Sequence
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.labels import annotation, holder_of, is_reserved
from bodywork.cluster.rollouts import answering
from bodywork.cluster.verdicts import is_owned_by
from bodywork.model.names import RunName, StageName
from bodywork.model.run import ServiceVersion, Unresolved

Found = dict[str, Any]


class Versions:
    """Looks up the versions of the Deployments of one namespace."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def accepted(self, deployment: Found) -> ServiceVersion | None:
        """Return the version that is live: accepted, or put back by hand, and still to be found."""
        current, accepted = _current(deployment), annotation(deployment, labels.ACCEPTED)
        if is_reserved(deployment) or not accepted:
            return None
        if current and (current.id == accepted or _is_by_hand(deployment, current)):
            return current
        template = self.template_of(deployment, accepted)
        return version_in(template) if template else None

    def to_come_back_to(self, deployment: Found) -> ServiceVersion | Unresolved | None:
        """Return what a roll-back of the next version comes back to, as things stand.

        None only where no version was ever put in. A version that is not the accepted one counts
        where it answers: `kubectl rollout undo` brought it back, or the annotation was lost.
        """
        if is_reserved(deployment):
            return None
        live = self.accepted(deployment)
        if live is not None:
            return live
        current, accepted = _current(deployment), annotation(deployment, labels.ACCEPTED)
        if current is not None and not accepted and answering(deployment):
            return current
        if accepted:
            return Unresolved(f"the cluster has kept nothing of version {accepted}")
        what = f"version {current.id} was never accepted" if current else "it is at no version"
        return Unresolved(f"{what} of which Bodywork knows that it answered")

    def template_of(self, deployment: Found, version: str) -> Found | None:
        """Return the pod template of a version that the Deployment has, or had."""
        here = template_among([deployment], version)
        return here or template_among(self.replica_sets(deployment), version)

    def replica_sets(self, deployment: Found) -> list[Found]:
        """Return the Deployment's ReplicaSets, the newest last, by the number of the revision."""
        chosen = deployment["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in sorted(chosen.items()))
        items, _ = self._client.list_all(
            paths.replica_sets(self._namespace), label_selector=selector
        )
        uid = deployment["metadata"]["uid"]
        return sorted((each for each in items if is_owned_by(each, uid)), key=_revision)


def template_among(owners: Sequence[Found], version: str) -> Found | None:
    """Return the pod template of a version that one of the Deployments or ReplicaSets has."""
    for each in owners:
        template = each["spec"]["template"]
        if annotation(template, labels.VERSION) == version:
            return _without_hash(template)
    return None


def has_settled(replica_sets: Sequence[Found]) -> bool:
    """Say whether no ReplicaSet counts pods as available that it has been told to end.

    While one does, Kubernetes takes these for pods that answer. If the template is then changed
    back to theirs, it may end the pods of the other version before a new pod is ready.
    """
    return all(
        each.get("status", {}).get("availableReplicas", 0) <= each["spec"].get("replicas", 1)
        for each in replica_sets
    )


def version_of(deployment: Found) -> str:
    """Return the id of the version in the Deployment's template, "" for none."""
    return annotation(deployment["spec"]["template"], labels.VERSION)


def version_in(template: Found) -> ServiceVersion:
    """Return the version that a pod template is of."""
    borne = template["metadata"]["labels"]
    return ServiceVersion(
        annotation(template, labels.VERSION),
        RunName(borne[labels.RUN]),
        StageName(borne[labels.STAGE]),
        annotation(template, labels.COMMIT),
        repository_of(template),
    )


def repository_of(template: Found) -> str:
    """Return the repository that a pod template was deployed from, "" where it does not say."""
    return annotation(template, labels.REPOSITORY)


def specification(template: Found) -> Found:
    """Return what of a version is not in its template: replicas, port."""
    try:
        return dict(json.loads(annotation(template, labels.SPECIFICATION) or "{}"))
    except ValueError:
        return {}


def run_of(deployment: Found) -> str:
    """Return the run whose version is in the Deployment's template, "" for none."""
    borne = deployment["spec"]["template"]["metadata"].get("labels") or {}
    return str(borne.get(labels.RUN, ""))


def _current(deployment: Found) -> ServiceVersion | None:
    return version_in(deployment["spec"]["template"]) if version_of(deployment) else None


def _is_by_hand(deployment: Found, current: ServiceVersion) -> bool:
    """Whether the version was put in by no run: the last that had a claim deployed another one."""
    holder = holder_of(deployment)
    return holder is not None and holder != current.run and answering(deployment)


def _revision(replica_set: Found) -> int:
    return int(annotation(replica_set, "deployment.kubernetes.io/revision") or 0)


def _without_hash(template: Found) -> Found:
    """Return a ReplicaSet's template as the Deployment had it."""
    borne = {
        key: value
        for key, value in template["metadata"]["labels"].items()
        if key != "pod-template-hash"
    }
    return {**template, "metadata": {**template["metadata"], "labels": borne}}


def put_version(found: Found, wanted: Found) -> Found:
    """Return the Deployment with the version put into it; what others set beside it stays.

    `replicas` stays where it is no more what we set: something scales it.
    """
    kept = {} if is_reserved(found) else found["spec"]
    body = _without_status(found)
    body["spec"] = {**kept, **wanted["spec"]}
    body["spec"]["selector"] = found["spec"]["selector"]
    asked = specification(found["spec"]["template"]).get("replicas")
    if kept and found["spec"].get("replicas") != asked:
        body["spec"]["replicas"] = found["spec"].get("replicas")
    body["metadata"] = _relabelled(found, wanted["metadata"]["labels"])
    return body


def put_back(found: Found, template: Found, run: RunName) -> Found:
    """Return the Deployment with an earlier version's template; a scaled one keeps its scale."""
    asked = specification(found["spec"]["template"]).get("replicas")
    body = _without_status(found)
    body["spec"] = {**found["spec"], "template": template}
    if found["spec"].get("replicas") == asked:
        body["spec"]["replicas"] = specification(template).get("replicas", asked)
    body["metadata"] = _relabelled(found, template["metadata"]["labels"])
    noted = {**(body["metadata"].get("annotations") or {}), labels.ROLLED_BACK_BY: str(run)}
    body["metadata"]["annotations"] = noted
    return body


def _without_status(found: Found) -> Found:
    """Return a copy without the status, which is the cluster's to write."""
    return {key: value for key, value in found.items() if key != "status"}


def _relabelled(found: Found, new: Found) -> Found:
    metadata = dict(found["metadata"])
    kept = {key: value for key, value in new.items() if key != "pod-template-hash"}
    borne = {**(metadata.get("labels") or {}), **kept}
    borne.pop(labels.KIND, None)  # no longer a mere reservation
    metadata["labels"] = borne
    return metadata
