"""The two tables of faults, held to what a patient client and each write of the engine do.

Every case is made from the tables: a class of fault, an operation, and how often the fault comes.
Time is the client's own: its pauses move its clock, and nothing else does.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster import claims, deployments, engine, exposed_services, jobs, sources
from bodywork.cluster.client import GRACE, Client, enduring
from bodywork.cluster.configuration import find_access
from bodywork.cluster.faults import LOOKS, WRITES, Answer, Fault
from bodywork.cluster.transport import Transport
from bodywork.cluster.writes import change, converge, discard, merge
from bodywork.errors import BodyworkError, EngineUnavailable, NotFound
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server

Found = dict[str, Any]
MAPS = "/api/v1/namespaces/shop/configmaps"
OUTAGE_SECONDS = 900.0
RIGHT = 'configmaps is forbidden: User "me" cannot {} resource "configmaps" in API group "" '
FOR_EVER = 10**6
SEEN: dict[Fault, Found] = {
    Fault.NOT_SENT: {"status": 503, "reason": "ServiceUnavailable"},
    Fault.LOST: {"status": 504, "reason": "Timeout"},
    Fault.CREDENTIALS: {"status": 401, "reason": "Unauthorized"},
    Fault.NOT_PERMITTED: {
        "status": 403, "reason": "Forbidden",
        "message": RIGHT.format("update") + 'in the namespace "shop"',
    },
    Fault.REFUSED: {"status": 403, "message": "admission webhook denied the request"},
    Fault.QUOTA: {"status": 403, "message": "exceeded quota: small, requested: configmaps=1"},
    Fault.NAMESPACE_ENDING: {
        "status": 403, "details": {"causes": [{"reason": "NamespaceTerminating"}]}
    },
    Fault.NOT_SERVED: {
        "status": 404, "reason": "NotFound",
        "message": "the server could not find the requested resource",
    },
    Fault.NOT_FOUND: {"status": 404, "reason": "NotFound", "message": 'configmaps "x" not found'},
    Fault.EXISTS: {"status": 409, "reason": "AlreadyExists"},
    Fault.CONFLICT: {"status": 409, "reason": "Conflict", "message": "it was modified"},
    Fault.EXPIRED: {"status": 410, "reason": "Expired"},
    Fault.SEALED: {
        "status": 422, "message": "data: field is immutable when `immutable` is set",
    },
    Fault.INVALID: {"status": 422, "reason": "Invalid", "message": "data: Required value"},
}  # fmt: skip
"""What each class looks like on the wire; BEING_DELETED is a state of the object."""


def config_map(name: str, **data: str) -> Found:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop"},
        "data": data,
    }


def wanting(**data: str) -> Callable[[Found | None], Found | None]:
    """Decide for these data, whatever else the object has."""

    def decide(found: Found | None) -> Found | None:
        if found is None:
            return config_map("new", **data)
        return None if found.get("data") == data else {**found, "data": data}

    return decide


@dataclass
class Desk:
    """A controller's client whose clock only its own pauses move."""

    server: ApiServer
    folder: Path
    seconds: float = 0.0
    told: list[str] = field(default_factory=list)

    def client(self) -> Client:
        path = str(write_kubeconfig(self.folder, self.server.url))

        def pause(seconds: float) -> None:
            self.seconds += seconds

        return Client(
            Transport(find_access(kubeconfig=path), None, self.server.time_outs),
            enduring(OUTAGE_SECONDS),
            pause,
            lambda fault, seconds: self.told.append(fault.message),
            lambda: self.seconds,
        )

    def data(self, name: str) -> Found | None:
        found = self.server.objects.kept.get((MAPS, name))
        return None if found is None else found["data"]

    def uid(self) -> str:
        return str(self.server.objects.get(MAPS, "there")["metadata"]["uid"])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with api_server() as server:
        server.objects.create(MAPS, config_map("there", a="1"))
        yield Desk(server, tmp_path)


LOOKING: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.get(f"{MAPS}/there"),
    "list": lambda client: client.list_all(MAPS),
}
WRITING: dict[str, tuple[str, Callable[[Client, Desk], Any], Callable[[Desk], bool]]] = {
    "create": (
        "POST",
        lambda client, desk: converge(client, MAPS, "new", wanting(a="2")),
        lambda desk: desk.data("new") == {"a": "2"},
    ),
    "replace": (
        "PUT",
        lambda client, desk: change(client, MAPS, "there", wanting(a="2")),
        lambda desk: desk.data("there") == {"a": "2"},
    ),
    "merge": (
        "PATCH",
        lambda client, desk: merge(client, f"{MAPS}/there", desk.uid(), {"data": {"a": "2"}}),
        lambda desk: desk.data("there") == {"a": "2"},
    ),
    "discard": (
        "DELETE",
        lambda client, desk: discard(client, f"{MAPS}/there", desk.uid()),
        lambda desk: desk.data("there") is None,
    ),
}
"""Operation → its method, how to do it, and how to see that it was done."""
GONE = {("merge", Fault.NOT_FOUND), ("merge", Fault.CONFLICT), ("discard", Fault.NOT_FOUND),
        ("discard", Fault.CONFLICT)}  # fmt: skip
"""What says that the one object of that uid is not there any more, which is an answer."""
READ_AGAIN = {("replace", Fault.NOT_FOUND)}
SENSELESS = {(op, Fault.EXISTS) for op in WRITING if op != "create"}
"""What no API server answers."""
WRITE_CASES = [
    (operation, fault)
    for operation in WRITING
    for fault in SEEN
    if (operation, fault) not in SENSELESS
]


def test_both_tables_answer_each_class_of_fault() -> None:
    assert set(LOOKS) == set(WRITES) == set(Fault) == {*SEEN, Fault.BEING_DELETED}


def test_no_look_can_fail_a_run() -> None:
    assert {LOOKS[fault] for fault in Fault} == {Answer.AGAIN, Answer.CALLER}


@pytest.mark.parametrize("fault", SEEN)
@pytest.mark.parametrize("operation", LOOKING)
def test_a_look_that_fails_for_a_moment(desk: Desk, operation: str, fault: Fault) -> None:
    fired = desk.server.will(Misbehaviour.REFUSE, "GET", **SEEN[fault])
    decided = LOOKS[fault]
    if operation == "list" or fault is Fault.EXPIRED:
        decided = Answer.AGAIN  # a collection is always there; neither look names a version
    if decided is Answer.AGAIN:
        assert LOOKING[operation](desk.client())
    else:
        with pytest.raises(BodyworkError):
            LOOKING[operation](desk.client())
    assert fired.fired == 1


@pytest.mark.parametrize(
    "fault", [each for each in SEEN if LOOKS[each] is Answer.AGAIN or each is Fault.EXPIRED]
)
@pytest.mark.parametrize("operation", LOOKING)
def test_a_look_that_is_refused_for_good_ends_as_an_outage(
    desk: Desk, operation: str, fault: Fault
) -> None:
    desk.server.will(Misbehaviour.REFUSE, "GET", times=FOR_EVER, **SEEN[fault])
    with pytest.raises(EngineUnavailable) as caught:
        LOOKING[operation](desk.client())
    assert OUTAGE_SECONDS - 30 < desk.seconds <= OUTAGE_SECONDS
    assert len(desk.told) > 10
    if fault is Fault.NOT_PERMITTED:
        assert "create rolebinding" in caught.value.hint


@pytest.mark.parametrize(("operation", "fault"), WRITE_CASES)
def test_a_write_that_fails_for_a_moment(desk: Desk, operation: str, fault: Fault) -> None:
    method, write, is_done = WRITING[operation]
    fired = desk.server.will(Misbehaviour.REFUSE, method, **SEEN[fault])
    if (operation, fault) in GONE:
        assert write(desk.client(), desk) is None
    elif WRITES[fault] in (Answer.CALLER, Answer.FINAL) and (operation, fault) not in READ_AGAIN:
        with pytest.raises(BodyworkError) as caught:
            write(desk.client(), desk)
        assert not isinstance(caught.value, EngineUnavailable)
        assert not is_done(desk)
    else:
        write(desk.client(), desk)
        assert is_done(desk)
    assert fired.fired == 1


@pytest.mark.parametrize(("operation", "fault"), [case for case in WRITE_CASES if case not in GONE])
def test_a_write_that_is_refused_for_good_changes_nothing(
    desk: Desk, operation: str, fault: Fault
) -> None:
    method, write, is_done = WRITING[operation]
    desk.server.will(Misbehaviour.REFUSE, method, times=FOR_EVER, **SEEN[fault])
    with pytest.raises(BodyworkError) as caught:
        write(desk.client(), desk)
    assert not is_done(desk)
    decided = Answer.READ_AGAIN if (operation, fault) in READ_AGAIN else WRITES[fault]
    resumable = decided in (Answer.AGAIN, Answer.LOOK, Answer.READ_AGAIN)
    assert isinstance(caught.value, EngineUnavailable) == resumable
    if decided is Answer.BRIEFLY:
        assert 0 < desk.seconds <= 2 * GRACE * OUTAGE_SECONDS
    assert desk.seconds <= OUTAGE_SECONDS


@pytest.mark.parametrize("kind", [each for each in Misbehaviour if each is not Misbehaviour.REFUSE])
@pytest.mark.parametrize("operation", WRITING)
def test_a_write_whose_answer_is_lost_is_done_once(
    desk: Desk, operation: str, kind: Misbehaviour
) -> None:
    method, write, is_done = WRITING[operation]
    fired = desk.server.will(kind, method)
    write(desk.client(), desk)
    assert is_done(desk)
    assert fired.fired == 1
    changes = [event for _, _, event in desk.server.objects.history]
    assert len(changes) == 2  # that which was there, and this


def annotate(server: ApiServer) -> None:
    seen = len(server.objects.history)
    told = {"metadata": {"annotations": {"example.org/seen": str(seen)}}}
    server.objects.merge(MAPS, "there", told)


def delete(server: ApiServer) -> None:
    server.objects.delete(MAPS, "there", {})


def delete_and_make_anew(server: ApiServer) -> None:
    delete(server)
    server.objects.create(MAPS, config_map("there", other="thing"))


ACTS: list[Callable[[ApiServer], None]] = [annotate, delete, delete_and_make_anew]


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("lost", [None, Misbehaviour.RESET_BEFORE, Misbehaviour.RESET_AFTERWARDS])
@pytest.mark.parametrize("act", ACTS)
def test_an_object_that_others_change_meanwhile_is_read_again(
    desk: Desk, act: Callable[[ApiServer], None], lost: Misbehaviour | None, times: int
) -> None:
    left = [act] * times

    def decide(found: Found | None) -> Found | None:
        wanted = wanting(a="2")(found)
        if wanted and left and found:
            left.pop()(desk.server)
        return wanted and {**wanted, "metadata": {**wanted["metadata"], "name": "there"}}

    if lost:
        desk.server.will(lost, "PUT")
        desk.server.will(lost, "POST")
    converge(desk.client(), MAPS, "there", decide)
    found = desk.server.objects.get(MAPS, "there")
    assert found["data"] == {"a": "2"}
    if act is annotate:
        assert found["metadata"]["annotations"]["example.org/seen"]


def dying(desk: Desk) -> None:
    told = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    desk.server.objects.merge(MAPS, "there", told)


def test_an_object_that_is_being_deleted_is_made_anew_once_it_is_gone(desk: Desk) -> None:
    dying(desk)
    before, client = desk.uid(), desk.client()
    passed: list[float] = []

    def pause(seconds: float) -> None:
        desk.seconds += seconds
        passed.append(seconds)
        if len(passed) == 3:
            desk.server.objects.delete(MAPS, "there", {})

    client._sleep = pause

    def decide(found: Found | None) -> Found | None:
        return config_map("there", a="2") if found is None else None

    found = converge(client, MAPS, "there", decide)
    assert found
    assert found["metadata"]["uid"] != before


def test_an_object_whose_deletion_does_not_end_is_a_reason_to_fail(desk: Desk) -> None:
    dying(desk)
    with pytest.raises(BodyworkError, match="is being deleted") as caught:
        change(desk.client(), MAPS, "there", wanting(a="2"))
    assert not isinstance(caught.value, EngineUnavailable)
    assert "finalizers" in caught.value.hint
    assert 0 < desk.seconds <= 2 * GRACE * OUTAGE_SECONDS
    assert desk.data("there") == {"a": "1"}


def test_a_quota_does_not_hide_what_exists(desk: Desk) -> None:
    desk.server.will(Misbehaviour.REFUSE, "POST", **SEEN[Fault.QUOTA])
    found = converge(desk.client(), MAPS, "there", lambda found: None if found else {"x": 1}, None)
    assert found
    assert found["data"] == {"a": "1"}


def test_what_must_be_there_and_is_not_is_not_made(desk: Desk) -> None:
    with pytest.raises(NotFound):
        change(desk.client(), MAPS, "new", wanting(a="2"))
    assert desk.server.sent("POST") == []


@pytest.mark.parametrize("module", [claims, deployments, engine, exposed_services, jobs, sources])
def test_the_engine_writes_through_one_place(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    written = [
        call.attr
        for call in calls
        if isinstance(call, ast.Attribute)
        and ast.unparse(call.value).endswith("client")
        and call.attr in ("create", "replace", "patch", "delete")
    ]
    assert written == []
