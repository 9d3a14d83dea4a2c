"""Services: versions that are proven beside the live one, then put in its place, or not.

`live.json` says which version answers under the service's name; replacing it is the switch. The
version before it is ended after the switch, and its folder is kept, so that it can come back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bodywork.errors import EngineError, NotClaimed
from bodywork.execution import clock
from bodywork.local import leftovers, processes
from bodywork.local.claims import (
    WrittenClaim,
    begin_roll_back,
    find_holder,
    find_owner,
    is_granted,
    locked,
    read_claim,
    require_claim,
    write_claim,
)
from bodywork.local.commands import build_spec
from bodywork.local.draining import drain
from bodywork.local.environments import EnvironmentCache
from bodywork.local.folders import Folders
from bodywork.local.jobs import lost, require_source, tail
from bodywork.local.live import LIVE, read_live, version_of
from bodywork.local.network import addresses
from bodywork.local.network.addresses import Endpoint
from bodywork.local.network.listeners import Listener, find_listeners
from bodywork.local.spawn import Spawner
from bodywork.local.supervisor import files
from bodywork.local.supervisor.last_status import keep_room
from bodywork.model.names import RunName
from bodywork.model.repository import Deployer
from bodywork.model.run import (
    Claim,
    HeldBy,
    Observation,
    Phase,
    ServiceVersion,
    StageRun,
    Unresolved,
)
from bodywork.model.stage import Service, Stage
from bodywork.ports import IsOver

PROVING_SECONDS = 1.0
LATE_HINT = (
    "does it listen on 0.0.0.0? What listens on 127.0.0.1 cannot be reached on a cluster either"
)
MOST_LISTENERS = 3
IDLE_HINT = "its log says how far it got; if it starts slowly, raise MAX_STARTUP_TIME_SECONDS"


class Services:
    """The services of one namespace."""

    def __init__(self, folders: Folders, cache: EnvironmentCache, spawner: Spawner) -> None:
        self._folders = folders
        self._cache = cache
        self._spawner = spawner
        self._answering: dict[Path, float] = {}

    def live_version(self, project: str, stage: str) -> ServiceVersion | None:
        """Return the version that answers under the service's name; None if it does not run."""
        service = self._folders.service(project, stage)
        live = read_live(service)
        return version_of(live) if live and _runs(service, live["id"]) else None

    def owner(self, project: str, stage: str, is_over: IsOver) -> str:
        """Return the repository that the service belongs to, "" where none is known."""
        service = self._folders.service(project, stage)
        claim = read_claim(service)
        held = claim if claim and not is_over(RunName(claim.run)) else None
        return find_owner(service, held)

    def claim(self, attempt: StageRun, deployer: Deployer, is_over: IsOver) -> Claim | HeldBy:
        """Take the claim for the attempt's run, unless another unfinished run has it.

        Raises:
            OtherRepository: the service is another repository's.
        """
        service = self._folders.service(attempt.project, attempt.stage)
        if holder := find_holder(service, attempt, deployer, is_over):
            return holder  # without the lock: the holder may be ending a version under it
        with locked(service):
            if holder := find_holder(service, attempt, deployer, is_over):
                return holder
            claim = read_claim(service)
            if not is_granted(claim, attempt):
                if is_over(attempt.run):
                    raise NotClaimed(f"run {attempt.run} has ended")
                live = read_live(service)
                previous = live["id"] if live else ""
                claim = WrittenClaim(
                    attempt.run, attempt.attempt, previous, repository=deployer.repository
                )
                write_claim(service, claim)
            return Claim(previous=_previous(service, claim.previous if claim else ""))

    def abandon_claim(self, attempt: StageRun) -> None:
        """Give up a claim that may have been taken."""
        service = self._folders.service(attempt.project, attempt.stage)
        with locked(service):
            claim = read_claim(service)
            if claim and claim.run == attempt.run:
                begin_roll_back(service, attempt)

    def ensure(self, attempt: StageRun, stage: Stage, commit: str) -> str:
        """Start the attempt as a version, unless it ever was; return its uid."""
        with self._claimed(attempt):
            return self._ensure(attempt, stage, commit)

    def _ensure(self, attempt: StageRun, stage: Stage, commit: str) -> str:
        folder = self._folders.version(attempt)
        if not folder.exists():
            source = require_source(self._folders, attempt, commit)
            endpoint = self._endpoint(attempt, stage)
            spec = build_spec(
                self._folders, self._cache, attempt, stage, commit, source=source, endpoint=endpoint
            )
            claim = read_claim(folder.parent.parent)
            spec["repository"] = claim.repository if claim else ""
            processes.lay_out(folder, spec)
        if not processes.was_claimed(folder):
            require_source(self._folders, attempt, commit)
            _refuse_stranger(endpoint_of(processes.look(folder).spec))
            self._spawner.supervise(folder)
        return processes.look(folder).uid

    def observe(self, attempt: StageRun) -> Observation:
        """Look at a version: does it run, does it answer, has it for long enough?"""
        folder = self._folders.version(attempt)
        sight = processes.look(folder)
        if not sight.known:
            return Observation(Phase.ABSENT, reason="its files were deleted")
        if sight.ended:
            return self._failed(folder, sight, _why_it_ended(sight.status))
        if not sight.alive:
            return lost(self._folders, folder, sight)
        if sight.status.get("phase") != "running":
            return Observation(Phase.PENDING, uid=sight.uid)
        return self._prove(folder, sight)

    def accept(self, attempt: StageRun) -> None:
        """Make the version the live one, then end those before it."""
        folder = self._folders.version(attempt)
        service = self._folders.service(attempt.project, attempt.stage)
        with self._claimed(attempt):
            self._switch(service, folder)
            files.send_command(str(folder), files.KEEP)
            for other in leftovers.versions(service):
                if other != folder and files.is_held(str(other)):
                    drain(endpoint_of(processes.look(other).spec))
                    processes.stop(other)
            if claim := read_claim(service):
                kept = {folder.name, claim.previous}
                leftovers.tidy(self._folders, service, attempt.run, kept)

    def restore(self, attempt: StageRun, claim: Claim) -> Observation:
        """Take the next step towards the version before being live and nothing of `attempt`."""
        service = self._folders.service(attempt.project, attempt.stage)
        with locked(service):
            other = begin_roll_back(service, attempt)
            seen = self._restore(service, attempt, claim, other)
            if seen.phase is not Phase.RUNNING:
                leftovers.tidy(self._folders, service, attempt.run, _live_id(service))
            return seen

    def _restore(self, service: Path, attempt: StageRun, claim: Claim, other: str) -> Observation:
        previous, live = claim.previous, read_live(service)
        ours = self._folders.version(attempt)
        is_ours = live is not None and live["id"] == ours.name
        known = {ours.name, previous.id if isinstance(previous, ServiceVersion) else ""}
        reason = f"run {other} has claimed it since" if other else ""
        if not other and live and live["id"] not in known and live["run"] != attempt.run:
            reason = f"the version of run {live['run']} is live"
        if (reason or isinstance(previous, Unresolved)) and not is_ours:
            processes.stop(ours)
        if reason:
            return Observation(Phase.READY, reason=reason)
        if isinstance(previous, Unresolved):
            return Observation(Phase.FAILED, reason=f"it was kept as it is: {previous.reason}")
        if previous is None:
            (service / LIVE).unlink(missing_ok=True)
            processes.stop(ours)
            return Observation(Phase.ABSENT)
        return self._bring_back(service, ours, previous)

    def settle(self, attempt: StageRun, keep: tuple[str, ...]) -> None:
        """Drop what is neither live nor to be kept; logs stay as long as their run's record."""
        service = self._folders.service(attempt.project, attempt.stage)
        with locked(service):
            claim = read_claim(service)
            if claim and claim.run != attempt.run:
                return  # what its roll-back needs, that run knows
            leftovers.tidy(self._folders, service, attempt.run, {*keep, *_live_id(service)})

    def forget(self, run: str) -> None:
        """Remove a run's versions, except one that is live, or that a roll-back may need."""
        if not self._folders.services.exists():
            return
        for service in self._folders.services.iterdir():
            with locked(service):
                claim = read_claim(service)
                kept = {*_live_id(service), claim.previous if claim else ""}
                for version in leftovers.versions(service):
                    spec = processes.look(version).spec
                    if spec.get("run") == run and version.name not in kept:
                        processes.remove(self._folders, version)

    def _prove(self, folder: Path, sight: processes.Sight) -> Observation:
        endpoint = endpoint_of(sight.spec)
        started = sight.status["started_on_clock"]
        seen = Observation(Phase.RUNNING, uid=sight.uid, started_at=sight.started_at)
        if addresses.answers(endpoint):
            since = self._answering.setdefault(folder, clock.now())
            live = read_live(folder.parent.parent)
            is_live = bool(live and live["id"] == folder.name)
            if is_live or clock.now() - since >= PROVING_SECONDS:
                return Observation(
                    Phase.READY, sight.uid, started_at=sight.started_at, address=endpoint.url
                )
            return seen
        self._answering.pop(folder, None)
        limit = sight.spec["startup_seconds"]
        if clock.now() - started < limit:
            return seen
        reason = f"did not answer on port {endpoint.port} within MAX_STARTUP_TIME_SECONDS={limit}"
        where, hint = _explain_silence(endpoint, find_listeners(sight.status["pid"]))
        return self._failed(folder, sight, reason + where, hint)

    def _failed(
        self, folder: Path, sight: processes.Sight, reason: str, hint: str = ""
    ) -> Observation:
        return Observation(
            Phase.FAILED,
            uid=sight.uid,
            reason=reason,
            hint=hint or str(sight.status.get("hint", "")),
            exit_code=sight.status.get("exit_code"),
            final=bool(sight.status.get("final")),
            started_at=sight.started_at,
            ended_at=sight.ended_at,
            tail=tail(self._folders, folder, sight),
        )

    def _bring_back(self, service: Path, ours: Path, previous: ServiceVersion) -> Observation:
        folder = service / "versions" / previous.id
        if not (folder / files.WORK).exists():
            return Observation(Phase.FAILED, reason=f"the files of version {previous.id} are gone")
        endpoint = endpoint_of(processes.look(folder).spec)
        if not files.is_held(str(folder)):
            self._revive(folder)
        if not addresses.answers(endpoint):
            return Observation(Phase.RUNNING)
        was_live = _live_id(service) == {ours.name}
        self._switch(service, folder)
        if was_live:
            drain(endpoint_of(processes.look(ours).spec))
        processes.stop(ours)
        return Observation(Phase.READY, address=endpoint.url)

    def _revive(self, folder: Path) -> None:
        """Start an ended version anew, from the files it ran with."""
        spec = files.read_json(str(folder / files.SPEC))
        files.write_json(str(folder / files.SPEC), {**spec, "prepared": True, "keep": True})
        keep_room(str(folder))
        (folder / files.CLAIM).unlink(missing_ok=True)
        self._spawner.supervise(folder)

    def _switch(self, service: Path, folder: Path) -> None:
        spec = processes.look(folder).spec
        endpoint = endpoint_of(spec)
        live = {
            "id": folder.name,
            "run": spec["run"],
            "stage": spec["stage"],
            "commit": spec["commit"],
            "address": endpoint.address,
            "real_port": endpoint.real_port,
            "port": endpoint.port,
            "repository": spec.get("repository", ""),
        }
        if read_live(service) != live:
            files.write_json(str(service / LIVE), live, durable=True)

    @contextmanager
    def _claimed(self, attempt: StageRun) -> Iterator[None]:
        """Hold the service's lock, with the claim. Raises `NotClaimed`."""
        service = self._folders.service(attempt.project, attempt.stage)
        with locked(service):
            begun = self._folders.version(attempt).exists()
            require_claim(service, attempt, begun=begun)
            yield

    def _endpoint(self, attempt: StageRun, stage: Stage) -> Endpoint:
        if not isinstance(stage.kind, Service):
            raise EngineError(f"stage {stage.name} is no service")
        return addresses.choose(stage.kind.port)


def _runs(service: Path, version: str) -> bool:
    """Say whether a version's supervisor lives; after a restart of the machine none does."""
    return files.is_held(str(service / "versions" / version))


def _previous(service: Path, version: str) -> ServiceVersion | Unresolved | None:
    """Return what a roll-back comes back to; its files must be there."""
    if not version:
        return None
    folder = service / "versions" / version
    spec = processes.look(folder).spec
    if not (folder / files.WORK).exists() or not spec:
        return Unresolved(f"the files of version {version} are gone")
    return version_of({**spec, "id": version})


def endpoint_of(spec: dict[str, Any]) -> Endpoint:
    """Return where a version listens."""
    return Endpoint(*spec["endpoint"])


def _live_id(service: Path) -> set[str]:
    """Return the id of the live version, or nothing."""
    live = read_live(service)
    return {live["id"]} if live else set()


def _refuse_stranger(endpoint: Endpoint) -> None:
    stranger = addresses.find_stranger(endpoint)
    if stranger:
        raise EngineError(
            f"port {endpoint.port} is held by {stranger}", hint="end it, or choose another PORT"
        )


def _explain_silence(endpoint: Endpoint, found: tuple[Listener, ...] | None) -> tuple[str, str]:
    """Say where a service listens that does not answer on its port, and what to do about it.

    Args:
        found: where its processes listen; None where that is unknown.
    """
    own = (endpoint.address, endpoint.real_port)
    if found is None or any((each.address, each.port) == own for each in found):
        return "", LATE_HINT
    if not found:
        return ": it does not listen yet", IDLE_HINT
    where = f": it listens on {', '.join(map(str, found[:MOST_LISTENERS]))}"
    if any(each.port == endpoint.port for each in found):
        return where, "let it listen on 0.0.0.0: on a cluster, too, only that can be reached"
    ports = " or ".join(
        str(port) for port in sorted({each.port for each in found[:MOST_LISTENERS]})
    )
    return where, f"let it listen on 0.0.0.0:{endpoint.port}, or set PORT={ports} in config.ini"


def _why_it_ended(status: dict[str, Any]) -> str:
    if status["reason"]:
        return str(status["reason"])
    return "the script ended (exit code 0); a service's must not"
