"""An engine in memory: a world that outlives controllers, and engines that look at it.

Nothing here runs: `wait` lets one thing happen, as a test has scripted it. The world counts what
was started, so that a test can say "exactly once an attempt" without asking the controller.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bodywork.errors import NotClaimed, SourceLost
from bodywork.model.names import Namespace, ProjectName, RunName, StageName, service_name
from bodywork.model.repository import Deployer, check_owner
from bodywork.model.run import (
    Checkout,
    Claim,
    HeldBy,
    LogLine,
    Observation,
    Phase,
    ServiceVersion,
    StageRun,
    Unresolved,
)
from bodywork.model.stage import Stage
from bodywork.ports import IsOver

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
RUNNING = Observation(Phase.RUNNING, started_at=NOON)
SUCCEEDED = Observation(Phase.SUCCEEDED, exit_code=0, started_at=NOON, ended_at=NOON)
READY = Observation(Phase.READY, started_at=NOON, address="http://127.0.0.9:5000")
FAILED = Observation(
    Phase.FAILED, exit_code=1, reason="exit code 1", tail=("boom",), started_at=NOON, ended_at=NOON
)
LOST = Observation(Phase.LOST, reason="its supervisor was killed", started_at=NOON)


@dataclass
class World:
    """What is out there.

    Attributes:
        cores: what the stages of a step share out.
        outcomes: what becomes of a stage's attempts, in order; the last one repeats.
        started: every attempt ever started, in order: never twice the same.
        stopped: attempts that were stopped from outside.
        live: the version that answers for each service.
        claims: which run has the claim on a service; `claimants`: of which repository it is.
        versions: all that were ever accepted, by id.
        rolled_back: services that a run has begun to roll back.
    """

    cores: float | None = None
    outcomes: dict[str, list[Observation]] = field(default_factory=dict)
    started: list[StageRun] = field(default_factory=list)
    stopped: list[StageRun] = field(default_factory=list)
    seen: dict[StageRun, Observation] = field(default_factory=dict)
    services: set[StageRun] = field(default_factory=set)
    sources: set[RunName] = field(default_factory=set)
    published: list[RunName] = field(default_factory=list)
    released: list[RunName] = field(default_factory=list)
    forgotten: list[RunName] = field(default_factory=list)
    live: dict[str, ServiceVersion] = field(default_factory=dict)
    unrestorable: set[str] = field(default_factory=set)
    claims: dict[str, tuple[RunName, Claim]] = field(default_factory=dict)
    claimants: dict[str, str] = field(default_factory=dict)
    versions: dict[str, ServiceVersion] = field(default_factory=dict)
    rolled_back: set[tuple[str, RunName]] = field(default_factory=set)

    def outcome(self, attempt: StageRun, default: Observation) -> Observation:
        """Return what the script has in store for the attempt."""
        scripted = self.outcomes.get(attempt.stage, [default])
        return scripted[min(attempt.attempt, len(scripted)) - 1]


class FakeEngine:
    """An engine that looks at a world; make one for each controller."""

    name = "fake"

    def __init__(self, world: World, namespace: Namespace) -> None:
        self.world = world
        self.namespace = namespace

    def heed(self, check: Callable[[], None], check_unless_recent: Callable[[], None]) -> None:
        """Send nothing twice."""

    def publish_source(self, run: RunName, checkout: Checkout) -> None:
        self.world.sources.add(run)
        self.world.published.append(run)

    def release(self, run: RunName, commit: str = "") -> None:
        self.world.sources.discard(run)
        self.world.released.append(run)

    def forget(self, run: RunName) -> None:
        self.release(run)
        self.world.forgotten.append(run)
        for attempt in [each for each in self.world.seen if each.run == run]:
            del self.world.seen[attempt]

    def ensure_job(self, attempt: StageRun, stage: Stage, commit: str, image: str) -> str:
        return self._ensure(attempt)

    def observe_job(self, attempt: StageRun) -> Observation:
        return self.world.seen.get(attempt, Observation(Phase.ABSENT))

    def cores(self) -> float | None:
        return self.world.cores

    def is_closed(self, attempt: StageRun) -> bool:
        return True

    def stop_job(self, attempt: StageRun) -> None:
        if self.observe_job(attempt).phase in (Phase.PENDING, Phase.RUNNING):
            self.world.stopped.append(attempt)
            self.world.seen[attempt] = replace(FAILED, uid=_uid(attempt), reason="stopped")

    def live_version(self, project: ProjectName, stage: StageName) -> ServiceVersion | None:
        return self.world.live.get(service_name(project, stage))

    def owner_of_service(self, project: ProjectName, stage: StageName, is_over: IsOver) -> str:
        service = service_name(project, stage)
        holder = self.world.claims.get(service, (None, None))[0]
        return self._owner(service, held=holder is not None and not is_over(holder))

    def _owner(self, service: str, *, held: bool) -> str:
        live, (holder, _) = self.world.live.get(service), self.world.claims.get(service, ("", None))
        decides = held and (service, holder) not in self.world.rolled_back
        claimant = self.world.claimants.get(service, "") if decides else ""
        return claimant or (live.repository if live else "")

    def claim_service(
        self, attempt: StageRun, image: str, deployer: Deployer, is_over: IsOver
    ) -> Claim | HeldBy:
        service = service_name(attempt.project, attempt.stage)
        holder, claim = self.world.claims.get(service, (attempt.run, None))
        if holder == attempt.run and claim:
            return claim
        held = holder if holder != attempt.run and not is_over(holder) else None
        check_owner(service, self._owner(service, held=bool(held)), deployer, held or "")
        if held:
            return HeldBy(held)
        assert not is_over(attempt.run)
        claim = Claim(f"uid-{service}", self.world.live.get(service))
        self.world.claims[service] = (attempt.run, claim)
        self.world.claimants[service] = deployer.repository
        return claim

    def abandon_claim(self, attempt: StageRun, image: str) -> None:
        service = service_name(attempt.project, attempt.stage)
        if self.world.claims.get(service, ("", None))[0] == attempt.run:
            del self.world.claims[service]

    def _require_claim(self, attempt: StageRun) -> None:
        service = service_name(attempt.project, attempt.stage)
        if self.world.claims.get(service, ("", None))[0] != attempt.run:
            raise NotClaimed(f"run {attempt.run} does not have the claim on {service}")
        if (service, attempt.run) in self.world.rolled_back:
            raise NotClaimed(f"run {attempt.run} rolls {service} back")

    def ensure_version(self, attempt: StageRun, stage: Stage, commit: str, image: str) -> str:
        self._require_claim(attempt)
        self.world.services.add(attempt)
        return self._ensure(attempt)

    def observe_version(self, attempt: StageRun) -> Observation:
        return self.observe_job(attempt)

    def accept_version(self, attempt: StageRun) -> None:
        self._require_claim(attempt)
        service = service_name(attempt.project, attempt.stage)
        repository = self.world.claimants[service]
        version = ServiceVersion(_uid(attempt), attempt.run, attempt.stage, "c0", repository)
        self.world.live[service] = self.world.versions[version.id] = version

    def restore_version(self, attempt: StageRun, claim: Claim) -> Observation:
        service = service_name(attempt.project, attempt.stage)
        live, previous = self.world.live.get(service), claim.previous
        holder = self.world.claims.get(service, (attempt.run, None))[0]
        if holder != attempt.run:
            return Observation(Phase.READY, reason=f"run {holder} has claimed it since")
        if live and live.run != attempt.run and live != previous:
            return Observation(Phase.READY, reason=f"run {live.run} has deployed since")
        self.world.rolled_back.add((service, attempt.run))
        if isinstance(previous, Unresolved):
            return Observation(Phase.FAILED, reason=previous.reason)
        if service in self.world.unrestorable:
            return Observation(Phase.FAILED, reason="its folder is gone")
        self.world.seen[attempt] = replace(FAILED, uid=_uid(attempt), reason="rolled back")
        if previous is None:
            self.world.live.pop(service, None)
            return Observation(Phase.ABSENT)
        if live != previous:
            self.world.live[service] = self.world.versions.get(previous.id, previous)
            return RUNNING
        return READY

    def settle(self, attempt: StageRun, keep: Sequence[str]) -> None:
        """Keep every version: memory is cheap."""

    def wait(self, attempts: Sequence[StageRun], timeout: float | None) -> None:
        """Let one of the attempts end, as scripted."""
        for attempt in attempts:
            seen = self.world.seen.get(attempt)
            if seen and seen.phase is Phase.RUNNING:
                default = READY if attempt in self.world.services else SUCCEEDED
                after = self.world.outcome(attempt, default)
                uid = after.uid or _uid(attempt)
                self.world.seen[attempt] = replace(after, uid=uid)
                return

    def read_log(
        self, attempt: StageRun, after: int = 0, *, follow: bool = False
    ) -> Iterator[LogLine]:
        for number, text in enumerate(self.observe_job(attempt).tail, start=1):
            if number > after:
                yield LogLine(number, NOON, text)

    def _ensure(self, attempt: StageRun) -> str:
        if attempt in self.world.seen:
            return _uid(attempt)
        if attempt.run not in self.world.sources:
            raise SourceLost("the source is gone")
        self.world.started.append(attempt)
        self.world.seen[attempt] = replace(RUNNING, uid=_uid(attempt))
        return _uid(attempt)


def _uid(attempt: StageRun) -> str:
    return f"uid-{attempt.run}-{attempt.stage}-{attempt.attempt}"
