"""Each thing that may be amiss in a namespace is named, and only what may be seen is looked at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster.client import Client
from bodywork.cluster.doctor import examine
from bodywork.cluster.rights import CONTROLLER_RIGHTS, PEOPLE_RIGHTS, rules
from bodywork.cluster.settings import write_image
from bodywork.model.checks import Check, Needs
from statemachine.retries import RetryPolicy
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server, rule

ONCE = RetryPolicy(attempts=1)
ACCOUNTS = ("bodywork-workflow-controller", "bodywork-jobs-and-deployments")
NEEDS = Needs({"store": frozenset({"USER", "TOKEN"}), "any": frozenset()})


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """A cluster with a namespace that is ready."""
    with api_server() as served:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {"metadata": {"name": "shop", "labels": labels}}
        served.objects.create("/api/v1/namespaces", namespace)
        for name in ACCOUNTS:
            path = "/api/v1/namespaces/shop/serviceaccounts"
            served.objects.create(path, {"metadata": {"name": name}})
        for name, keys in (("store", ("USER", "TOKEN")), ("any", ())):
            body = {"metadata": {"name": name}, "data": dict.fromkeys(keys, "aHVudGVyMg==")}
            served.objects.create("/api/v1/namespaces/shop/secrets", body)
        yield served


@pytest.fixture
def client(server: ApiServer, tmp_path: Path) -> Client:
    return Client.connect(kubeconfig=str(write_kubeconfig(tmp_path, server.url)), policy=ONCE)


def examined(client: Client, needs: Needs = NEEDS) -> dict[str, Check]:
    """Return what is not fine, by name."""
    checks = list(examine(client, "shop", needs))
    assert "aHVudGVyMg" not in str(checks)
    assert "hunter2" not in str(checks)
    return {each.name: each for each in checks if each.status not in ("ok", "skipped")}


def change(server: ApiServer, collection: str, name: str, patch: dict[str, Any]) -> None:
    server.objects.merge(f"/api/v1/{collection}", name, patch)


def test_a_namespace_that_is_ready_has_nothing_amiss(server: ApiServer, client: Client) -> None:
    checks = list(examine(client, "shop", NEEDS))
    assert {each.status for each in checks[:-1]} == {"ok"}
    assert (checks[-1].name, checks[-1].status) == ("image", "skipped")
    assert "--image" in checks[-1].message
    assert {each.method for each in server.requests} == {"GET", "POST"}
    assert len(server.requests) == 8  # version, rules, namespace, accounts, secrets, settings


def test_a_project_without_an_image_needs_one_of_the_namespace(
    server: ApiServer, client: Client
) -> None:
    needs = Needs(image_needed=True)
    check = examined(client, needs)["image"]
    assert (check.status, check.message) == (
        "fail",
        "the project names no DOCKER_IMAGE, and the namespace has no image set",
    )
    assert check.hint.endswith("bodywork setup-namespace shop --image=REGISTRY/IMAGE:TAG")


@pytest.mark.parametrize(
    ("image", "tried"),
    [
        ("", {"image": "namespace:1"}),
        ("namespace:1", {"image": "namespace:1"}),
        ("own:1", {"image": "own:1", "namespace image": "namespace:1"}),
    ],
)
def test_the_namespaces_image_is_tried_whatever_else_is(
    server: ApiServer, client: Client, image: str, tried: dict[str, str]
) -> None:
    write_image(client, "shop", "namespace:1")
    found = examined(client, Needs(image=image, image_seconds=0.01))  # no kubelet: in vain
    assert {name: each.message.split()[0] for name, each in found.items()} == tried
    assert {each.status for each in found.values()} == {"fail"}


def test_nothing_is_looked_at_that_may_not_be_seen(server: ApiServer, client: Client) -> None:
    server.rules = rules(CONTROLLER_RIGHTS)
    found = examined(client)
    unseen = {name for name, each in found.items() if "cannot be seen" in each.message}
    expected = {"namespace", "pod security", "service accounts", "secret: any", "secret: store"}
    assert unseen == expected
    assert {each.status for each in found.values()} == {"warning"}
    assert len(server.requests) == 3  # version, rules, settings


def test_an_old_cluster_is_worth_a_warning(server: ApiServer, client: Client) -> None:
    server.version = "v1.28.9-gke.100"
    assert "v1.28.9-gke.100 is older than v1.29" in examined(client)["version"].message


@pytest.mark.parametrize("version", ["v1.29.0", "v1.34.4+k3s1", "v2.0.0"])
def test_later_versions_are_supported(server: ApiServer, client: Client, version: str) -> None:
    server.version = version
    assert examined(client) == {}


@pytest.mark.parametrize(("level", "told"), [("baseline", "baseline is"), (None, "no level is")])
def test_a_laxer_namespace_is_worth_a_warning(
    server: ApiServer, client: Client, level: str | None, told: str
) -> None:
    labels = {"pod-security.kubernetes.io/enforce": level}
    change(server, "namespaces", "shop", {"metadata": {"labels": labels}})
    check = examined(client)["pod security"]
    assert (check.status, check.message.startswith(told)) == ("warning", True)
    assert "kubectl label" in check.hint


def test_a_namespace_that_ends_cannot_be_used(server: ApiServer, client: Client) -> None:
    ending = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    change(server, "namespaces", "shop", ending)
    checks = list(examine(client, "shop", NEEDS))
    assert [each.name for each in checks if each.status == "fail"] == ["namespace"]
    assert {each.status for each in checks[3:]} == {"skipped"}


def test_a_missing_account_is_named(server: ApiServer, client: Client) -> None:
    server.objects.delete("/api/v1/namespaces/shop/serviceaccounts", ACCOUNTS[1], {})
    check = examined(client)["service accounts"]
    assert (check.status, check.message) == ("fail", f"missing: {ACCOUNTS[1]}")
    assert "bodywork setup-namespace shop" in check.hint


def test_missing_keys_and_secrets_are_named(server: ApiServer, client: Client) -> None:
    change(server, "namespaces/shop/secrets", "store", {"data": {"TOKEN": None}})
    server.objects.delete("/api/v1/namespaces/shop/secrets", "any", {})
    found = examined(client)
    assert found["secret: store"].message == "it lacks TOKEN"
    assert found["secret: store"].hint.endswith("update -n shop --name=store --data TOKEN=…")
    assert found["secret: any"].message == "there is no secret any"
    assert found["secret: any"].hint.endswith("create -n shop --name=any --data KEY=…")


def test_a_cluster_that_does_not_answer_is_all_that_is_said(
    server: ApiServer, client: Client
) -> None:
    server.will(Misbehaviour.RESET_BEFORE, times=10)
    [check] = list(examine(client, "shop", NEEDS))
    assert (check.name, check.status) == ("cluster", "fail")
    assert "--context" in check.hint


def test_an_outage_on_the_way_fails_what_it_meets_and_not_the_rest(
    server: ApiServer, client: Client
) -> None:
    server.will(Misbehaviour.RESET_BEFORE, "GET", path="/secrets/any")
    found = examined(client)
    assert [(each.name, each.status) for each in found.values()] == [("secret: any", "fail")]


def test_a_version_that_may_not_be_told_is_no_failure(server: ApiServer, client: Client) -> None:
    server.will(Misbehaviour.REFUSE, path="/version", status=403, reason="Forbidden")
    assert [(each.name, each.status) for each in examined(client).values()] == [
        ("version", "warning")
    ]


def test_people_without_a_right_of_theirs_still_pass(server: ApiServer, client: Client) -> None:
    others = tuple(each for each in PEOPLE_RIGHTS if each.resource != "cronjobs")
    server.rules = [*rules((*CONTROLLER_RIGHTS, *others)), rule("", "namespaces", "get")]
    found = examined(client)
    assert {each.status for each in found.values()} == {"warning"}
    assert found["right: cronjobs"].message.endswith("breaks: cronjob")
