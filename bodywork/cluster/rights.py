"""Who may do what in a namespace: the least that works, each right with its reason; pure.

Each role stands alone: `PROMISED` names the commands that work with one role and no other. The role
of controllers is bound to their service account, and to people who run workflows from their own
machine. The role of people who keep secrets and schedules is bound by an administrator. Stages run
under an account without any right, and without its token.

The cluster tests run each command under one role only. `scripts/check-rights` compares each role
with what the API server's audit log shows of its accounts: every verb is used, and no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bodywork.cluster import labels
from bodywork.cluster.manifests import SERVICE_ACCOUNT
from bodywork.cluster.restricted import ENFORCE

Manifest = dict[str, Any]

CONTROLLER = "bodywork-workflow-controller"
PEOPLE = "bodywork-people"
RBAC = "rbac.authorization.k8s.io"
PROMISED: Mapping[str, Sequence[str]] = {
    CONTROLLER: (
        "workflow",
        "status",
        "logs",
        "cancel",
        "service display",
        "service delete",
        "doctor",
    ),
    PEOPLE: (
        "secret create",
        "secret update",
        "secret display",
        "secret delete",
        "cronjob create",
        "cronjob update",
        "cronjob display",
        "cronjob run",
        "cronjob history",
        "cronjob logs",
        "cronjob delete",
        "service display",
        "service delete",
        "status",
        "logs",
        "doctor",
    ),
}
"""Role → the commands that an account with this role alone can use; docs/security.md lists them."""


@dataclass(frozen=True, slots=True)
class Right:
    """Some verbs on one kind of objects.

    Attributes:
        group: the API group, "" for the core.
        resource: plural; with a subresource as `pods/log`.
        why: for people.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str


CONTROLLER_RIGHTS = (
    Right(
        "", "configmaps", ("get", "list", "create", "update", "delete"), "records of runs, source"
    ),
    Right("coordination.k8s.io", "leases", ("get", "create", "patch", "delete"), "who is at work"),
    Right("batch", "jobs", ("get", "list", "watch", "create", "patch", "delete"), "batch stages"),
    Right("", "pods", ("list", "watch", "patch"), "how stages go; ending one at once"),
    Right("", "pods/log", ("get",), "what stages print"),
    Right("", "events", ("list", "watch"), "why a pod is refused"),
    Right(
        "apps",
        "deployments",
        ("get", "list", "watch", "create", "update", "patch", "delete"),
        "service stages",
    ),
    Right("apps", "replicasets", ("list",), "the version to roll back to"),
    Right(
        "",
        "services",
        ("get", "list", "create", "update", "delete"),
        "the names of services; bodywork service display",
    ),
)

PEOPLE_RIGHTS = (
    Right("", "secrets", ("get", "list", "create", "patch", "delete"), "bodywork secret"),
    Right(
        "batch",
        "cronjobs",
        ("get", "list", "create", "update", "delete"),
        "bodywork cronjob",
    ),
    Right(
        "batch",
        "jobs",
        ("get", "list", "watch", "create", "delete"),
        "what schedules started; the pod that bodywork doctor tries an image with",
    ),
    Right("", "pods", ("get", "list", "watch"), "how schedules and stages go"),
    Right("", "pods/log", ("get",), "what controllers and stages print"),
    Right("", "events", ("list", "watch"), "why a pod is refused"),
    Right("", "configmaps", ("get", "list"), "records of runs, the namespace's image"),
    Right("coordination.k8s.io", "leases", ("get",), "who is at work"),
    Right("apps", "deployments", ("get", "list", "delete"), "bodywork service"),
    Right("", "services", ("get", "list", "delete"), "bodywork service"),
)

ROLES: Mapping[str, tuple[Right, ...]] = {CONTROLLER: CONTROLLER_RIGHTS, PEOPLE: PEOPLE_RIGHTS}

CLUSTER_RIGHTS = (Right("", "namespaces", ("get", "list"), "whether a namespace is there"),)


def rules(rights: tuple[Right, ...]) -> list[Manifest]:
    """Return the rights as a role's rules."""
    return [
        {"apiGroups": [each.group], "resources": [each.resource], "verbs": list(each.verbs)}
        for each in rights
    ]


def namespace_manifests(namespace: str) -> list[Manifest]:
    """Return everything that makes a namespace ready, in the order in which it is made."""
    return [
        build_namespace(namespace),
        _service_account(namespace, CONTROLLER),
        _role(namespace, CONTROLLER),
        _role_binding(namespace),
        _cluster_role(),
        _cluster_role_binding(namespace),
        _role(namespace, PEOPLE),
        _service_account(namespace, SERVICE_ACCOUNT),
    ]


def build_namespace(name: str) -> Manifest:
    """Return the namespace; its pods must pass the restricted profile, which all of ours do."""
    level = {ENFORCE: "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": _metadata(name, "", level)}


def _service_account(namespace: str, name: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(name, namespace),
        "automountServiceAccountToken": name == CONTROLLER,
    }


def _role(namespace: str, name: str) -> Manifest:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role",
        "metadata": _metadata(name, namespace),
        "rules": rules(ROLES[name]),
    }


def _role_binding(namespace: str) -> Manifest:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(CONTROLLER, namespace),
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": CONTROLLER},
        "subjects": [_subject(namespace)],
    }


def _cluster_role() -> Manifest:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": _metadata(CONTROLLER, ""),
        "rules": rules(CLUSTER_RIGHTS),
    }


def _cluster_role_binding(namespace: str) -> Manifest:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": _metadata(f"{CONTROLLER}--{namespace}", ""),
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": CONTROLLER},
        "subjects": [_subject(namespace)],
    }


def _subject(namespace: str) -> Manifest:
    return {"kind": "ServiceAccount", "name": CONTROLLER, "namespace": namespace}


def _metadata(name: str, namespace: str, more: Mapping[str, str] | None = None) -> Manifest:
    metadata: Manifest = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = {labels.MANAGED_BY: labels.BODYWORK, **(more or {})}
    return metadata
