"""The Service of a service stage: the name and the port under which its live version answers."""

from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.deleting import delete_exactly
from bodywork.cluster.errors import AlreadyExists, Conflict
from bodywork.cluster.manifests import build_service
from bodywork.errors import EngineError, NotFound
from bodywork.model.names import service_name
from bodywork.model.run import StageRun

Found = dict[str, Any]
CONFLICTS = 10
"""How often a change is decided anew, because the object was changed meanwhile."""


class ExposedServices:
    """The Services of one namespace; what is not ours is neither changed nor deleted."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def ensure(self, attempt: StageRun, port: int) -> Found:
        """Return the Service, created with that port where there is none; another port stays.

        It bears the run that uses it: an earlier run that would still delete it meets a newer
        resourceVersion.

        Raises:
            Foreign: a Service of that name is not ours.
        """
        path = self._path(attempt)
        try:
            found = self._client.get(path)
        except NotFound:
            try:
                body = build_service(attempt, port)
                body["metadata"]["annotations"] = {labels.CLAIM: attempt.run}
                return self._client.create(paths.services(self._namespace), body)
            except AlreadyExists:
                found = self._client.get(path)
        labels.require_ours(found, identity_of(attempt))
        return found if _user_of(found) == attempt.run else self._note_user(attempt, found)

    def _note_user(self, attempt: StageRun, found: Found) -> Found:
        for _ in range(CONFLICTS):
            metadata = found["metadata"]
            noted = {**(metadata.get("annotations") or {}), labels.CLAIM: str(attempt.run)}
            body = {**found, "metadata": {**metadata, "annotations": noted}}
            try:
                return self._client.replace(self._path(attempt), body)
            except Conflict:
                found = self._client.get(self._path(attempt))
                labels.require_ours(found, identity_of(attempt))
        raise EngineError(f"the Service {name_of(attempt)} changes all the time")

    def ensure_port(self, attempt: StageRun, port: int) -> None:
        """Send the Service's requests to that port. Raises as `ensure`."""
        found = self.ensure(attempt, port)
        if found["spec"]["ports"][0]["port"] != port:
            found["spec"]["ports"] = build_service(attempt, port)["spec"]["ports"]
            self._client.replace(self._path(attempt), found)

    def delete(self, attempt: StageRun) -> str:
        """Delete the Service if it is ours, and no other run uses it by now; return what is there
        of others instead, "" where nothing is."""
        while True:
            try:
                found = self._client.get(self._path(attempt))
            except NotFound:
                return ""
            if not labels.are_borne(found, identity_of(attempt)):
                return labels.describe_foreign(found)
            if _user_of(found) not in ("", attempt.run):
                return ""
            if delete_exactly(self._client, paths.service, found):
                return ""

    def _path(self, attempt: StageRun) -> str:
        return paths.service(self._namespace, name_of(attempt))


def _user_of(service: Found) -> str:
    """Return the run that used the Service last, "" where none is noted."""
    return labels.annotation(service, labels.CLAIM)


def name_of(attempt: StageRun) -> str:
    """Return the name of a stage's Deployment and Service."""
    return service_name(attempt.project, attempt.stage)


def identity_of(attempt: StageRun) -> dict[str, str]:
    """Return the labels that tell a stage's Deployment and Service from those of others."""
    return {labels.PROJECT: attempt.project, labels.STAGE: attempt.stage}
