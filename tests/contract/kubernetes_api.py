"""What of an API server the client and the stores build on: one suite, for real and small servers.

Subclass `ApiContract` and give it the fixtures `client` and `space` (a namespace with nothing of
the tests in it). That the small server passes it is why tests may believe the small server.
"""

from collections.abc import Callable
from typing import Any

import pytest

from bodywork.cluster import paths
from bodywork.cluster.client import Client
from bodywork.cluster.errors import AlreadyExists, Conflict, Sealed
from bodywork.errors import NotFound

LABELS = {"made-by": "the-contract"}
MINE = "made-by=the-contract"


def config_map(space: str, name: str = "m-1", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": space, "labels": LABELS},
        "data": data,
    }


def lease(space: str, owner: dict[str, Any]) -> dict[str, Any]:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"]}
    owners = [{**reference, "uid": owner["metadata"]["uid"]}]
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "m-1", "namespace": space, "ownerReferences": owners},
        "spec": {"holderIdentity": "ada"},
    }


class ApiContract:
    """The suite."""

    def test_a_name_is_created_once(self, client: Client, space: str) -> None:
        made = client.create(paths.config_maps(space), config_map(space, a="1"))
        with pytest.raises(AlreadyExists, match="m-1"):
            client.create(paths.config_maps(space), config_map(space, a="2"))
        assert client.get(paths.config_map(space, "m-1")) == made

    def test_what_is_not_there_is_not_found(self, client: Client, space: str) -> None:
        path = paths.config_map(space, "m-1")
        calls: list[Callable[[], object]] = [
            lambda: client.get(path),
            lambda: client.replace(path, config_map(space)),
            lambda: client.patch(path, {"data": {"a": "1"}}),
            lambda: client.delete(path),
        ]
        for call in calls:
            with pytest.raises(NotFound, match="m-1"):
                call()

    def test_a_replacement_of_an_old_version_changes_nothing(
        self, client: Client, space: str
    ) -> None:
        made = client.create(paths.config_maps(space), config_map(space, a="1"))
        path = paths.config_map(space, "m-1")
        changed = client.replace(path, {**made, "data": {"a": "2"}})
        assert changed["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
        with pytest.raises(Conflict):
            client.replace(path, {**made, "data": {"a": "3"}})
        assert client.get(path) == changed

    def test_a_replacement_of_another_object_of_that_name_changes_nothing(
        self, client: Client, space: str
    ) -> None:
        path = paths.config_map(space, "m-1")
        old = client.create(paths.config_maps(space), config_map(space, a="1"))
        client.delete(path)
        new = client.create(paths.config_maps(space), config_map(space, a="2"))
        metadata = {**old["metadata"]}
        del metadata["resourceVersion"]  # the uid alone must do
        with pytest.raises(Conflict):
            client.replace(path, {**old, "metadata": metadata, "data": {"a": "3"}})
        assert client.get(path) == new

    def test_a_write_that_changes_nothing_makes_no_version(
        self, client: Client, space: str
    ) -> None:
        made = client.create(paths.config_maps(space), config_map(space, a="1"))
        assert client.replace(paths.config_map(space, "m-1"), made) == made

    def test_what_is_sealed_is_not_changed_but_can_be_deleted(
        self, client: Client, space: str
    ) -> None:
        path = paths.config_map(space, "m-1")
        made = client.create(paths.config_maps(space), config_map(space, a="1"))
        sealed = client.replace(path, {**made, "data": {"a": "2"}, "immutable": True})
        for change in ({"data": {"a": "3"}}, {"immutable": False}):
            with pytest.raises(Sealed):
                client.replace(path, {**sealed, **change})
        assert client.get(path) == sealed
        client.delete(path, uid=sealed["metadata"]["uid"])

    def test_a_merge_leaves_the_rest(self, client: Client, space: str) -> None:
        client.create(paths.config_maps(space), config_map(space, a="1", b="2"))
        merged = client.patch(paths.config_map(space, "m-1"), {"data": {"a": None, "c": "3"}})
        assert merged["data"] == {"b": "2", "c": "3"}

    def test_a_delete_is_for_one_uid(self, client: Client, space: str) -> None:
        path = paths.config_map(space, "m-1")
        made = client.create(paths.config_maps(space), config_map(space))
        with pytest.raises(Conflict):
            client.delete(path, uid="00000000-0000-0000-0000-000000000000")
        assert client.get(path)
        client.delete(path, uid=made["metadata"]["uid"])
        with pytest.raises(NotFound):
            client.get(path)

    def test_a_list_is_of_those_with_the_labels(self, client: Client, space: str) -> None:
        for name in ("m-2", "m-1"):
            client.create(paths.config_maps(space), config_map(space, name))
        other = config_map(space, "other")
        client.create(paths.config_maps(space), {**other, "metadata": {"name": "other"}})
        found, version = client.list_all(paths.config_maps(space), label_selector=MINE)
        assert [each["metadata"]["name"] for each in found] == ["m-1", "m-2"]
        assert int(version) >= max(int(each["metadata"]["resourceVersion"]) for each in found)

    def test_a_watch_tells_what_came_after_the_list(self, client: Client, space: str) -> None:
        path = paths.config_map(space, "m-1")
        client.create(paths.config_maps(space), config_map(space, "m-0"))
        _, version = client.list_all(paths.config_maps(space), label_selector=MINE)
        made = client.create(paths.config_maps(space), config_map(space, a="1"))
        changed = client.replace(path, {**made, "data": {"a": "2"}})
        client.delete(path)
        watch = client.watch(
            paths.config_maps(space), version, label_selector=MINE, timeout_seconds=5
        )
        told = []
        for event in watch:
            if event["type"] != "BOOKMARK":
                told.append((event["type"], event["object"]["data"]))
            if event["type"] == "DELETED":
                break
        assert told == [
            ("ADDED", made["data"]),
            ("MODIFIED", changed["data"]),
            ("DELETED", changed["data"]),
        ]

    def test_a_lease_belongs_to_an_object(self, client: Client, space: str) -> None:
        owner = client.create(paths.config_maps(space), config_map(space))
        prefix = "apis/coordination.k8s.io/v1"
        path = paths.in_namespace(prefix, space, "leases")
        body = lease(space, owner)
        made = client.create(path, body)
        assert made["metadata"]["ownerReferences"] == body["metadata"]["ownerReferences"]
        changed = client.patch(f"{path}/m-1", {"spec": {"holderIdentity": "grace"}})
        assert changed["spec"]["holderIdentity"] == "grace"

    def test_the_server_has_a_version(self, client: Client, space: str) -> None:
        assert client.version().startswith("v1.")
