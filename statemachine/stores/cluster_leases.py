"""Leases of a Kubernetes cluster: `coordination.k8s.io/v1`, one a machine, of the machine's name.

For people and for patience only: what a lease says is never what protects a record. Each belongs to
the machine's ConfigMap, so it goes when that goes.
https://kubernetes.io/docs/concepts/architecture/leases/
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from statemachine.errors import CheckpointNotFound
from statemachine.ownership import Holder
from statemachine.processes import has_ended
from statemachine.stores.objects import Object, Objects

PREFIX = "statemachine/"
_HOLDER = ("name", "host", "pid", "epoch", "renewals", "software")


class ClusterLeaseStore:
    """A `LeaseStore` in one namespace of a cluster.

    Args:
        objects: the namespace's Leases.
        owner_of: gives the owner reference of a machine's record (`ConfigMapStore.reference`).
        duration_seconds: put on record for people.
        clock: aware UTC time, put on record for people.
        is_gone: whether a holder is known to have ended, by whatever the caller knows of it. Where
            it is wrong, a live holder is overtaken, and told so at its next write.
    """

    def __init__(
        self,
        objects: Objects,
        owner_of: Callable[[str], Object],
        labels: Mapping[str, str],
        *,
        duration_seconds: int = 20,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        is_gone: Callable[[Holder], bool] = lambda holder: False,
    ) -> None:
        self._objects = objects
        self._owner_of = owner_of
        self._labels = dict(labels)
        self._duration_seconds = duration_seconds
        self._clock = clock
        self._is_gone = is_gone

    def read(self, machine_id: str) -> Holder | None:
        """Return who signed the lease, or None."""
        found = self._objects.get(machine_id)
        return None if found is None else _holder_in(found)

    def write(self, machine_id: str, holder: Holder) -> None:
        """Sign the lease."""
        told = {f"{PREFIX}{key}": str(value) for key, value in asdict(holder).items()}
        spec = {
            "holderIdentity": str(holder),
            "leaseDurationSeconds": self._duration_seconds,
            "renewTime": self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        merged = {"metadata": {"annotations": told}, "spec": spec}
        if self._objects.merge(machine_id, merged) is not None:
            return
        try:
            owner = self._owner_of(machine_id)
        except CheckpointNotFound:
            return
        metadata = {
            "name": machine_id,
            "namespace": self._objects.namespace,
            "labels": self._labels,
            "annotations": told,
            "ownerReferences": [owner],
        }
        self._objects.create(
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": metadata,
                "spec": spec,
            }
        )

    def clear(self, machine_id: str, holder: Holder) -> None:
        """Remove the lease if it is of this holder's epoch."""
        found = self._objects.get(machine_id)
        if found is None:
            return
        signed = _holder_in(found)
        if signed is not None and signed.epoch == holder.epoch:
            self._objects.delete(machine_id, str(found["metadata"]["uid"]))

    def is_fresh(self, machine_id: str) -> bool | None:
        """Say whether the lease was renewed in time, by the two clocks; None where that says
        nothing. For people: a decision waits and watches instead."""
        found = self._objects.get(machine_id)
        try:
            renewed = datetime.fromisoformat(found["spec"]["renewTime"]) if found else None
        except (KeyError, ValueError):
            return None
        if renewed is None:
            return None
        age = (self._clock() - renewed).total_seconds()
        return age < 2 * self._duration_seconds

    def is_dead(self, machine_id: str, holder: Holder) -> bool:
        """Say whether the holder has ended for certain; else who waits sees whether it renews.

        A process of this host is seen to have ended, as with a `FileLeaseStore`.
        """
        return bool(has_ended(holder.pid, holder.process)) or self._is_gone(holder)


def _holder_in(found: Object) -> Holder | None:
    told = found["metadata"].get("annotations") or {}
    try:
        name, host, pid, epoch, renewals, software = (told[f"{PREFIX}{key}"] for key in _HOLDER)
        process = told.get(f"{PREFIX}process", "")  # earlier versions did not sign with it
        return Holder(name, host, int(pid), int(epoch), int(renewals), software, process)
    except (KeyError, ValueError):
        return None  # a lease that cannot be read protects nobody
