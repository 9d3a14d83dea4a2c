"""What we may do in a namespace, by asking the API server; everybody may ask that of himself.

One request lists all rules that hold for us. Where the server says that its list is not complete
(some of its authorizers cannot list), each right that is missing from it is asked for by itself.
https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-rules-review-v1/
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bodywork.cluster.client import Client
from bodywork.cluster.rights import (
    CONTROLLER,
    CONTROLLER_RIGHTS,
    PEOPLE,
    PEOPLE_RIGHTS,
    Right,
)
from bodywork.model.checks import Check

Found = dict[str, Any]
Allowed = Callable[[str, str, str], bool]
"""Says whether we may do something: API group, resource (plural, `/` its subresource), verb."""

_GROUP = "authorization.k8s.io/v1"
_BREAKS = {
    "configmaps": "workflow, status, cancel",
    "leases": "workflow, status, cancel",
    "jobs": "workflow, cancel",
    "pods": "workflow, logs, cancel",
    "pods/log": "workflow, logs",
    "events": "workflow",
    "deployments": "workflow, service",
    "replicasets": "workflow (when it rolls a service back)",
    "services": "workflow, service",
    "secrets": "secret",
    "cronjobs": "cronjob",
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
    """Yield a check for each right that the commands need.

    Without a controller's rights no workflow runs: that is a failure. Those of people are a warning
    each: not everybody who runs workflows has to keep secrets and schedules.
    """
    for right in CONTROLLER_RIGHTS:
        yield _check(right, allowed, "fail", _hint(namespace, CONTROLLER))
    for right in PEOPLE_RIGHTS:
        yield _check(right, allowed, "warning", _hint(namespace, PEOPLE))


def _check(right: Right, allowed: Allowed, status: Any, hint: str) -> Check:
    name = f"right: {right.resource}"
    lacking = [verb for verb in right.verbs if not allowed(right.group, right.resource, verb)]
    if not lacking:
        return Check(name, "ok", f"{', '.join(right.verbs)} ({right.why})")
    what = f"{right.resource}.{right.group}" if right.group else right.resource
    breaks = _BREAKS[right.resource]
    if right in PEOPLE_RIGHTS:
        breaks = right.why.removeprefix("bodywork ")
    return Check(name, status, f"you may not {', '.join(lacking)} {what}; breaks: {breaks}", hint)


def _hint(namespace: str, role: str) -> str:
    return (
        f"an administrator can grant it: kubectl -n {namespace} create rolebinding NAME "
        f"--role={role} --user=YOU (or --serviceaccount=NAMESPACE:ACCOUNT)"
    )


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
