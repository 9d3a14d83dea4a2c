"""What we may do in a namespace, by asking the API server; every user may ask that.

One request lists all rules that hold for us. Where the server says that its list is not complete
(some of its authorizers cannot list), each right that is missing from it is asked for by itself.
https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-rules-review-v1/
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bodywork.cluster.client import Client
from bodywork.cluster.forbidden import bind_command
from bodywork.cluster.rights import (
    CONTROLLER,
    CONTROLLER_RIGHTS,
    PEOPLE,
    PEOPLE_RIGHTS,
    PROMISED,
    ROLES,
    Right,
)
from bodywork.model.checks import Check, CheckStatus

Found = dict[str, Any]
Allowed = Callable[[str, str, str], bool]
"""Says whether we may do something: API group, resource (plural, `/` its subresource), verb."""

_GROUP = "authorization.k8s.io/v1"
_BREAKS = {
    "configmaps": ("workflow", "status", "logs", "cancel"),
    "leases": ("workflow", "status", "cancel"),
    "jobs": ("workflow", "cancel"),
    "pods": ("workflow", "logs", "cancel"),
    "pods/log": ("workflow", "logs"),
    "events": ("workflow",),
    "deployments": ("workflow", "cancel", "service"),
    "replicasets": ("workflow (when it rolls a service back)",),
    "services": ("workflow", "cancel", "service"),
    "secrets": ("secret",),
    "cronjobs": ("cronjob",),
}
"""Resource → the commands that do not work without it."""


def review(client: Client, namespace: str) -> Allowed:
    """Ask what we may do in the namespace. Raises as `Client.create`."""
    status = _ask(client, "selfsubjectrulesreviews", {"namespace": namespace})
    rules = [each for each in status.get("resourceRules") or () if not each.get("resourceNames")]

    def allowed(group: str, resource: str, verb: str) -> bool:
        if any(_grants(rule, group, resource, verb) for rule in rules):
            return True
        return bool(status.get("incomplete")) and _is_allowed(
            client, namespace, group, resource, verb
        )

    return allowed


def check_rights(allowed: Allowed, namespace: str) -> Iterator[Check]:
    """Yield a check for each kind of objects that the commands need.

    A user needs one of the two roles. Without a controller's rights no workflow runs: that is a
    failure, unless all rights of the people who keep secrets and schedules are there. The rights of
    people are a warning each: a user who runs workflows need not keep secrets and schedules.
    """
    complete = [
        role for role, rights in ROLES.items() if all(_has(allowed, each) for each in rights)
    ]
    status: CheckStatus = "warning" if PEOPLE in complete else "fail"
    for right in CONTROLLER_RIGHTS:
        yield _check(right, allowed, status, namespace, CONTROLLER, complete)
    shown = {(right.group, right.resource) for right in CONTROLLER_RIGHTS}
    for right in PEOPLE_RIGHTS:
        if (right.group, right.resource) not in shown:
            yield _check(right, allowed, "warning", namespace, PEOPLE, complete)


def _check(
    right: Right,
    allowed: Allowed,
    status: CheckStatus,
    namespace: str,
    role: str,
    complete: Sequence[str],
) -> Check:
    """Judge one right; `complete` are the roles whose rights are all there."""
    name = f"right: {right.resource}"
    lacking = _lacking(allowed, right)
    if not lacking:
        return Check(name, "ok", f"{', '.join(right.verbs)} ({right.why})")
    what = f"{right.resource}.{right.group}" if right.group else right.resource
    works = {command.partition(" ")[0] for role in complete for command in PROMISED[role]}
    breaks = ", ".join(command for command in _BREAKS[right.resource] if command not in works)
    hint = f"an administrator can grant it: {bind_command(namespace, role)}"
    return Check(name, status, f"you may not {', '.join(lacking)} {what}; breaks: {breaks}", hint)


def _has(allowed: Allowed, right: Right) -> bool:
    return not _lacking(allowed, right)


def _lacking(allowed: Allowed, right: Right) -> list[str]:
    return [verb for verb in right.verbs if not allowed(right.group, right.resource, verb)]


def _grants(rule: Mapping[str, Any], group: str, resource: str, verb: str) -> bool:
    """Say whether a rule grants it, by the rules of RBAC: `*` is all, `*/log` all logs."""
    parent, slash, child = resource.partition("/")
    resources = {"*", resource, f"*/{child}"} if slash else {"*", parent}
    return (
        not {"*", group}.isdisjoint(rule.get("apiGroups") or ())
        and not resources.isdisjoint(rule.get("resources") or ())
        and not {"*", verb}.isdisjoint(rule.get("verbs") or ())
    )


def _is_allowed(client: Client, namespace: str, group: str, resource: str, verb: str) -> bool:
    kind, _, subresource = resource.partition("/")
    attributes = {
        "namespace": namespace,
        "group": group,
        "resource": kind,
        "subresource": subresource,
        "verb": verb,
    }
    asked = {"resourceAttributes": attributes}
    return _ask(client, "selfsubjectaccessreviews", asked).get("allowed") is True


def _ask(client: Client, kind: str, spec: Found) -> Found:
    names = {
        "selfsubjectrulesreviews": "SelfSubjectRulesReview",
        "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    }
    body = {"apiVersion": _GROUP, "kind": names[kind], "spec": spec}
    return dict(client.create(f"/apis/{_GROUP}/{kind}", body).get("status") or {})
