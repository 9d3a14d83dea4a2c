"""The Service of a service stage: the name and the port under which its live version answers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.manifests import build_service, version_id
from bodywork.cluster.writes import converge, discard_unchanged, look
from bodywork.model.names import service_name
from bodywork.model.run import StageRun

Found = dict[str, Any]


class ExposedServices:
    """The Services of one namespace; what is not ours is neither changed nor deleted."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def ensure(self, attempt: StageRun, port: int, deployment: Found) -> Found:
        """Return the Service, created with that port where there is none; another port stays.

        It bears the run that uses it: an earlier run that would still delete it meets a newer
        resourceVersion. It belongs to the Deployment: a creation that arrives after the Deployment
        was removed makes what the cluster collects as garbage.

        Args:
            deployment: whose pods it leads to.

        Raises:
            Foreign: a Service of that name is not ours.
            Fenced: it is to be changed, and another controller has taken the run over.
        """
        return self._converge(attempt, port, deployment, keep_port=True)

    def ensure_port(self, attempt: StageRun, port: int, deployment: Found) -> None:
        """Send the Service's requests to that port. Arguments and errors as of `ensure`."""
        self._converge(attempt, port, deployment, keep_port=False)

    def restore_port(self, attempt: StageRun, port: int, deployment: Found) -> None:
        """Send the Service's requests to that port again, after the attempt was rolled back.

        It is written once in each case: what an overtaken controller of the run still sends meets
        a newer resourceVersion. Arguments and errors as of `ensure`.
        """
        undone = {labels.ROLLED_BACK_BY: version_id(attempt)}
        self._converge(attempt, port, deployment, keep_port=False, marks=undone)

    def keep(self, attempt: StageRun) -> None:
        """Leave the Service as it is, after a roll-back that restored nothing, and write it once.

        What an overtaken controller of the run still sends then meets a newer resourceVersion.

        Raises:
            Fenced: another controller has taken the run over.
        """
        undone = {labels.ROLLED_BACK_BY: version_id(attempt)}

        def decide(found: Found | None) -> Found | None:
            if found is None or not labels.are_borne(found, identity_of(attempt)):
                return None
            noted = {**(found["metadata"].get("annotations") or {}), **undone}
            if noted == found["metadata"].get("annotations"):
                return None
            self._client.require_ownership()
            return {**found, "metadata": {**found["metadata"], "annotations": noted}}

        converge(self._client, paths.services(self._namespace), name_of(attempt), decide)

    def _converge(
        self,
        attempt: StageRun,
        port: int,
        deployment: Found,
        *,
        keep_port: bool,
        marks: Mapping[str, str] = MappingProxyType({}),
    ) -> Found:
        """Bring the Service to what is wanted of it.

        Ownership is asked after the Service was read: who has lost the run before that is told so,
        and who loses it afterwards meets what the roll-back has written.
        """
        owner = owner_reference(deployment)
        wanted = build_service(attempt, port)
        mine = {labels.CLAIM: str(attempt.run), **marks}
        wanted["metadata"] |= {"annotations": mine, "ownerReferences": [owner]}

        def decide(found: Found | None) -> Found | None:
            if found is None:
                self._client.require_ownership()
                return wanted
            labels.require_ours(found, identity_of(attempt))
            right = keep_port or found["spec"]["ports"][0]["port"] == port
            before = found["metadata"].get("ownerReferences") or []
            owners = _owned_by(before, owner)
            noted = {**(found["metadata"].get("annotations") or {}), **mine}
            if right and noted == found["metadata"].get("annotations") and owners == before:
                return None
            self._client.require_ownership()
            metadata = {**found["metadata"], "annotations": noted}
            if owners:
                metadata["ownerReferences"] = owners
            ports = found["spec"]["ports"] if right else wanted["spec"]["ports"]
            return {**found, "metadata": metadata, "spec": {**found["spec"], "ports": ports}}

        services, name = paths.services(self._namespace), name_of(attempt)
        service = converge(self._client, services, name, decide)
        assert service is not None  # noqa: S101  what is not there was made
        return service

    def delete(self, attempt: StageRun) -> str:
        """Delete the Service if it is ours, and no other run uses it by now; return what is there
        of others instead, "" where nothing is."""
        while True:
            found = look(self._client, self._path(attempt))
            if found is None:
                return ""
            if not labels.are_borne(found, identity_of(attempt)):
                return labels.describe_foreign(found)
            if _user_of(found) not in ("", attempt.run):
                return ""
            if discard_unchanged(self._client, self._path(attempt), found):
                return ""

    def _path(self, attempt: StageRun) -> str:
        return paths.service(self._namespace, name_of(attempt))


def _owned_by(owners: list[Found], deployment: Found) -> list[Found]:
    """Return a Service's owners with this Deployment in the place of an earlier one; a Service
    without owners, of an earlier release, belongs to itself."""
    return [deployment if each["kind"] == "Deployment" else each for each in owners]


def owner_reference(deployment: Found) -> Found:
    """Return the owner reference by which an object goes when the Deployment goes."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
        "uid": deployment["metadata"]["uid"],
    }


def _user_of(service: Found) -> str:
    """Return the run that used the Service last, "" where none is noted."""
    return labels.annotation(service, labels.CLAIM)


def name_of(attempt: StageRun) -> str:
    """Return the name of a stage's Deployment and Service."""
    return service_name(attempt.project, attempt.stage)


def identity_of(attempt: StageRun) -> dict[str, str]:
    """Return the labels that tell a stage's Deployment and Service from those of others."""
    return {labels.PROJECT: attempt.project, labels.STAGE: attempt.stage}
