"""Service stages: one Deployment and one Service a stage; a version is a pod template.

The live version goes on answering while the next one proves itself (no pod of it is taken away
before). Which version was accepted last is an annotation; its template is kept by the cluster in a
ReplicaSet, from which it comes back.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.errors import AlreadyExists, Conflict
from bodywork.cluster.exposed_services import ExposedServices, identity_of, name_of
from bodywork.cluster.manifests import (
    build_deployment,
    version_id,
)
from bodywork.cluster.rollouts import answering, judge_rollout
from bodywork.cluster.sources import Sources
from bodywork.cluster.views import RunView
from bodywork.cluster.watching import Watched
from bodywork.errors import EngineError, NotFound
from bodywork.model.names import ProjectName, RunName, StageName, service_name
from bodywork.model.run import Observation, Phase, ServiceVersion, StageRun
from bodywork.model.stage import Stage

Found = dict[str, Any]
CONFLICTS = 10
"""How often a change is decided anew, because the Deployment was changed meanwhile."""


class Deployments:
    """The services of one namespace."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        sources: Sources,
        view: Callable[[RunName], RunView],
        watched: Watched,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._sources = sources
        self._view = view
        self._watched = watched
        self._exposed = ExposedServices(client, namespace)

    def live_version(self, project: ProjectName, stage: StageName) -> ServiceVersion | None:
        """Return the version that was accepted last; None if there is none."""
        deployment = self._get(service_name(project, stage))
        if deployment is None:
            return None
        labels.require_ours(deployment, {labels.PROJECT: project, labels.STAGE: stage})
        accepted = _annotation(deployment, labels.ACCEPTED)
        template = self._template_of(deployment, accepted) if accepted else None
        return None if template is None else _version_in(template)

    def ensure(self, attempt: StageRun, stage: Stage, image: str) -> str:
        """Begin to roll the version out, unless that was ever begun; return the service's uid."""
        wanted = build_deployment(attempt, stage, image, self._sources.of(attempt.run))
        found = self._get(wanted["metadata"]["name"])
        if found is None:
            found = self._create(attempt, wanted)
        labels.require_ours(found, identity_of(attempt))
        if _version_of(found) != version_id(attempt) and not self._was_begun(found, attempt):
            found = self._replace(found, wanted)
        self._watched.learn(found)
        self._sources.keep_for(attempt.run, _owner(found))
        self._exposed.ensure(attempt, _port_in(found["spec"]["template"]))
        return str(found["metadata"]["uid"])

    def observe(self, attempt: StageRun) -> Observation:
        """Look at the version: do its pods run, answer, and stay?"""
        deployment = self._known(attempt)
        if deployment is None:
            return Observation(Phase.ABSENT, reason="its Deployment was deleted")
        labels.require_ours(deployment, identity_of(attempt))
        uid = str(deployment["metadata"]["uid"])
        if _version_of(deployment) != version_id(attempt):
            other = _version_of(deployment)
            reason = f"version {other} has been deployed since"
            return Observation(Phase.LOST, uid=uid, reason=reason)
        view = self._view(attempt.run)
        pods = [pod for pod in view.pods() if _is_of(pod, attempt)]
        refusals = [] if pods else _refusals_of(deployment)
        seen = judge_rollout(deployment, pods, refusals)
        address = f"http://{name_of(attempt)}:{_port_in(deployment['spec']['template'])}"
        return replace(seen, uid=uid, address=address if seen.phase is Phase.READY else "")

    def accept(self, attempt: StageRun) -> None:
        """Note that the version is the live one, and send the service's requests to its port."""
        deployment = self._get(name_of(attempt))
        if deployment is None:
            raise EngineError(f"the Deployment {name_of(attempt)} was deleted meanwhile")
        labels.require_ours(deployment, identity_of(attempt))
        if _version_of(deployment) != version_id(attempt):
            raise EngineError(f"version {version_id(attempt)} has been replaced meanwhile")
        if _annotation(deployment, labels.ACCEPTED) != version_id(attempt):
            self._note_accepted(deployment, version_id(attempt))
        self._exposed.ensure_port(attempt, _port_in(deployment["spec"]["template"]))

    def restore(self, attempt: StageRun, previous: ServiceVersion | None) -> Observation:
        """Take the next step towards `previous` being live and nothing of `attempt` running."""
        deployment = self._known(attempt)
        if deployment is None:
            return self._without_deployment(attempt, previous)
        if not labels.are_borne(deployment, identity_of(attempt)):
            return Observation(Phase.READY, reason=labels.describe_foreign(deployment))
        current = _version_of(deployment)
        if current not in (version_id(attempt), previous.id if previous else ""):
            return Observation(Phase.READY, reason=f"version {current} has been deployed since")
        if previous is None:
            self._exposed.delete(attempt)
            with contextlib.suppress(NotFound):
                path, uid = self._path(name_of(attempt)), str(deployment["metadata"]["uid"])
                self._client.delete(path, uid=uid)
            self._watched.relist()
            return Observation(Phase.RUNNING)
        if current == version_id(attempt):
            return self._turn_back(deployment, previous)
        return self._restored(attempt, deployment, previous)

    def settle(self, project: ProjectName, stage: StageName, keep: Sequence[str]) -> None:
        """Drop the snapshots that no version which can come back starts from."""
        deployment = self._get(service_name(project, stage))
        if deployment is None or not labels.is_ours(deployment):
            return
        kept = {*keep, _annotation(deployment, labels.ACCEPTED), _version_of(deployment)}
        for each in self._replica_sets(deployment)[-2:]:
            kept.add(_annotation(each["spec"]["template"], labels.VERSION))
        runs = frozenset(version.partition("/")[0] for version in kept)
        self._sources.drop_unused(project, stage, runs, str(deployment["metadata"]["uid"]))

    # -- steps --------------------------------------------------------------------------------

    def _create(self, attempt: StageRun, wanted: Found) -> Found:
        try:
            return self._client.create(paths.deployments(self._namespace), wanted)
        except AlreadyExists:
            return self._client.get(self._path(name_of(attempt)))

    def _replace(self, found: Found, wanted: Found) -> Found:
        """Put the version into the Deployment, as it is now."""
        for _ in range(CONFLICTS):
            try:
                return self._put(_merged(found, wanted))
            except Conflict:  # its status, or something that scales it, was written meanwhile
                found = self._client.get(self._path(wanted["metadata"]["name"]))
                labels.require_ours(found)
        raise EngineError(f"the Deployment {found['metadata']['name']} changes all the time")

    def _turn_back(self, deployment: Found, previous: ServiceVersion) -> Observation:
        """Put the previous version's template back."""
        template = self._template_of(deployment, previous.id)
        if template is None:
            reason = f"the cluster has kept nothing of version {previous.id}"
            return Observation(Phase.FAILED, reason=reason)
        asked = _specification(deployment["spec"]["template"]).get("replicas")
        body = {**deployment, "spec": {**deployment["spec"], "template": template}}
        if deployment["spec"].get("replicas") == asked:
            body["spec"]["replicas"] = _specification(template).get("replicas", asked)
        body["metadata"] = _relabelled(deployment, template["metadata"]["labels"])
        try:
            self._watched.learn(self._put(body))
        except Conflict:
            self._watched.relist()  # its status has moved on: look again
        return Observation(Phase.RUNNING)

    def _restored(
        self, attempt: StageRun, deployment: Found, previous: ServiceVersion
    ) -> Observation:
        pods = self._view(attempt.run).pods()
        gone = not any(_is_of(pod, attempt) for pod in pods)
        if not answering(deployment) or not gone:
            return Observation(Phase.RUNNING)
        if _annotation(deployment, labels.ACCEPTED) != previous.id:
            self._note_accepted(deployment, previous.id)
        port = _port_in(deployment["spec"]["template"])
        self._exposed.ensure_port(attempt, port)
        return Observation(Phase.READY, address=f"http://{name_of(attempt)}:{port}")

    def _without_deployment(
        self, attempt: StageRun, previous: ServiceVersion | None
    ) -> Observation:
        if previous is not None:
            return Observation(Phase.FAILED, reason="its Deployment was deleted")
        left = self._exposed.delete(attempt)
        if any(_is_of(pod, attempt) for pod in self._view(attempt.run).pods()):
            return Observation(Phase.RUNNING)
        return Observation(Phase.ABSENT, reason=f"{left}; it was left alone" if left else "")

    # -- reading and writing --------------------------------------------------------------------

    def _known(self, attempt: StageRun) -> Found | None:
        """Return the Deployment; that there is none is believed of the API server alone."""
        for each in self._watched.objects():
            if each["metadata"]["name"] == name_of(attempt):
                return each
        found = self._get(name_of(attempt))
        if found is not None and labels.is_ours(found):
            self._watched.learn(found)
        return found

    def _get(self, name: str) -> Found | None:
        try:
            return self._client.get(self._path(name))
        except NotFound:
            return None

    def _put(self, body: Found) -> Found:
        body.pop("status", None)
        return self._client.replace(self._path(body["metadata"]["name"]), body)

    def _note_accepted(self, deployment: Found, version: str) -> None:
        """Note it on exactly the Deployment that was looked at."""
        noted = {
            "metadata": {
                "resourceVersion": deployment["metadata"]["resourceVersion"],
                "annotations": {labels.ACCEPTED: version},
            }
        }
        path = self._path(deployment["metadata"]["name"])
        for _ in range(CONFLICTS):
            try:
                self._watched.learn(self._client.patch(path, noted))
                return
            except Conflict:  # its status was written meanwhile
                again = self._client.get(path)
                if _version_of(again) != _version_of(deployment):
                    raise EngineError("another version is being deployed") from None
                noted["metadata"]["resourceVersion"] = again["metadata"]["resourceVersion"]
        raise EngineError(f"the Deployment {deployment['metadata']['name']} changes all the time")

    def _was_begun(self, deployment: Found, attempt: StageRun) -> bool:
        return self._template_of(deployment, version_id(attempt)) is not None

    def _template_of(self, deployment: Found, version: str) -> Found | None:
        """Return the pod template of a version that the Deployment has, or had."""
        if _version_of(deployment) == version:
            return dict(deployment["spec"]["template"])
        for each in self._replica_sets(deployment):
            template = each["spec"]["template"]
            if _annotation(template, labels.VERSION) == version:
                return _without_hash(template)
        return None

    def _replica_sets(self, deployment: Found) -> list[Found]:
        """Return the Deployment's ReplicaSets, the newest last, by the number of the revision."""
        chosen = deployment["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in sorted(chosen.items()))
        items, _ = self._client.list_all(
            paths.replica_sets(self._namespace), label_selector=selector
        )
        return sorted(items, key=_revision)

    def _path(self, name: str) -> str:
        return paths.deployment(self._namespace, name)


def accepted_version(deployment: Found) -> ServiceVersion | None:
    """Return the version that was accepted last, where the Deployment still holds it."""
    template = deployment["spec"]["template"]
    accepted = _annotation(deployment, labels.ACCEPTED)
    return _version_in(template) if accepted and accepted == _version_of(deployment) else None


def _annotation(found: Found, key: str) -> str:
    return str((found["metadata"].get("annotations") or {}).get(key, ""))


def _version_of(deployment: Found) -> str:
    return _annotation(deployment["spec"]["template"], labels.VERSION)


def _version_in(template: Found) -> ServiceVersion:
    borne = template["metadata"]["labels"]
    return ServiceVersion(
        _annotation(template, labels.VERSION),
        RunName(borne[labels.RUN]),
        StageName(borne[labels.STAGE]),
        _annotation(template, labels.COMMIT),
    )


def _specification(template: Found) -> Found:
    try:
        return dict(json.loads(_annotation(template, labels.SPECIFICATION) or "{}"))
    except ValueError:
        return {}


def _port_in(template: Found) -> int:
    return int(template["spec"]["containers"][0]["ports"][0]["containerPort"])


def _revision(replica_set: Found) -> int:
    return int(_annotation(replica_set, "deployment.kubernetes.io/revision") or 0)


def _is_of(pod: Found, attempt: StageRun) -> bool:
    borne = pod["metadata"].get("labels") or {}
    wanted = labels.labels_of(attempt)
    return all(borne.get(key) == value for key, value in wanted.items())


def _refusals_of(deployment: Found) -> list[str]:
    """Return why the Deployment's pods are refused, as its own condition says."""
    conditions = deployment.get("status", {}).get("conditions") or ()
    return [
        str(each.get("message", ""))
        for each in conditions
        if each["type"] == "ReplicaFailure" and each["status"] == "True"
    ]


def _without_hash(template: Found) -> Found:
    """Return a ReplicaSet's template as the Deployment had it."""
    borne = {
        key: value
        for key, value in template["metadata"]["labels"].items()
        if key != "pod-template-hash"
    }
    return {**template, "metadata": {**template["metadata"], "labels": borne}}


def _merged(found: Found, wanted: Found) -> Found:
    """Return the Deployment with the version put into it; what others set beside it stays.

    `replicas` stays where it is no more what we set: something scales it.
    """
    body = {**found, "spec": {**found["spec"], **wanted["spec"]}}
    body["spec"]["selector"] = found["spec"]["selector"]
    asked = _specification(found["spec"]["template"]).get("replicas")
    if found["spec"].get("replicas") != asked:
        body["spec"]["replicas"] = found["spec"].get("replicas")
    body["metadata"] = _relabelled(found, wanted["metadata"]["labels"])
    return body


def _relabelled(found: Found, new: Found) -> Found:
    metadata = dict(found["metadata"])
    kept = {key: value for key, value in new.items() if key != "pod-template-hash"}
    metadata["labels"] = {**(metadata.get("labels") or {}), **kept}
    return metadata


def _owner(deployment: Found) -> Found:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
        "uid": deployment["metadata"]["uid"],
    }
