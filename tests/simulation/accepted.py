"""What must hold of versions that runs have accepted, judged from the server's record of writes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bodywork.cluster import labels
from bodywork.cluster.manifests import STEADY_SECONDS
from statemachine.stores.configmap import CHECKPOINT
from tests.servers.kubernetes_objects import Object
from tests.simulation.acts import DISTURBING
from tests.simulation.cluster import is_leaving, is_ready
from tests.simulation.history import Outcome, checkpoint_in
from tests.simulation.server import DEPLOYMENTS, MAPS, PODS, SERVICES, Write
from tests.support.versions import withdrawn_by


@dataclass(slots=True)
class _Seen:
    """What is known at one instant of a history.

    Attributes:
        accepted: service → its accepted versions, oldest first.
        withdrawn: run → the stages whose version it takes back, or has taken back.
        ready_at: pod → since when it is ready.
    """

    pods: dict[str, Object] = field(default_factory=dict)
    services: set[str] = field(default_factory=set)
    accepted: dict[str, list[str]] = field(default_factory=dict)
    withdrawn: dict[str, frozenset[str]] = field(default_factory=dict)
    ready_at: dict[str, float] = field(default_factory=dict)

    def take(self, write: Write) -> None:
        """Learn of a write."""
        gone = write.event == "DELETED"
        if write.collection == MAPS and not gone and CHECKPOINT in (write.found.get("data") or {}):
            checkpoint = checkpoint_in(write.found["data"][CHECKPOINT])
            self.withdrawn[checkpoint.id] = withdrawn_by(checkpoint)
        elif write.collection == DEPLOYMENTS:
            version = labels.annotation(write.found, labels.ACCEPTED)
            known = self.accepted.setdefault(write.name, [])
            if version and version not in known:
                known.append(version)
        elif write.collection == SERVICES:
            (self.services.discard if gone else self.services.add)(write.name)
        elif write.collection == PODS:
            self._take_pod(write, gone)

    def _take_pod(self, write: Write, gone: bool) -> None:
        self.pods.pop(write.name, None)
        if not gone:
            self.pods[write.name] = write.found
        if gone or not is_ready(write.found):
            self.ready_at.pop(write.name, None)
        else:
            self.ready_at.setdefault(write.name, write.at)

    def stands(self, service: str, version: str) -> bool:
        """Say whether the run that accepted a version has not begun to take it back."""
        run, stage = version.partition("/")[0], service.partition("--")[2]
        return stage not in self.withdrawn.get(run, frozenset())

    def silence(self, service: str, now: float) -> str:
        """Return what a service lacks to answer with a version that was proven, "" for nothing."""
        if service not in self.services:
            return "no Service"
        stage = service.partition("--")[2]
        for name, pod in self.pods.items():
            if pod["metadata"]["labels"].get(labels.STAGE) != stage or is_leaving(pod):
                continue
            since = self.ready_at.get(name)
            known = labels.annotation(pod, labels.VERSION) in self.accepted[service]
            if since is not None and (known or now - since > STEADY_SECONDS - 1e-6):
                return ""
        return "no pod of a proven version that answers"


def an_accepted_version_answers(outcome: Outcome) -> Iterator[str]:
    """From when a run accepts a version, a proven one answers behind the Service at each instant,
    as long as the run, or another that did so, has not begun to take its version back."""
    if outcome.disturbed & DISTURBING:
        return
    seen, told = _Seen(), set[str]()
    for write in outcome.server.audit:
        seen.take(write)
        if write.collection not in (PODS, SERVICES, DEPLOYMENTS):
            continue
        for service, versions in seen.accepted.items():
            standing = [version for version in versions if seen.stands(service, version)]
            if standing and service not in told and (lacks := seen.silence(service, write.at)):
                told.add(service)
                yield (
                    f"{service}, with {standing[-1]} accepted, has {lacks} at {write.at:.0f} s, "
                    f"after {write.by} {write.event} {write.name}"
                )


def nothing_goes_past_an_accepted_version(outcome: Outcome) -> Iterator[str]:
    """A version whose run keeps it is never replaced by an older one, nor deleted."""
    if outcome.disturbed & DISTURBING:
        return
    seen = _Seen()
    for write in outcome.server.audit:
        seen.take(write)
    versions_before: dict[str, list[str]] = {}
    for write in outcome.server.audit:
        if write.collection != DEPLOYMENTS:
            continue
        name, known = write.name, versions_before.setdefault(write.name, [])
        kept = [version for version in known if seen.stands(name, version)]
        now = labels.annotation(write.found["spec"]["template"], labels.VERSION)
        if kept and write.event == "DELETED":
            yield f"{write.by} deleted {name}, of which {kept[-1]} had been accepted"
        elif kept and now in known and known.index(now) < known.index(kept[-1]):
            yield f"{write.by} put {name} back to {now}, past {kept[-1]}"
        accepted = labels.annotation(write.found, labels.ACCEPTED)
        if accepted and accepted not in known:
            known.append(accepted)
