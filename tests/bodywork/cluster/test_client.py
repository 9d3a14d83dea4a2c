"""The client against an API server that misbehaves at chosen requests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster.client import PAGE, Client, enduring
from bodywork.cluster.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    NamespaceEnding,
    QuotaExceeded,
    Unavailable,
)
from bodywork.errors import BodyworkError, EngineError, EngineUnavailable, NotFound
from statemachine.retries import ONCE, RetryPolicy
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server

MAPS = "/api/v1/namespaces/space/configmaps"
FOUR_TIMES = RetryPolicy(attempts=4, initial_wait_seconds=0.01)

READS: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.get(f"{MAPS}/there"),
    "list": lambda client: client.list_all(MAPS),
    "version": lambda client: client.version(),
}
WRITES: dict[str, Callable[[Client], Any]] = {
    "create": lambda client: client.create(MAPS, config_map("new"), sure=False),
    "replace": lambda client: client.replace(f"{MAPS}/there", config_map("there", a="2")),
    "patch": lambda client: client.patch(f"{MAPS}/there", {"data": {"a": "3"}}),
    "delete": lambda client: client.delete(f"{MAPS}/there"),
}
STREAMS: dict[str, Callable[[Client], Any]] = {
    "watch": lambda client: list(client.watch(MAPS, "100", timeout_seconds=1)),
    "stream": lambda client: list(client.stream("/api/v1/namespaces/space/pods/p/log", {})),
}
EVERYTHING = {**READS, **WRITES, **STREAMS}
JUNK = [b"", b"<html>", b'"text"', b"5", b"[]", b"{}", b"null", b"\xff\xfe", b'{"metadata": 1}']


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "space"},
        "data": data,
    }


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as server:
        server.objects.create(MAPS, config_map("there", a="1"))
        server.logs["p"] = [b"a line\n"]
        yield server


@pytest.fixture
def connect(server: ApiServer, tmp_path: Path) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def connect(policy: RetryPolicy = ONCE, **more: Any) -> Client:
        path = write_kubeconfig(tmp_path, server.url)
        made.append(
            Client.connect(kubeconfig=str(path), policy=policy, time_outs=server.time_outs, **more)
        )
        return made[-1]

    yield connect
    for client in made:
        client.close()


@pytest.mark.parametrize("call", EVERYTHING)
@pytest.mark.parametrize("kind", Misbehaviour)
def test_no_fault_leaves_the_client_as_a_foreign_error(
    server: ApiServer, connect: Callable[..., Client], kind: Misbehaviour, call: str
) -> None:
    fault = server.will(kind)
    told = ""
    try:
        EVERYTHING[call](connect())
    except EngineUnavailable as error:
        told = f"{error} {error.hint}"
    assert fault.fired == 1
    assert told or call in STREAMS  # a stream just ends, and whoever reads lists again
    assert "s3cr3t" not in told


@pytest.mark.parametrize("body", JUNK)
@pytest.mark.parametrize("call", sorted({**READS, **WRITES}.keys() - {"version", "delete"}))
def test_what_is_no_object_is_no_answer(
    server: ApiServer, connect: Callable[..., Client], call: str, body: bytes
) -> None:
    server.will(Misbehaviour.GARBLE, body=body)
    with pytest.raises(Unavailable) as caught:
        EVERYTHING[call](connect())
    assert caught.value.ambiguous


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("kind", Misbehaviour)
def test_reads_are_tried_again(
    server: ApiServer, connect: Callable[..., Client], kind: Misbehaviour, call: str
) -> None:
    fault = server.will(kind, times=2)
    assert READS[call](connect(FOUR_TIMES))
    assert fault.fired == 2


@pytest.mark.parametrize("call", ["create", "replace"])
@pytest.mark.parametrize("kind", [kind for kind in Misbehaviour if kind is not Misbehaviour.REFUSE])
def test_a_write_whose_answer_was_lost_is_not_sent_again(
    server: ApiServer, connect: Callable[..., Client], kind: Misbehaviour, call: str
) -> None:
    server.will(kind)
    with pytest.raises(Unavailable) as caught:
        WRITES[call](connect(FOUR_TIMES))
    assert caught.value.ambiguous
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("call", WRITES)
def test_a_write_that_was_refused_for_now_is_sent_again(
    server: ApiServer, connect: Callable[..., Client], call: str, status: int
) -> None:
    fault = server.will(Misbehaviour.REFUSE, status=status)
    WRITES[call](connect(FOUR_TIMES))
    assert (fault.fired, len(server.requests)) == (1, 2)


def test_a_creation_that_may_be_repeated_meets_its_own_first_try(
    server: ApiServer, connect: Callable[..., Client]
) -> None:
    server.will(Misbehaviour.RESET_AFTERWARDS, "POST")
    with pytest.raises(AlreadyExists):
        connect(FOUR_TIMES).create(MAPS, config_map("new"))
    assert server.objects.get(MAPS, "new")


def test_who_asks_for_patience_gets_it_within_bounds(
    server: ApiServer, connect: Callable[..., Client]
) -> None:
    server.will(Misbehaviour.REFUSE, status=429, headers={"Retry-After": "2"})
    server.will(Misbehaviour.REFUSE, status=503, headers={"Retry-After": "86400"})
    server.will(Misbehaviour.REFUSE, status=503, headers={"Retry-After": "Fri, 1 Jan 2100"})
    pauses: list[float] = []
    policy = RetryPolicy(initial_wait_seconds=0.001, maximum_wait_seconds=5.0)
    connect(policy, sleep=pauses.append).get(f"{MAPS}/there")
    assert pauses[:2] == [2.0, 5.0]
    assert pauses[2] < 1.0


def test_an_outage_is_told_while_it_is_endured(
    server: ApiServer, connect: Callable[..., Client]
) -> None:
    server.will(Misbehaviour.RESET_BEFORE, times=20)
    pauses: list[float] = []
    told: list[tuple[str, float]] = []
    client = connect(
        enduring(900.0),
        sleep=pauses.append,
        waiting=lambda fault, seconds: told.append((fault.message, seconds)),
    )
    assert client.get(f"{MAPS}/there")
    assert [seconds for _, seconds in told] == pauses
    assert len(pauses) == 20
    assert all(0 <= seconds <= 15.0 for seconds in pauses)
    assert "cannot be reached" in told[0][0]


def test_what_a_pause_raises_ends_the_call(
    server: ApiServer, connect: Callable[..., Client]
) -> None:
    class Stopped(BaseException):
        pass

    def stop(_: float) -> None:
        raise Stopped

    server.will(Misbehaviour.RESET_BEFORE)
    with pytest.raises(Stopped):
        connect(enduring(900.0), sleep=stop).get(f"{MAPS}/there")


def test_a_server_that_is_not_there_has_done_nothing(tmp_path: Path) -> None:
    with api_server() as server:
        path = write_kubeconfig(tmp_path, server.url)
    client = Client.connect(kubeconfig=str(path), policy=ONCE, time_outs=server.time_outs)
    with pytest.raises(Unavailable, match="cannot be reached \\(Connection refused\\)") as caught:
        client.create(MAPS, config_map("new"))
    assert not caught.value.ambiguous
    assert "kubeconfig" in caught.value.hint.lower()


REFUSALS = [
    (404, "NotFound", 'configmaps "x" not found', NotFound),
    (409, "AlreadyExists", 'configmaps "x" already exists', AlreadyExists),
    (409, "Conflict", "the object has been modified", Conflict),
    (403, "Forbidden", 'User "me" cannot get resource "configmaps"', Forbidden),
    (403, "Forbidden", "exceeded quota: small, requested: pods=1", QuotaExceeded),
    (422, "Invalid", "spec.template: Required value", EngineError),
    (413, "RequestEntityTooLarge", "limit is 3145728", EngineError),
    (400, "BadRequest", "no such field", EngineError),
]


@pytest.mark.parametrize(("status", "reason", "message", "kind"), REFUSALS)
def test_a_refusal_keeps_the_words_of_kubernetes_and_is_final(
    server: ApiServer,
    connect: Callable[..., Client],
    status: int,
    reason: str,
    message: str,
    kind: type[BodyworkError],
) -> None:
    server.will(Misbehaviour.REFUSE, status=status, reason=reason, message=message)
    with pytest.raises(kind) as caught:
        connect(FOUR_TIMES).get(f"{MAPS}/there")
    assert message in caught.value.message
    assert type(caught.value) is kind
    assert len(server.requests) == 1


def test_a_missing_right_says_where_rights_come_from(
    server: ApiServer, connect: Callable[..., Client]
) -> None:
    message = 'User "me" cannot list resource "pods" in API group "" in the namespace "shop"'
    server.will(Misbehaviour.REFUSE, status=403, message=message)
    with pytest.raises(Forbidden) as caught:
        connect().list_all(MAPS)
    assert "kubectl -n shop create rolebinding" in caught.value.hint
    assert "--user=me" in caught.value.hint


def test_an_ending_namespace_is_told_from_a_missing_right(
    server: ApiServer, connect: Callable[..., Client]
) -> None:
    details = {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]}
    server.will(Misbehaviour.REFUSE, status=403, details=details)
    with pytest.raises(NamespaceEnding):
        connect().create(MAPS, config_map("new"))


@pytest.mark.parametrize("status", [404, 409, 410])
def test_a_proxy_that_says_not_found_is_not_believed(
    server: ApiServer, connect: Callable[..., Client], status: int
) -> None:
    server.will(Misbehaviour.REFUSE, status=status, body=b"default backend - 404", raw=True)
    with pytest.raises(Unavailable, match="does not answer as a Kubernetes API server"):
        connect().get(f"{MAPS}/there")


def test_a_list_comes_in_pages_and_is_whole(
    server: ApiServer, connect: Callable[..., Client]
) -> None:
    names = [f"m-{number:04}" for number in range(2 * PAGE)]
    for name in names:
        server.objects.create(MAPS, config_map(name))
    found, version = connect().list_all(MAPS)
    assert [each["metadata"]["name"] for each in found] == [*names, "there"]
    assert version == str(server.objects.version)
    assert len(server.requests) == 3


def test_a_list_whose_pages_expire_is_begun_anew(
    server: ApiServer, connect: Callable[..., Client]
) -> None:
    for number in range(PAGE):
        server.objects.create(MAPS, config_map(f"m-{number}"))
    server.will(Misbehaviour.REFUSE, status=410, reason="Expired", only_with="continue")
    found, _ = connect().list_all(MAPS)
    assert len(found) == PAGE + 1
    assert "limit" not in server.requests[-1].query


@pytest.mark.parametrize("times", [1, 2, 5])
def test_an_answer_that_a_look_is_too_old_is_no_result_where_it_names_no_version(
    server: ApiServer, connect: Callable[..., Client], times: int
) -> None:
    client = connect(RetryPolicy(attempts=20, initial_wait_seconds=0.01, maximum_wait_seconds=0.01))
    server.will(Misbehaviour.REFUSE, status=410, reason="Expired", times=times)
    [listed] = client.list_all(MAPS)[0]
    server.will(Misbehaviour.REFUSE, status=410, reason="Expired", times=times)
    assert client.get(f"{MAPS}/there") == listed


def test_a_delete_meant_for_another_object_changes_nothing(
    server: ApiServer, connect: Callable[..., Client]
) -> None:
    with pytest.raises(Conflict):
        connect().delete(f"{MAPS}/there", uid="another")
    assert server.objects.get(MAPS, "there")
    connect().delete(f"{MAPS}/there", uid=server.objects.get(MAPS, "there")["metadata"]["uid"])
    assert server.requests[-1].body["propagationPolicy"] == "Background"
    assert server.objects.kept == {}
