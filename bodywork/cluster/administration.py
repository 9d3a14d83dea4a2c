"""Namespaces, secrets and services of a cluster: the port `Administration`."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.deployments import accepted_version
from bodywork.cluster.errors import AlreadyExists
from bodywork.cluster.namespaces import describe_enforcement, no_namespace, setup_namespace
from bodywork.cluster.versions import repository_of
from bodywork.cluster.writes import discard, look
from bodywork.errors import NotFound, SecretExists
from bodywork.model.names import Namespace
from bodywork.model.redaction import hidden_in_errors
from bodywork.model.run import ServiceStatus

Found = dict[str, Any]


class ClusterAdministration:
    """What people keep in a cluster besides runs."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def setup_namespace(self, namespace: Namespace, image: str = "") -> Sequence[str]:
        """Make the namespace, its service accounts and their rights; set its image."""
        return setup_namespace(self._client, namespace, image)

    def describe_enforcement(self, namespace: Namespace) -> str:
        """Say so where the namespace enforces no Pod Security level."""
        return describe_enforcement(self._client, namespace)

    def namespaces(self) -> Sequence[Namespace]:
        """Return the cluster's namespaces, sorted."""
        items, _ = self._client.list_all(paths.namespaces())
        return sorted(Namespace(each["metadata"]["name"]) for each in items)

    def create_secret(self, namespace: Namespace, name: str, data: Mapping[str, str]) -> None:
        """Store a new secret."""
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {labels.MANAGED_BY: labels.BODYWORK},
            },
            "type": "Opaque",
            "data": _encoded(data),
        }
        try:
            with hidden_in_errors(data.values()):
                self._client.create(paths.secrets(namespace), body)
        except AlreadyExists:
            raise SecretExists(
                f"the secret {name} exists already in namespace {namespace}",
                hint="`bodywork secret update` changes keys of it",
            ) from None
        except NotFound:
            raise no_namespace(self._client, namespace) from None

    def update_secret(self, namespace: Namespace, name: str, data: Mapping[str, str]) -> None:
        """Set these keys of a secret and keep its others."""
        try:
            with hidden_in_errors(data.values()):
                self._client.patch(paths.secret(namespace, name), {"data": _encoded(data)})
        except NotFound:
            raise _no_secret(namespace, name) from None

    def delete_secret(self, namespace: Namespace, name: str) -> None:
        """Remove a secret; one that Bodywork did not make as well, where it is named."""
        try:
            self._client.delete(paths.secret(namespace, name))
        except NotFound:
            raise _no_secret(namespace, name) from None

    def secrets(self, namespace: Namespace) -> Mapping[str, Mapping[str, str]]:
        """Return name → key → value of the secrets that stages can use."""
        items, _ = self._client.list_all(paths.secrets(namespace), field_selector="type=Opaque")
        return {each["metadata"]["name"]: _decoded(each.get("data") or {}) for each in items}

    def services(self, namespace: Namespace) -> Sequence[ServiceStatus]:
        """Return the services of the namespace, sorted by name."""
        mine = f"{labels.MANAGED_BY}={labels.BODYWORK},{labels.STAGE}"
        deployments, _ = self._client.list_all(paths.deployments(namespace), label_selector=mine)
        exposed, _ = self._client.list_all(paths.services(namespace), label_selector=mine)
        ports = {each["metadata"]["name"]: each["spec"]["ports"][0]["port"] for each in exposed}
        return [
            _status(each, ports)
            for each in sorted(deployments, key=lambda each: str(each["metadata"]["name"]))
            if not labels.is_reserved(each)
        ]

    def delete_service(self, namespace: Namespace, name: str) -> None:
        """Delete a service's Deployment, with its versions, and its Service."""
        found = 0
        for path in (paths.deployment(namespace, name), paths.service(namespace, name)):
            each = look(self._client, path)
            if each is None:
                continue
            labels.require_ours(each)
            discard(self._client, path, each["metadata"]["uid"])  # or the cluster did: garbage
            found += 1
        if not found:
            raise NotFound(
                f"there is no service {name} in namespace {namespace}",
                hint="`bodywork service display` lists them",
            )


def _status(deployment: Found, ports: Mapping[str, int]) -> ServiceStatus:
    name = deployment["metadata"]["name"]
    status = deployment.get("status", {})
    template = deployment["spec"]["template"]["spec"]
    port = ports.get(name) or template["containers"][0]["ports"][0]["containerPort"]
    available = status.get("availableReplicas", 0)
    return ServiceStatus(
        name=name,
        url=f"http://{name}:{port}",
        address="",
        exposed=name in ports,
        available_replicas=available,
        unavailable_replicas=status.get("unavailableReplicas", 0),
        version=accepted_version(deployment),
        repository=repository_of(deployment["spec"]["template"]),
    )


def _encoded(data: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


def _decoded(data: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in data.items()}


def _no_secret(namespace: str, name: str) -> NotFound:
    return NotFound(
        f"there is no secret {name} in namespace {namespace}",
        hint="`bodywork secret display` lists them",
    )
