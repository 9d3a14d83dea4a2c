"""What to do about a missing right: the command with which an administrator grants it; pure.

The API server's message names the user, the verb and the resource. That is all that is needed to
find the role that grants it.
https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

import re
import shlex

from bodywork.cluster.rights import CLUSTER_RIGHTS, CONTROLLER, PEOPLE, ROLES, Right

_ACCOUNT_PREFIX = "system:serviceaccount:"
_REFUSED = (
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]*)" '
    r'in API group "(?P<group>[^"]*)" '
    r'(?:in the namespace "(?P<namespace>[^"]*)"|at the cluster scope)'
)
_USES = {
    CONTROLLER: "to run workflows",
    PEOPLE: "to keep secrets and schedules",
}


def hint_for(message: str) -> str:
    """Return what a user can do about a refusal of the API server; "" where it is not about rights.

    Args:
        message: the API server's, of a reply with status 403.
    """
    if "attempting to grant RBAC permissions" in message:
        return _ADMINISTRATOR
    match = re.search(_REFUSED, message)
    if match is None:
        return ""
    user, namespace = match["user"], match["namespace"] or ""
    wanted = (match["group"], match["resource"], match["verb"])
    if user == f"{_ACCOUNT_PREFIX}{namespace}:{CONTROLLER}":
        return f"an administrator brings its role up to date: bodywork setup-namespace {namespace}"
    roles = [role for role, rights in ROLES.items() if _grant(rights, wanted)]
    if namespace and roles:
        return _grant_hint(namespace, roles, user)
    if _grant(CLUSTER_RIGHTS, wanted):
        return f"an administrator can grant it: {bind_cluster_command(user)}"
    return _ADMINISTRATOR


_ADMINISTRATOR = (
    "only an administrator of the cluster may do that; for setting up a namespace, give them "
    "what `bodywork setup-namespace NAMESPACE --dry-run` prints"
)


def bind_command(namespace: str, role: str, user: str = "") -> str:
    """Return the command with which an administrator gives a user a role of the namespace.

    Args:
        namespace, role: where, and which.
        user: as the API server calls them; "" leaves it to the reader.
    """
    words = ("-n", namespace, "create", "rolebinding", f"{_readable(user)}-{role}")
    return _command(*words, f"--role={role}", user=user)


def bind_cluster_command(user: str = "") -> str:
    """Return the command with which an administrator lets a user look at namespaces."""
    words = ("create", "clusterrolebinding", f"{_readable(user)}-{CONTROLLER}")
    return _command(*words, f"--clusterrole={CONTROLLER}", user=user)


def _grant_hint(namespace: str, roles: list[str], user: str) -> str:
    """Name each role that would do, with its use where there is a choice."""
    commands = [bind_command(namespace, role, user) for role in roles]
    if len(roles) == 1:
        return f"an administrator can grant it: {commands[0]}"
    choices = [f"{_USES[role]}: {command}" for role, command in zip(roles, commands, strict=True)]
    return "an administrator can grant it, " + "; or ".join(choices)


def _grant(rights: tuple[Right, ...], wanted: tuple[str, str, str]) -> bool:
    group, resource, verb = wanted
    return any(
        (right.group, right.resource) == (group, resource) and verb in right.verbs
        for right in rights
    )


def _command(*words: str, user: str) -> str:
    account = user.removeprefix(_ACCOUNT_PREFIX)
    subject = f"--user={user or 'USER'}" if account == user else f"--serviceaccount={account}"
    return shlex.join(["kubectl", *words, subject])


def _readable(user: str) -> str:
    """Return a user's name as part of an object's name."""
    last = user.rpartition(":")[2].partition("@")[0].lower()
    return re.sub(r"[^a-z0-9]+", "-", last).strip("-")[:40] or "user"
