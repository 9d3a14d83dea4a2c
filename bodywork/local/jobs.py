"""Batch stages: attempts that end."""

from pathlib import Path

from bodywork.errors import EngineError, SourceLost
from bodywork.local import processes
from bodywork.local.commands import build_spec
from bodywork.local.environments import EnvironmentCache
from bodywork.local.folders import Folders
from bodywork.local.logs import read_tail
from bodywork.local.secrets import values_of, versions_of
from bodywork.local.spares import Spares
from bodywork.local.spawn import Spawner
from bodywork.model.run import Observation, Phase, StageRun
from bodywork.model.stage import Stage

CHANGED = ("(not shown: a secret of the stage was changed after it had started)",)


class Jobs:
    """The batch attempts of one namespace."""

    def __init__(
        self, folders: Folders, cache: EnvironmentCache, spawner: Spawner, spares: Spares
    ) -> None:
        self._folders = folders
        self._cache = cache
        self._spawner = spawner
        self._spares = spares

    def ensure(self, attempt: StageRun, stage: Stage, commit: str) -> str:
        """Start the attempt unless it ever was; return its uid."""
        folder = self._folders.attempt(attempt)
        if not folder.exists():
            source = require_source(self._folders, attempt, commit)
            spec = build_spec(self._folders, self._cache, attempt, stage, commit, source=source)
            processes.lay_out(folder, spec)
        if not processes.was_claimed(folder):
            source = require_source(self._folders, attempt, commit)
            self._spawner.supervise(folder)
            self._spares.prepare(source)
        return processes.look(folder).uid

    def observe(self, attempt: StageRun) -> Observation:
        """Look at the attempt."""
        folder = self._folders.attempt(attempt)
        sight = processes.look(folder)
        if not sight.known:
            return Observation(Phase.ABSENT, reason="its files were deleted")
        if sight.ended:
            return _ended(self._folders, folder, sight)
        if not sight.alive:
            return lost(self._folders, folder, sight)
        phase = Phase.RUNNING if sight.status.get("phase") == "running" else Phase.PENDING
        return Observation(phase, uid=sight.uid, started_at=sight.started_at)

    def stop(self, attempt: StageRun) -> None:
        """End the attempt, and return when nothing of it runs.

        Raises:
            EngineError: it cannot be ended.
        """
        folder = self._folders.attempt(attempt)
        if not processes.stop(folder):
            hint = f"`ps -eo pid,stat,args` shows why; its files are in {folder}"
            raise EngineError("its supervisor does not end", hint=hint)


def require_source(folders: Folders, attempt: StageRun, commit: str) -> Path:
    """Return the source of the attempt's run, at that commit.

    Raises:
        EngineError: the run is on record no more.
        SourceLost: its source is not there.
    """
    if not folders.run(attempt.run).exists():
        raise EngineError(f"run {attempt.run} is on record no more")
    source = folders.source(attempt.run, commit)
    if not source.exists():
        raise SourceLost(f"the source of run {attempt.run} is gone")
    return source


def lost(folders: Folders, folder: Path, sight: processes.Sight) -> Observation:
    """Return the observation of an attempt whose supervisor ended without a word."""
    return Observation(
        Phase.LOST,
        uid=sight.uid,
        reason="its supervisor was killed, or this machine was restarted",
        started_at=sight.started_at,
        tail=tail(folders, folder, sight),
    )


def tail(folders: Folders, folder: Path, sight: processes.Sight) -> tuple[str, ...]:
    """Return the last lines of an attempt's log, without the values of its secrets.

    The values that it had must be known for that: where a secret was changed since, nothing of its
    output is told.
    """
    secrets = sight.spec["secrets"]
    lines = read_tail(folder, values_of(folders.secrets, secrets))
    unchanged = versions_of(folders.secrets, secrets.values())  # looked at when all was read
    return lines if sight.spec.get("secret_versions", {}) == unchanged else CHANGED


def _ended(folders: Folders, folder: Path, sight: processes.Sight) -> Observation:
    code = sight.status["exit_code"]
    well = code == 0 and not sight.status["reason"]
    return Observation(
        Phase.SUCCEEDED if well else Phase.FAILED,
        uid=sight.uid,
        reason=sight.status["reason"],
        hint=str(sight.status.get("hint", "")),
        exit_code=code,
        final=bool(sight.status.get("final")),
        started_at=sight.started_at,
        ended_at=sight.ended_at,
        tail=() if well else tail(folders, folder, sight),
    )
