"""Checkpoints in ConfigMaps: one a machine, with what people ask for as plain keys beside it.

Two things are enforced by the server, and all safety rests on them: a name exists once, and an
update that names another resourceVersion than the stored one is refused. So a record is created by
POST, and afterwards only ever replaced whole, by its uid and resourceVersion: an update without
them would overwrite anything, and apply would bring a deleted record back.

The version of a checkpoint is its uid and the hash of its text, and not the resourceVersion, which
other people's labels and annotations move. Where those have, the record is read again, and replaced
by the resourceVersion that it has now; what was put beside our fields stays.
https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from collections.abc import Callable, Mapping, Sequence

from statemachine.checkpoint import Checkpoint
from statemachine.codec import LIMIT_BYTES, decode, encode, recall
from statemachine.errors import (
    CheckpointCorrupt,
    CheckpointExists,
    CheckpointNotFound,
    StoreUnavailable,
)
from statemachine.store import Stored
from statemachine.stores.objects import Object, Objects
from statemachine.stores.rules import Head, check_save, version_of

CHECKPOINT = "checkpoint.json"
TOUCHED = 10
"""How often a save is sent again because others have changed labels or annotations meanwhile."""

Texts = Mapping[str, str]
Describe = Callable[[Checkpoint], Texts]


def _nothing(checkpoint: Checkpoint) -> Texts:
    return {}


def _state_alone(checkpoint: Checkpoint) -> Texts:
    return {"state": checkpoint.state}


class ConfigMapStore:
    """A `CheckpointStore` in one namespace of a cluster.

    Args:
        objects: the namespace's ConfigMaps.
        labels: what each record bears, and is found by.
        describe: the plain keys of a record, for people and for `kubectl wait`.
        select: more labels of a record, by which people may select; values as labels may be.
        limit: greatest size of a checkpoint in bytes; the server's own bound is 1 MiB an object.
    """

    def __init__(
        self,
        objects: Objects,
        labels: Texts,
        *,
        describe: Describe = _state_alone,
        select: Describe = _nothing,
        limit: int = LIMIT_BYTES,
    ) -> None:
        self._objects = objects
        self._labels = dict(labels)
        self._describe = describe
        self._select = select
        self._limit = limit
        self._known: dict[str, Object] = {}

    def create(self, checkpoint: Checkpoint) -> Stored:
        """Write the first checkpoint of a machine."""
        raw = encode(checkpoint, limit=self._limit)
        metadata = {"name": checkpoint.id, "namespace": self._objects.namespace}
        created = self._objects.create(self._record(checkpoint, raw, metadata))
        if created is None:
            found = self._objects.get(checkpoint.id)
            if found is None or _text_in(found) != raw.decode("ascii"):
                raise CheckpointExists(
                    f"machine {checkpoint.id} is already on record",
                    hint=f"look at it: kubectl get configmap {checkpoint.id} -o yaml",
                )
            created = found  # something on the way has sent our request twice
        return self._remember(checkpoint, created)

    def load(self, machine_id: str) -> Stored:
        """Return the newest checkpoint."""
        found = self._objects.get(machine_id)
        if found is None or self._is_foreign(found):
            raise CheckpointNotFound(
                f"no machine {machine_id} is on record"
                + (" (the ConfigMap of that name is none)" if found else "")
            )
        return self._remember(self._read(found), found)

    def save(self, checkpoint: Checkpoint, expected: str, *, seal: bool = False) -> Stored:
        """Replace exactly the version `expected`."""
        raw = encode(checkpoint, sealed=seal, limit=self._limit)
        known = self._known.get(checkpoint.id)
        if known is None or known["version"] != expected:
            known = self._expected(checkpoint, expected)
        for _ in range(TOUCHED):
            body = self._record(checkpoint, raw, _identity(known))
            if seal:
                body["immutable"] = True
            saved = self._objects.replace(checkpoint.id, body)
            if saved is not None:
                return self._remember(checkpoint, saved)
            current = self._current(checkpoint)
            if _text_in(current) == raw.decode("ascii"):  # it landed, and was sent twice
                return self._remember(checkpoint, current)
            known = self._expected(checkpoint, expected, current)
        raise StoreUnavailable(f"the record of machine {checkpoint.id} changes all the time")

    def delete(self, machine_id: str) -> None:
        """Delete the record; the server deletes what it owns."""
        self._known.pop(machine_id, None)
        found = self._objects.get(machine_id)
        if found is None:
            return
        borne = found["metadata"].get("labels") or {}
        if self._labels.items() <= borne.items():
            self._objects.delete(machine_id, str(found["metadata"]["uid"]))

    def list(self) -> Sequence[str]:
        """Return the ids of all machines."""
        return sorted(
            str(each["metadata"]["name"]) for each in self._objects.list_all(self._labels)
        )

    def load_all(self) -> Sequence[Stored | CheckpointCorrupt]:
        """Return every machine's newest checkpoint, or why it cannot be read, in one request."""
        found: list[Stored | CheckpointCorrupt] = []
        records = self._objects.list_all(self._labels)
        for each in sorted(records, key=lambda record: str(record["metadata"]["name"])):
            try:
                found.append(Stored(_checkpoint_in(each), _version(each)))
            except CheckpointCorrupt as error:
                found.append(error)
        return found

    def reference(self, machine_id: str) -> Object:
        """Return the owner reference by which an object goes when the machine's record goes.

        Raises:
            CheckpointNotFound: there is no record.
        """
        if machine_id not in self._known:
            self.load(machine_id)
        metadata = self._known[machine_id]["metadata"]
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": metadata["name"],
            "uid": metadata["uid"],
        }

    def _record(self, checkpoint: Checkpoint, raw: bytes, metadata: Object) -> Object:
        plain = {key: str(value) for key, value in self._describe(checkpoint).items()}
        borne = {**metadata.get("labels", {}), **self._labels, **self._select(checkpoint)}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**metadata, "labels": borne},
            "data": {**plain, CHECKPOINT: raw.decode("ascii")},
        }

    def _remember(self, checkpoint: Checkpoint, found: Object) -> Stored:
        """Keep what names the version; its contents are large and known."""
        kept = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
        self._known[checkpoint.id] = {"metadata": kept, "version": _version(found)}
        return Stored(checkpoint, _version(found))

    def _current(self, checkpoint: Checkpoint) -> Object:
        """Return the stored object, which must be there."""
        found = self._objects.get(checkpoint.id)
        if found is None:
            raise CheckpointNotFound(
                f"the record of machine {checkpoint.id} was deleted",
                hint="begin a new one: what this one did since then is not on record",
            )
        return found

    def _expected(
        self, checkpoint: Checkpoint, expected: str, found: Object | None = None
    ) -> Object:
        """Return the stored object, read anew unless given, which must be of that version."""
        found = found or self._current(checkpoint)
        current, sealed = self._read(found), bool(found.get("immutable"))
        check_save(Head(_version(found), current.epoch, sealed), checkpoint, expected)
        return found

    def _read(self, found: Object) -> Checkpoint:
        """Return the checkpoint; a text that this process wrote or read before passes no gates."""
        known, text = self._known.get(str(found["metadata"]["name"])), _text_in(found)
        if text is not None and known is not None and known["version"] == _version(found):
            return recall(text.encode("utf-8", "surrogatepass")).checkpoint
        return _checkpoint_in(found)

    def _is_foreign(self, found: Object) -> bool:
        """Say whether an object neither bears our labels nor holds a checkpoint."""
        borne = found["metadata"].get("labels") or {}
        return not (self._labels.items() <= borne.items()) and _text_in(found) is None


def _version(found: Object) -> str:
    """Return what changes with each save, and with nothing else."""
    text = _text_in(found) or ""
    return f"{found['metadata']['uid']}/{version_of(text.encode())}"


def _identity(known: Object) -> Object:
    """Return the metadata of the one version that a replacement is for."""
    left_out = ("managedFields", "creationTimestamp", "selfLink", "generation")
    return {key: value for key, value in known["metadata"].items() if key not in left_out}


def _checkpoint_in(found: Object) -> Checkpoint:
    name = found["metadata"]["name"]
    text = _text_in(found)
    if text is None:
        raise CheckpointCorrupt(
            f"the ConfigMap {name} holds no {CHECKPOINT}",
            hint=f"restore it from a copy, or remove it: kubectl delete configmap {name}",
        )
    checkpoint = decode(text.encode("utf-8", "surrogatepass")).checkpoint
    if checkpoint.id != name:
        raise CheckpointCorrupt(f"the ConfigMap {name} holds the record of {checkpoint.id}")
    return checkpoint


def _text_in(found: Object) -> str | None:
    """Return the checkpoint's text, or None where there is none."""
    text = (found.get("data") or {}).get(CHECKPOINT)
    return None if text is None else str(text)
