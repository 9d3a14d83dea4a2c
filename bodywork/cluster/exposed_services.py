"""The Service of a service stage: the name and the port under which its live version answers."""

from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.errors import AlreadyExists
from bodywork.cluster.manifests import build_service
from bodywork.errors import NotFound
from bodywork.model.names import service_name
from bodywork.model.run import StageRun

Found = dict[str, Any]


class ExposedServices:
    """The Services of one namespace; what is not ours is neither changed nor deleted."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def ensure(self, attempt: StageRun, port: int) -> Found:
        """Return the Service, created with that port where there is none; another port stays.

        Raises:
            Foreign: a Service of that name is not ours.
        """
        path = self._path(attempt)
        try:
            found = self._client.get(path)
        except NotFound:
            try:
                body = build_service(attempt, port)
                return self._client.create(paths.services(self._namespace), body)
            except AlreadyExists:
                found = self._client.get(path)
        labels.require_ours(found, identity_of(attempt))
        return found

    def ensure_port(self, attempt: StageRun, port: int) -> None:
        """Send the Service's requests to that port. Raises as `ensure`."""
        found = self.ensure(attempt, port)
        if found["spec"]["ports"][0]["port"] != port:
            found["spec"]["ports"] = build_service(attempt, port)["spec"]["ports"]
            self._client.replace(self._path(attempt), found)

    def delete(self, attempt: StageRun) -> str:
        """Delete the Service if it is ours; return what is there instead, "" where nothing is."""
        try:
            found = self._client.get(self._path(attempt))
            if not labels.are_borne(found, identity_of(attempt)):
                return labels.describe_foreign(found)
            self._client.delete(self._path(attempt), uid=str(found["metadata"]["uid"]))
        except NotFound:
            pass
        return ""

    def _path(self, attempt: StageRun) -> str:
        return paths.service(self._namespace, name_of(attempt))


def name_of(attempt: StageRun) -> str:
    """Return the name of a stage's Deployment and Service."""
    return service_name(attempt.project, attempt.stage)


def identity_of(attempt: StageRun) -> dict[str, str]:
    """Return the labels that tell a stage's Deployment and Service from those of others."""
    return {labels.PROJECT: attempt.project, labels.STAGE: attempt.stage}
