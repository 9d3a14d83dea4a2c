"""Each refusal for want of a right comes with a command that an administrator can paste."""

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cluster.errors import translate_reply
from bodywork.cluster.rights import CLUSTER_RIGHTS, CONTROLLER, PEOPLE, ROLES

USERS = {
    "ada": "--user=ada",
    "ada.lovelace@example.com": "--user=ada.lovelace@example.com",
    "system:serviceaccount:team:bob": "--serviceaccount=team:bob",
    "Group: odd `user`; rm": "'--user=Group: odd `user`; rm'",
}
GRANTED = sorted(
    (role, right.group, right.resource, verb)
    for role, rights in ROLES.items()
    for right in rights
    for verb in right.verbs
)


def hint(message: str) -> str:
    body = {"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": message}
    error = translate_reply("GET /", 403, json.dumps(body).encode(), "https://cluster")
    return error.hint


def refusal(user: str, group: str, resource: str, verb: str, where: str) -> str:
    kind = f"{resource}.{group}" if group else resource
    return (
        f'{kind} is forbidden: User "{user}" cannot {verb} resource "{resource}" '
        f'in API group "{group}" {where}'
    )


@pytest.mark.parametrize(("role", "group", "resource", "verb"), GRANTED)
@pytest.mark.parametrize("user", USERS)
def test_a_right_of_a_role_is_granted_by_binding_that_role(
    user: str, role: str, group: str, resource: str, verb: str
) -> None:
    told = hint(refusal(user, group, resource, verb, 'in the namespace "shop"'))
    assert f"--role={role} {USERS[user]}" in told
    assert "kubectl -n shop create rolebinding" in told
    assert "setup-namespace" not in told


@pytest.mark.parametrize("verb", CLUSTER_RIGHTS[0].verbs)
def test_looking_at_namespaces_is_granted_in_the_cluster(verb: str) -> None:
    told = hint(refusal("ada", "", "namespaces", verb, "at the cluster scope"))
    assert "kubectl create clusterrolebinding ada-" in told
    assert f"--clusterrole={CONTROLLER} --user=ada" in told


def test_a_controller_without_its_role_is_told_how_the_namespace_is_brought_up_to_date() -> None:
    user = f"system:serviceaccount:shop:{CONTROLLER}"
    told = hint(refusal(user, "batch", "jobs", "list", 'in the namespace "shop"'))
    assert told.endswith("bodywork setup-namespace shop")


@pytest.mark.parametrize(
    "message",
    [
        refusal("ada", "", "namespaces", "create", "at the cluster scope"),
        refusal("ada", "", "serviceaccounts", "create", 'in the namespace "shop"'),
        refusal("ada", "rbac.authorization.k8s.io", "roles", "update", 'in the namespace "shop"'),
        'roles "x" is forbidden: user "ada" is attempting to grant RBAC permissions not held:\n{}',
    ],
)
def test_what_no_role_grants_needs_an_administrator_and_the_hint_is_not_circular(
    message: str,
) -> None:
    told = hint(message)
    assert "only an administrator" in told
    assert "--dry-run" in told


def test_a_reason_that_follows_does_not_hide_the_hint() -> None:
    message = refusal("ada", "", "secrets", "list", 'in the namespace "shop"')
    told = hint(f'{message}: RBAC: role.rbac.authorization.k8s.io "x" not found')
    assert f"--role={PEOPLE} --user=ada" in told


@given(st.text(max_size=200))
def test_any_other_refusal_has_no_hint_and_no_error(message: str) -> None:
    assert hint(message) == "" or "administrator" in hint(message)


@given(st.text(st.characters(blacklist_characters='"', blacklist_categories=["Cs"]), min_size=1))
def test_any_name_of_a_user_stays_one_word_of_the_command(user: str) -> None:
    told = hint(refusal(user, "", "secrets", "list", 'in the namespace "shop"'))
    account = " ".join(user.split()).removeprefix("system:serviceaccount:")
    if " ".join(user.split()) == user:
        command = told.partition("grant it: ")[2]
        assert shlex.split(command)[-1].partition("=")[2] == account or not account
