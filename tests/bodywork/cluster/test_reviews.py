"""What we may do is learnt by one request where that is enough, and right by right where not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.cluster.client import Client
from bodywork.cluster.reviews import check_rights, review
from bodywork.cluster.rights import CONTROLLER_RIGHTS, PEOPLE_RIGHTS, PROMISED, ROLES, rules
from bodywork.model.checks import Check
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, api_server, rule


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as served:
        yield served


@pytest.fixture
def client(server: ApiServer, tmp_path: Path) -> Client:
    return Client.connect(kubeconfig=str(write_kubeconfig(tmp_path, server.url)))


def checks(client: Client) -> list[Check]:
    return list(check_rights(review(client, "shop"), "shop"))


def bad(client: Client) -> list[tuple[str, str]]:
    return [(each.name, each.status) for each in checks(client) if each.status != "ok"]


@pytest.mark.parametrize(
    "granted",
    [[rule("*", "*", "*")], rules((*CONTROLLER_RIGHTS, *PEOPLE_RIGHTS))],
    ids=["administrator", "least rights"],
)
def test_one_request_tells_of_all_rights(
    server: ApiServer, client: Client, granted: list[dict[str, object]]
) -> None:
    server.rules = granted
    assert bad(client) == []
    assert [each.path for each in server.requests] == [
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    ]
    assert server.requests[0].body["spec"] == {"namespace": "shop"}


def test_the_rights_of_a_controller_are_needed_and_those_of_people_worth_a_warning(
    server: ApiServer, client: Client
) -> None:
    server.rules = []
    expected = [(f"right: {each.resource}", "fail") for each in CONTROLLER_RIGHTS]
    expected += [("right: secrets", "warning"), ("right: cronjobs", "warning")]
    assert bad(client) == expected
    assert all("rolebinding" in each.hint for each in checks(client))


def test_a_missing_verb_is_named_with_its_group_and_what_it_breaks(
    server: ApiServer, client: Client
) -> None:
    server.rules = [
        *rules(tuple(each for each in CONTROLLER_RIGHTS if each.resource != "jobs")),
        *rules(tuple(each for each in PEOPLE_RIGHTS if each.resource != "jobs")),
        rule("batch", "jobs", "get", "list", "watch", "delete"),
    ]
    [check] = [each for each in checks(client) if each.status != "ok"]
    assert check.message == "you may not create, patch jobs.batch; breaks: workflow, cancel"


@pytest.mark.parametrize("role", ROLES)
def test_one_complete_role_is_enough_and_what_it_cannot_do_is_a_warning(
    server: ApiServer, client: Client, role: str
) -> None:
    server.rules = rules(ROLES[role])
    found = checks(client)
    assert {each.status for each in found} == {"ok", "warning"}
    works = {command.partition(" ")[0] for command in PROMISED[role]}
    for check in found:
        broken = check.message.partition("; breaks: ")[2]
        assert works.isdisjoint(broken.split(", ")), check
        assert check.status == "ok" or broken


@pytest.mark.parametrize(
    ("granted", "logs_too"),
    [
        (rule("", "pods", "*"), False),
        (rule("", "pods/log", "get"), True),
        (rule("", "*/log", "get"), True),
        (rule("", "*", "get"), True),
        (rule("apps", "pods/log", "get"), False),
        ({**rule("", "pods/log", "get"), "resourceNames": ["one"]}, False),
    ],
)
def test_rules_mean_what_the_cluster_takes_them_to_mean(
    server: ApiServer, client: Client, granted: dict[str, object], logs_too: bool
) -> None:
    server.rules = [granted]
    assert review(client, "shop")("", "pods/log", "get") is logs_too


def test_what_an_incomplete_list_lacks_is_asked_for_by_itself(
    server: ApiServer, client: Client
) -> None:
    server.rules = [rule("", "pods", "get")]
    server.unlisted = [rule("", "pods/log", "get")]
    allowed = review(client, "shop")
    assert allowed("", "pods", "get")
    assert len(server.requests) == 1
    assert allowed("", "pods/log", "get")
    assert not allowed("batch", "jobs", "get")
    attributes = [
        each.body["spec"]["resourceAttributes"]
        for each in server.requests
        if each.path.endswith("/selfsubjectaccessreviews")
    ]
    assert [(each["resource"], each["subresource"]) for each in attributes] == [
        ("pods", "log"),
        ("jobs", ""),
    ]
    assert {each["namespace"] for each in attributes} == {"shop"}
