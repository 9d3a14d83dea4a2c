"""Namespaces, secrets and services of the embedded engine: the port `Administration`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bodywork.errors import NotFound, SecretExists, Unsupported, UsageError
from bodywork.local import processes, secrets
from bodywork.local.claims import locked
from bodywork.local.folders import Folders
from bodywork.local.live import LIVE, read_live, version_of
from bodywork.local.network import addresses
from bodywork.local.refusals import translated
from bodywork.local.supervisor.files import is_held, make_folder
from bodywork.local.trash import discard
from bodywork.model.names import Namespace, problem_with_label
from bodywork.model.namespaces import missing_namespace
from bodywork.model.run import ServiceStatus


class LocalAdministration:
    """What people keep in the state folder besides runs."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @translated
    def setup_namespace(self, namespace: Namespace, image: str = "") -> Sequence[str]:
        """Make the namespace's folders; return a line for each that was not there."""
        if image:
            raise Unsupported(
                "the local engine uses this machine's Python and needs no image",
                hint="leave --image out",
            )
        _check_name("namespace", namespace)
        folders = Folders.of(self._root, namespace)
        said = [] if folders.root.exists() else [f"creating namespace={namespace}"]
        for folder in (folders.runs, folders.services, folders.secrets):
            make_folder(str(folder))
        return said or [f"namespace={namespace} is there already"]

    def describe_enforcement(self, namespace: Namespace) -> str:
        """Return "": processes are held to what their user may do."""
        return ""

    def namespaces(self) -> Sequence[Namespace]:
        """Return the namespaces, sorted."""
        try:
            return [Namespace(name) for name in sorted(os.listdir(self._root / "namespaces"))]
        except FileNotFoundError:
            return []

    def missing(self, namespace: str) -> NotFound:
        """Return the error for a namespace that does not exist."""
        return missing_namespace(namespace, "on this machine", self.namespaces())

    @translated
    def create_secret(self, namespace: Namespace, name: str, data: Mapping[str, str]) -> None:
        """Store a new secret."""
        _check_name("secret", name)
        folder = self._folders(namespace).secrets
        if secrets.read_secret(folder, name) is not None:
            raise SecretExists(
                f"the secret {name} exists already in namespace {namespace}",
                hint="`bodywork secret update` changes keys of it",
            )
        secrets.write_secret(folder, name, data)

    @translated
    def update_secret(self, namespace: Namespace, name: str, data: Mapping[str, str]) -> None:
        """Set these keys of a secret and keep its others."""
        known = self._secret(namespace, name)
        secrets.write_secret(self._folders(namespace).secrets, name, {**known, **data})

    def delete_secret(self, namespace: Namespace, name: str) -> None:
        """Remove a secret."""
        self._secret(namespace, name)
        (self._folders(namespace).secrets / f"{name}.json").unlink()

    def secrets(self, namespace: Namespace) -> Mapping[str, Mapping[str, str]]:
        """Return name → key → value."""
        folder = self._folders(namespace).secrets
        return {name: secrets.read_secret(folder, name) or {} for name in secrets.names_of(folder)}

    def services(self, namespace: Namespace) -> Sequence[ServiceStatus]:
        """Return the services of the namespace; whether one is available is tried out."""
        folders = self._folders(namespace)
        found = []
        for name in sorted(os.listdir(folders.services)):
            live = read_live(folders.services / name)
            if live is None:
                continue
            endpoint = addresses.Endpoint(live["address"], live["real_port"], live["port"])
            # After a restart of the machine, another program may answer at that address.
            runs = is_held(str(folders.services / name / "versions" / live["id"]))
            available = int(runs and addresses.answers(endpoint))
            found.append(
                ServiceStatus(
                    name=name,
                    url=f"http://{name}:{endpoint.port}",
                    address=endpoint.url,
                    exposed=True,
                    available_replicas=available,
                    unavailable_replicas=1 - available,
                    version=version_of(live),
                    repository=version_of(live).repository,
                )
            )
        return found

    def delete_service(self, namespace: Namespace, name: str) -> None:
        """End and remove a service, with all its versions."""
        folders = self._folders(namespace)
        service = folders.services / name
        if problem_with_label(name) or not service.exists():
            raise NotFound(
                f"there is no service {name} in namespace {namespace}",
                hint=f"`bodywork service display --namespace={namespace}` lists them",
            )
        with locked(service):
            (service / LIVE).unlink(missing_ok=True)
            for version in (service / "versions").glob("[!.]*"):
                processes.remove(folders, version)
            discard(folders, service)

    def _folders(self, namespace: Namespace) -> Folders:
        folders = Folders.of(self._root, namespace)
        if problem_with_label(namespace) or not folders.root.exists():
            raise self.missing(namespace)
        for folder in (folders.runs, folders.services, folders.secrets):
            make_folder(str(folder))
        return folders

    def _secret(self, namespace: Namespace, name: str) -> Mapping[str, str]:
        known = None
        if not problem_with_label(name):
            known = secrets.read_secret(self._folders(namespace).secrets, name)
        if known is None:
            raise NotFound(
                f"there is no secret {name} in namespace {namespace}",
                hint=f"`bodywork secret display --namespace={namespace}` lists them",
            )
        return known


def _check_name(what: str, name: str) -> None:
    fault = problem_with_label(name)
    if fault:
        raise UsageError(f"the {what}'s name {fault}")
