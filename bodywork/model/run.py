"""What happens to a stage in a run: the identity of an attempt, and what is seen of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.redaction import redact
from bodywork.model.tree import Entry


@dataclass(frozen=True, slots=True)
class StageRun:
    """The identity of one attempt; everything that an engine makes for it is keyed by it.

    `attempt` counts from 1. `origin` is the first run of the chain of runs that this one continues
    ("" for a run that continues none): see `origin_run`.
    """

    namespace: Namespace
    project: ProjectName
    run: RunName
    stage: StageName
    attempt: int
    origin: str = ""

    @property
    def origin_run(self) -> str:
        """The run under whose name stages keep what later stages read; reused ones wrote there."""
        return self.origin or self.run

    @property
    def idempotency_key(self) -> str:
        """The same for each try of a stage in a run, and in the runs that continue it."""
        return f"{self.origin_run}/{self.stage}"

    def variables(self) -> dict[str, str]:
        """Return the environment variables by which every engine tells a stage what it is."""
        return {
            "BODYWORK_RUN_ID": self.run,
            "BODYWORK_ORIGIN_RUN_ID": self.origin_run,
            "BODYWORK_STAGE": self.stage,
            "BODYWORK_ATTEMPT": str(self.attempt),
            "BODYWORK_IDEMPOTENCY_KEY": self.idempotency_key,
            "BODYWORK_PROJECT": self.project,
            "BODYWORK_NAMESPACE": self.namespace,
            "PYTHONUNBUFFERED": "1",
        }


SHORT_COMMIT = 7
"""Digits of a commit's id that do for people, and for git."""


def short_commit(commit: str) -> str:
    """Return the beginning of a commit's id, for people."""
    return commit[:SHORT_COMMIT]


@dataclass(frozen=True, slots=True)
class Checkout:
    """A repository's files at one commit, in a folder of this machine.

    Attributes:
        repository: as the user gave it, passwords redacted.
        reference: the branch, tag or commit that was asked for.
        commit: the full id that it stood for, 40 or 64 hex digits.
        folder: the work tree.
        entries: what stands at each path of the commit; empty where only the files are known.
        local: whether the repository is a folder of this machine, which others cannot reach.
        fixed: whether the reference is known to be a tag or a commit, which does not move on.
        note: what the user should know of the repository beside the commit, such as changes that
            are not committed; "" for nothing.
        path: the project's folder, relative to the work tree; "" for all of it.
        missing: the submodules whose files are not there, unless the project wants that.
        pointers: files that hold a pointer of Git LFS in place of their content.
    """

    repository: str
    reference: str
    commit: str
    folder: Path
    entries: Mapping[str, Entry]
    local: bool = False
    fixed: bool = False
    note: str = ""
    path: str = ""
    missing: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()

    @property
    def project(self) -> Path:
        """The project's folder."""
        return self.folder / self.path


class Phase(StrEnum):
    """Where an attempt stands, as seen from outside."""

    ABSENT = "absent"
    """Nothing of it is there (never created, or gone)."""
    PENDING = "pending"
    """Created; its script has not started (waiting, installing)."""
    RUNNING = "running"
    """Its script runs. For a service: it does not answer yet."""
    READY = "ready"
    """A service answers on its port and stays up. Never said of a batch stage."""
    SUCCEEDED = "succeeded"
    """A batch stage ended with code 0. Never said of a service."""
    FAILED = "failed"
    """It ended otherwise, or cannot start; `reason` says why."""
    LOST = "lost"
    """It was there and ended without a verdict: killed with its supervisor, or deleted."""

    @property
    def ended(self) -> bool:
        """Whether nothing of the attempt runs any more, or ever will again."""
        return self in (Phase.SUCCEEDED, Phase.FAILED, Phase.LOST, Phase.ABSENT)


@dataclass(frozen=True, slots=True)
class Observation:
    """What an engine sees of an attempt.

    Attributes:
        uid: the engine's own identity of the object; differs when one of the same name is made
            again. "" while absent.
        reason: one line for people, "" where there is nothing to say; for FAILED why it failed
            ("exit code 1", "exceeded MAX_COMPLETION_TIME_SECONDS=30", "port 5000 is taken by …").
        hint: what the user can do about it, "" where nothing is known; never a part of `reason`.
        final: True where no new attempt can help (a missing secret, an impossible
            requirement): RETRIES are not spent on it.
        tail: the last lines of its log (bounded, secrets' values redacted), for FAILED and LOST.
        address: for a service, where this machine's programs reach it ("http://127.8.1.4:5000").
    """

    phase: Phase
    uid: str = ""
    reason: str = ""
    exit_code: int | None = None
    final: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    tail: tuple[str, ...] = ()
    address: str = ""
    hint: str = ""

    def __post_init__(self) -> None:
        """Hide the passwords of addresses in what tools, servers and scripts have said."""
        for name in ("reason", "hint"):
            if "@" in (text := getattr(self, name)):
                object.__setattr__(self, name, redact(text))
        if any("@" in line for line in self.tail):
            object.__setattr__(self, "tail", tuple(map(redact, self.tail)))


@dataclass(frozen=True, slots=True)
class ServiceVersion:
    """One deployed version of a service: which attempt of which run made it.

    Attributes:
        id: the engine's own name for the version, enough to bring it back.
        repository: what it was deployed from, as `identify_repository` returns it; "" where that is
            not known. The engine keeps it with the version; a run's record has none.
    """

    id: str
    run: RunName
    stage: StageName
    commit: str
    repository: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Something is deployed that cannot be brought back once it is replaced; `reason` says why.

    That is not "nothing": a roll-back keeps what is there.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one run to change a service, until that run has ended.

    Attributes:
        uid: the engine's identity of the object that the claim is written on, "" where unknown.
        previous: what a roll-back comes back to, as it was when the claim was taken; None where
            nothing was deployed.
    """

    uid: str = ""
    previous: ServiceVersion | Unresolved | None = None


@dataclass(frozen=True, slots=True)
class HeldBy:
    """The unfinished run that has the claim on a service."""

    run: RunName


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """A line of `bodywork service display`.

    Attributes:
        name: `project--stage`.
        url: how stages reach it, `http://project--stage:PORT`.
        address: how this machine's browser reaches it; "" where it needs a proxy.
        repository: what it belongs to, as `identify_repository` returns it; "" where an older
            release has deployed it.
    """

    name: str
    url: str
    address: str
    exposed: bool
    available_replicas: int
    unavailable_replicas: int
    version: ServiceVersion | None
    repository: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a stage's log; `position` grows, and reading can go on after it."""

    position: int
    at: datetime
    text: str
