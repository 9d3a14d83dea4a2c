"""The API server of a simulation: its objects, and who wrote each version of them.

It is the small API server of the other tests without HTTP. It adds what a cluster's controllers
rely on: a client's write to an object does not change its status, and a change of its specification
raises its generation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bodywork.cluster import paths
from bodywork.model.names import Namespace
from tests.servers.kubernetes_answers import Request, answer, failure
from tests.servers.kubernetes_objects import Object, Objects, Refusal, bears
from tests.simulation.scheduler import Actor, SimulatedTime

SHOP = Namespace("shop")
MAPS, JOBS, PODS = paths.config_maps(SHOP), paths.jobs(SHOP), paths.pods(SHOP)
DEPLOYMENTS, SETS = paths.deployments(SHOP), paths.replica_sets(SHOP)
SERVICES, EVENTS = paths.services(SHOP), paths.events(SHOP)
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{SHOP}/leases"
BIRTH = datetime(2026, 1, 1, tzinfo=UTC)
QUOTA = "exceeded quota: small, requested: count/jobs.batch=1"


@dataclass(frozen=True, slots=True)
class Write:
    """One version of an object: when, by whom, and what became of it.

    Attributes:
        event: ADDED, MODIFIED or DELETED.
        since: how many writes there had been when its sender last asked anything before this: what
            came later, the sender could not have heard of.
    """

    number: int
    at: float
    by: str
    collection: str
    event: str
    found: Object
    since: int

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.found["metadata"]["name"])


class Server(Objects):
    """The objects, with an audit log."""

    def __init__(self, time: SimulatedTime) -> None:
        super().__init__(new_uid=self._new_uid, now=self._now)
        self.time = time
        self.audit: list[Write] = []
        self.told: list[str] = []
        self.full: frozenset[str] = frozenset()
        self.since = 0
        self.listeners: list[Callable[[Write], None]] = []
        self._waiting: dict[str, list[tuple[dict[str, str], Actor]]] = {}
        self._uids = 0

    def _new_uid(self) -> str:
        self._uids += 1
        return f"uid-{self._uids:04}"

    def _now(self) -> str:
        return self.moment(0.0)

    def moment(self, ago: float) -> str:
        """Return a time so many seconds ago as Kubernetes writes it."""
        return (BIRTH + timedelta(seconds=self.time.now - ago)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def answer(self, asked: Request, since: int) -> tuple[int, Object]:
        """Answer a request of a client; `since` as of `Write`."""
        self.since = since
        try:
            if asked.method == "POST" and asked.path in self.full:
                raise Refusal(403, "Forbidden", f'"{asked.path}" is forbidden: {QUOTA}')
            return answer(self, asked)
        except Refusal as refusal:
            return refusal.status, failure(refusal.status, refusal.reason, refusal.message)

    # -- what a client's writes leave alone -------------------------------------------------------

    def replace(self, collection: str, name: str, body: Object) -> Object:
        """Replace all but the status."""
        current = self._found(collection, name)
        return super().replace(collection, name, _as_written(collection, current, body))

    def merge(self, collection: str, name: str, patch: Object) -> Object:
        """Merge into all but the status."""
        current = self._found(collection, name)
        merged = super().merge(collection, name, {k: v for k, v in patch.items() if k != "status"})
        if collection == DEPLOYMENTS and merged["spec"] != current["spec"]:
            generation = current["metadata"].get("generation", 1) + 1
            return super().merge(collection, name, {"metadata": {"generation": generation}})
        return merged

    def create(self, collection: str, body: Object) -> Object:
        """Create an object that has no status yet."""
        if collection == DEPLOYMENTS:
            body = {**body, "metadata": {**body["metadata"], "generation": 1}}
        return super().create(collection, body)

    def set_status(self, collection: str, name: str, status: Object) -> None:
        """Write the status, as the cluster's own controllers do."""
        current = self._found(collection, name)
        super().replace(collection, name, {**current, "status": status})

    # -- who waits, and who wrote -----------------------------------------------------------------

    def wait_for_change(self, collection: str, labels: dict[str, str], seconds: float) -> None:
        """Block until an object of the collection that bears these labels has changed."""
        actor = self.time.current
        self._waiting.setdefault(collection, []).append((labels, actor))
        self.time.block(("change", actor), seconds)

    def say(self, text: str) -> None:
        """Add a line to the history, for people."""
        self.told.append(f"{self.time.now:9.2f} {self.time.current.process.name:<14} {text}")

    def _note(self, collection: str, event: str, found: Object) -> None:
        super()._note(collection, event, found)
        kept = self.history[-1][2]["object"]
        by = self.time.current.process.name
        number, now = len(self.audit), self.time.now
        write = Write(number, now, by, collection, event, kept, self.since)
        self.audit.append(write)
        for listener in self.listeners:
            listener(write)
        still = []
        for labels, actor in self._waiting.pop(collection, []):
            if bears(kept, labels):
                self.time.wake(("change", actor))
            elif actor.blocked_on == ("change", actor):
                still.append((labels, actor))
        self._waiting[collection] = still
        self.time.wake("cluster")


def _as_written(collection: str, current: Object, body: Object) -> Object:
    kept = {key: value for key, value in body.items() if key != "status"}
    if "status" in current:
        kept["status"] = current["status"]
    if collection == DEPLOYMENTS:
        before = current["metadata"].get("generation", 1)
        changed = body["spec"] != current["spec"]
        metadata = {**body["metadata"], "generation": before + changed}
        kept["metadata"] = metadata
    return kept
