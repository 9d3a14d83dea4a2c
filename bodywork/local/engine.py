"""The embedded engine: the port `Engine`, over the folders of one namespace.

Every change is made under the guard: it holds the run's lock and refuses where another controller
has taken the run over, so that one that was paused cannot act when it goes on.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bodywork.local import processes
from bodywork.local.environments import EnvironmentCache
from bodywork.local.folders import Folders
from bodywork.local.jobs import Jobs
from bodywork.local.logs import read_log
from bodywork.local.refusals import translated
from bodywork.local.services import Services
from bodywork.local.spares import Spares
from bodywork.local.spawn import Spawner
from bodywork.local.supervisor.copying import copy_tree, remove_tree
from bodywork.local.supervisor.files import make_folder
from bodywork.local.trash import discard, empty_trash
from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.repository import Deployer
from bodywork.model.run import (
    Checkout,
    Claim,
    HeldBy,
    LogLine,
    Observation,
    ServiceVersion,
    StageRun,
)
from bodywork.model.stage import Stage
from bodywork.ports import Guard, IsOver

PROBE_SECONDS = 0.05
BUILD_LOOK_SECONDS = 0.5


class LocalEngine:
    """Stages as processes on this machine.

    Args:
        root: the state folder, of all namespaces.
        namespace: the one that this engine serves.
        guard: see `bodywork.ports.Guard`.
        environments: the cache folder, of all namespaces.
        not_before: environments made before that time are made anew; seconds since 1970.
    """

    name = "local"

    def __init__(
        self,
        root: Path,
        namespace: Namespace,
        *,
        guard: Guard,
        environments: Path,
        not_before: float = 0.0,
    ) -> None:
        self.namespace = namespace
        self._guard = guard
        self._folders = Folders.of(root, namespace)
        self._spawner = Spawner()
        self._spares = Spares()
        cache = EnvironmentCache(environments, not_before)
        self._jobs = Jobs(self._folders, cache, self._spawner, self._spares)
        self._services = Services(self._folders, cache, self._spawner)
        make_folder(str(self._folders.services))

    def warm_up(self) -> None:
        """Start what will be needed soon, without waiting for it."""
        self._spawner.warm_up()

    def cores(self) -> float | None:
        """Return those of this machine that this process may use."""
        if hasattr(os, "sched_getaffinity"):
            return float(len(os.sched_getaffinity(0)))
        return float(os.cpu_count() or 1)

    def close(self) -> None:
        """End the helper process of this controller; stages go on."""
        self._spares.stop()
        self._spawner.close()

    def heed(self, check: Callable[[], None], check_unless_recent: Callable[[], None]) -> None:
        """Have no use for it: each change is made under the guard, which asks by itself."""

    @translated
    def publish_source(self, run: RunName, checkout: Checkout) -> None:
        """Keep a copy of the project's files for the run's stages."""
        source = self._folders.source(run, checkout.commit)
        making = source.with_name(f".source.{os.urandom(4).hex()}")
        with self._guard(run):
            if source.is_dir():
                return
            try:
                _move(checkout.folder, making)
                remove_tree(str(making / ".git"))
                making.rename(source)
            except OSError:
                remove_tree(str(making))
                raise

    @translated
    def release(self, run: RunName, commit: str = "") -> None:
        """Drop the run's source and the work trees of its batch stages."""
        with self._guard(run):
            self._spares.stop()
            for source in self._folders.sources(run):
                discard(self._folders, source)
            for attempt in self._attempts(run):
                if not processes.look(attempt).alive:
                    discard(self._folders, attempt / "work")
            for half_made in (self._folders.run(run) / "attempts").glob("*/.*"):
                # By a controller that was killed: we hold the guard.
                discard(self._folders, half_made)

    def forget(self, run: RunName) -> None:
        """Remove all attempts, logs and sources of the run; not a live service."""
        for attempt in self._attempts(run):
            processes.stop(attempt)
        discard(self._folders, self._folders.run(run) / "attempts")
        for source in self._folders.sources(run):
            discard(self._folders, source)
        self._services.forget(run)
        empty_trash(self._folders)

    @translated
    def ensure_job(self, attempt: StageRun, stage: Stage, commit: str, image: str) -> str:
        """Start the attempt unless it ever was."""
        with self._guard(attempt.run):
            return self._jobs.ensure(attempt, stage, commit)

    @translated
    def observe_job(self, attempt: StageRun) -> Observation:
        """Look at the attempt."""
        return self._jobs.observe(attempt)

    def is_closed(self, attempt: StageRun) -> bool:
        """Return True: an attempt ends with its record."""
        return True

    @translated
    def stop_job(self, attempt: StageRun) -> None:
        """End the attempt."""
        with self._guard(attempt.run):
            self._jobs.stop(attempt)

    @translated
    def live_version(self, project: ProjectName, stage: StageName) -> ServiceVersion | None:
        """Return the version that answers under the service's name."""
        return self._services.live_version(project, stage)

    @translated
    def owner_of_service(self, project: ProjectName, stage: StageName, is_over: IsOver) -> str:
        """Return the repository that a service belongs to."""
        return self._services.owner(project, stage, is_over)

    @translated
    def claim_service(
        self, attempt: StageRun, image: str, deployer: Deployer, is_over: IsOver
    ) -> Claim | HeldBy:
        """Take the claim on the service for the attempt's run."""
        with self._guard(attempt.run):
            return self._services.claim(attempt, deployer, is_over)

    @translated
    def abandon_claim(self, attempt: StageRun, image: str) -> None:
        """Give up a claim under which nothing was changed."""
        with self._guard(attempt.run):
            self._services.abandon_claim(attempt)

    @translated
    def ensure_version(self, attempt: StageRun, stage: Stage, commit: str, image: str) -> str:
        """Start the attempt as a version beside the live one."""
        with self._guard(attempt.run):
            return self._services.ensure(attempt, stage, commit)

    @translated
    def observe_version(self, attempt: StageRun) -> Observation:
        """Look at the version."""
        return self._services.observe(attempt)

    @translated
    def accept_version(self, attempt: StageRun) -> None:
        """Put the version into the place of the live one."""
        with self._guard(attempt.run):
            self._services.accept(attempt)

    @translated
    def restore_version(self, attempt: StageRun, claim: Claim) -> Observation:
        """Take the next step back to the version before."""
        with self._guard(attempt.run):
            return self._services.restore(attempt, claim)

    @translated
    def settle(self, attempt: StageRun, keep: Sequence[str]) -> None:
        """Drop the files of old versions."""
        self._services.settle(attempt, tuple(keep))

    def wait(self, attempts: Sequence[StageRun], timeout: float | None) -> None:
        """Block until an attempt has ended, a service wants to be probed, or the time is up."""
        folders = []
        waits = [] if timeout is None else [timeout]
        for attempt in attempts:
            version = self._folders.version(attempt)
            if version.exists():
                running = processes.look(version).status.get("phase") == "running"
                waits.append(PROBE_SECONDS if running else BUILD_LOOK_SECONDS)
                folders.append(version)
            elif (folder := self._folders.attempt(attempt)).exists():
                folders.append(folder)
            else:  # a version that is gone: what is waited for is another's
                waits.append(PROBE_SECONDS)
        processes.await_end(folders, min(waits) if waits else None)

    def read_log(
        self, attempt: StageRun, after: int = 0, *, follow: bool = False
    ) -> Iterator[LogLine]:
        """Yield the attempt's log lines."""
        version = self._folders.version(attempt)
        folder = version if version.exists() else self._folders.attempt(attempt)
        return read_log(folder, after, follow=follow)

    def _attempts(self, run: RunName) -> list[Path]:
        folder = self._folders.run(run) / "attempts"
        return [each for each in folder.glob("*/*") if not each.name.startswith(".")]


def _move(folder: Path, target: Path) -> None:
    try:
        os.rename(folder, target)
    except OSError:  # another disk
        copy_tree(str(folder), str(target))
