"""Making a namespace ready: what is missing is created, what differs is brought up to date."""

from collections.abc import Sequence
from typing import Any

from bodywork.cluster import paths, rights, settings
from bodywork.cluster.client import Client
from bodywork.cluster.errors import AlreadyExists
from bodywork.cluster.restricted import ENFORCE
from bodywork.errors import BodyworkError, NotFound
from bodywork.model.namespaces import missing_namespace

Manifest = dict[str, Any]

_PLACES = {
    "Namespace": ("api/v1", "namespaces"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
    "Role": (f"apis/{rights.RBAC}/v1", "roles"),
    "RoleBinding": (f"apis/{rights.RBAC}/v1", "rolebindings"),
    "ClusterRole": (f"apis/{rights.RBAC}/v1", "clusterroles"),
    "ClusterRoleBinding": (f"apis/{rights.RBAC}/v1", "clusterrolebindings"),
}
_TELLING = {
    "Namespace": "namespace={name}",
    "ServiceAccount": "service-account={name} in namespace={namespace}",
    "ClusterRoleBinding": "cluster-role-binding={name}",
}
_CONTENTS = ("rules", "subjects")


def setup_namespace(client: Client, namespace: str, image: str = "") -> Sequence[str]:
    """Make the namespace ready; return what was done, a line each, as the guide words it.

    Args:
        client, namespace: where.
        image: becomes the namespace's; "" leaves what is set.
    """
    said = []
    for manifest in rights.namespace_manifests(namespace):
        done = _ensure(client, manifest)
        form = _TELLING.get(manifest["kind"])
        if done == "updating":
            form = form or f"{manifest['kind'].lower()}={{name}}"
        if done and form:
            said.append(f"{done} {form.format(**{'namespace': '', **manifest['metadata']})}")
    if image and settings.write_image(client, namespace, image):
        said.append(f"setting image={image} in namespace={namespace}")
    return said or [f"namespace={namespace} is set up already"]


def no_namespace(client: Client, namespace: str) -> NotFound:
    """Return the error for a namespace that does not exist; it lists those of users."""
    try:
        items, _ = client.list_all(paths.namespaces())
    except BodyworkError:
        items = []  # not everybody may list them
    names = [str(each["metadata"]["name"]) for each in items]
    others = [name for name in names if not name.startswith("kube-")]
    return missing_namespace(namespace, f"in the cluster at {client.server}", others)


def describe_enforcement(client: Client, namespace: str) -> str:
    """Return what to say of a namespace in which the API server enforces no Pod Security level.

    That is one which was there before Bodywork: it is left as it is.
    """
    found = client.get(paths.namespace(namespace))
    if (found["metadata"].get("labels") or {}).get(ENFORCE):
        return ""
    return (
        f"namespace={namespace} enforces no Pod Security level; to have it enforce the one that "
        f"stages keep to: kubectl label namespace {namespace} {ENFORCE}=restricted"
    )


def _ensure(client: Client, manifest: Manifest) -> str:
    """Make the object be there; return "creating", "updating" or ""."""
    where, name = _path(manifest), manifest["metadata"]["name"]
    try:
        found = client.get(f"{where}/{name}")
    except NotFound:
        try:
            client.create(where, manifest)
        except AlreadyExists:
            return ""
        return "creating"
    changed = {key: manifest[key] for key in _CONTENTS if manifest.get(key) != found.get(key)}
    if not changed:
        return ""
    client.replace(f"{where}/{name}", {**found, **changed})
    return "updating"


def _path(manifest: Manifest) -> str:
    prefix, kind = _PLACES[manifest["kind"]]
    if namespace := manifest["metadata"].get("namespace"):
        return paths.in_namespace(prefix, namespace, kind)
    return f"/{prefix}/{kind}"
