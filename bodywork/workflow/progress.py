"""What a run knows of itself: typed values here, JSON in the checkpoint, converted in pairs.

It holds names, times, identities and reasons; no logs beyond the last lines of a failure, no
secrets. Everything is frozen: a handler builds the next progress and the runner saves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias

from bodywork.model.names import Namespace, RunName, StageName
from bodywork.model.redaction import redact_address
from bodywork.model.repository import Deployer, identify_project
from bodywork.model.run import (
    Claim,
    Observation,
    Phase,
    ServiceVersion,
    StageRun,
    Unresolved,
)
from bodywork.model.stage import Service, Stage
from bodywork.model.workflow import Workflow

AttemptState: TypeAlias = Literal["intended", "started", "succeeded", "failed", "lost", "stopped"]
Action: TypeAlias = Literal["run", "reuse"]
Restoration: TypeAlias = Literal["", "restored", "removed", "left", "failed"]
Fault: TypeAlias = Literal["config", "source", "stage", "engine", "hook"]
GONE = "what was started for it was deleted"
GONE_HINT = "`bodywork workflow --resume` begins the stage anew"


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for.

    Attributes:
        repository: its address; a password in it is taken out.
        commit: the one commit to use, "" for wherever `reference` points.
        continues: the failed or ended run whose finished stages may be reused.
        origin: the first run of that chain.
        from_stage: run this stage and all after it again.
        continued_commit: the commit of the run that is continued.
        hooks: `module:function` references given on the command line.
        adopt: whether services that another repository has deployed are taken over.
        path: the project's folder in the repository, "" for its root.
    """

    namespace: Namespace
    repository: str
    reference: str
    commit: str = ""
    continues: str = ""
    origin: str = ""
    from_stage: str = ""
    hooks: tuple[str, ...] = ()
    continued_commit: str = ""
    adopt: bool = False
    path: str = ""

    def __post_init__(self) -> None:
        """Hide the password: what is asked for goes on record, whoever asks."""
        object.__setattr__(self, "repository", redact_address(self.repository))

    @property
    def deployer(self) -> Deployer:
        """Whose services this run deploys."""
        return Deployer(self.identity, self.adopt)

    @property
    def identity(self) -> str:
        """The project, however its address is spelt."""
        return identify_project(self.repository, self.path)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a stage. `intended` is recorded before anything is started.

    Attributes:
        ended_at: when it ended; of a service, when its version took over.
        reason: why it failed or does not start, for people.
        hint: what the user can do about it.
    """

    number: int
    state: AttemptState = "intended"
    uid: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    final: bool = False
    free: bool = False
    tail: tuple[str, ...] = ()
    hint: str = ""

    @property
    def active(self) -> bool:
        """Whether it may still run."""
        return self.state in ("intended", "started")


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far a stage is.

    Attributes:
        action, why: what the plan decided, and the reason for people.
        reused_from: the run whose attempt is reused.
        claim: for a service, the claim under which it is changed, recorded before the change.
        waits_for: for a service, the run that has the claim now, and is waited for.
        restoration: for a service, what the roll-back did; `restoration_reason` says why, and
            `restoration_hint` what the user can do.
        forgotten: how many attempts came before those in `attempts`, of which the record has no
            more than their number; `forgotten_free` of them cost no try.
    """

    action: Action = "run"
    why: str = ""
    reused_from: str = ""
    attempts: tuple[Attempt, ...] = ()
    claim: Claim | None = None
    waits_for: str = ""
    restoration: Restoration = ""
    restoration_reason: str = ""
    restoration_hint: str = ""
    forgotten: int = 0
    forgotten_free: int = 0

    @property
    def previous(self) -> ServiceVersion | None:
        """The version that a roll-back comes back to, where one is known."""
        before = self.claim.previous if self.claim else None
        return before if isinstance(before, ServiceVersion) else None

    @property
    def unresolved(self) -> str:
        """Why what was deployed before cannot be brought back, "" where it can."""
        before = self.claim.previous if self.claim else None
        return before.reason if isinstance(before, Unresolved) else ""

    @property
    def latest(self) -> Attempt | None:
        """The newest attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def succeeded(self) -> bool:
        """Whether its result is there, from this run or a reused one."""
        latest = self.latest
        return self.action == "reuse" or (latest is not None and latest.state == "succeeded")

    @property
    def tries(self) -> int:
        """How many attempts count as tries."""
        known = sum(not attempt.free for attempt in self.attempts)
        return known + self.forgotten - self.forgotten_free

    def with_latest(self, attempt: Attempt) -> "StageProgress":
        """Return it with the newest attempt replaced."""
        return replace(self, attempts=(*self.attempts[:-1], attempt))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a run failed: enough to explain it after everything else is gone.

    Attributes:
        details: more lines, where one does not say it all: each problem of the configuration.
        final: no retry can mend it; a user has to change something first.
    """

    fault: Fault
    reason: str
    hint: str = ""
    stage: str = ""
    attempt: int = 0
    exit_code: int | None = None
    tail: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    final: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """All that a run keeps in its checkpoint.

    Attributes:
        fixed: the request's reference is known to be a tag or a commit, which does not move on.
        modules: Python modules of the repository → their paths, for hints.
        outline: paths of the repository with short ids, to say which changed (`Tree.outline`).
        shortened: something was left out, so that the record fits (`workflow.bounds`).
    """

    run: RunName
    request: Request
    commit: str = ""
    workflow: Workflow | None = None
    stages: Mapping[StageName, StageProgress] = field(default_factory=dict)
    verdict: Verdict | None = None
    cancelled_by: str = ""
    fixed: bool = False
    modules: Mapping[str, str] = field(default_factory=dict)
    outline: Mapping[str, str] = field(default_factory=dict)
    shortened: bool = False

    @property
    def steps(self) -> int:
        """The number of steps; 0 before the clone."""
        return len(self.workflow.steps) if self.workflow else 0

    @property
    def project(self) -> Workflow:
        """The workflow, for states in which it is known."""
        if self.workflow is None:
            raise ValueError("the run has no workflow before its source is cloned")
        return self.workflow

    def stage(self, name: StageName) -> Stage:
        """Return the stage's definition."""
        return self.project.stages[name]

    def with_stage(self, name: StageName, stage: StageProgress) -> "Progress":
        """Return it with one stage's progress replaced."""
        return replace(self, stages={**self.stages, name: stage})

    def stage_run(self, name: StageName, number: int) -> StageRun:
        """Return the identity of an attempt."""
        return StageRun(
            self.request.namespace,
            self.project.project,
            self.run,
            name,
            number,
            self.request.origin,
        )

    def latest_run(self, name: StageName) -> StageRun:
        """Return the identity of the stage's newest attempt. Raises `ValueError` without one."""
        latest = self.stages[name].latest
        if latest is None:
            raise ValueError(f"stage {name} was never begun")
        return self.stage_run(name, latest.number)

    def changed_services(self) -> list[StageName]:
        """Return the services that this run began to change and has not restored, newest first."""
        names = [name for step in self.project.steps for name in step]
        return [
            name
            for name in reversed(names)
            if isinstance(self.stage(name).kind, Service)
            and self.stages[name].attempts
            and not self.stages[name].restoration
        ]


def record(attempt: Attempt, seen: Observation) -> Attempt:
    """Return the attempt with what was seen of it.

    A started attempt that is gone, or whose place another object has taken, is lost, never done.
    """
    if attempt.uid and seen.uid and attempt.uid != seen.uid:
        return replace(attempt, state="lost", reason="another object has taken its name", hint="")
    states: dict[Phase, AttemptState] = {
        Phase.SUCCEEDED: "succeeded",
        Phase.READY: "succeeded",
        Phase.FAILED: "failed",
        Phase.LOST: "lost",
        Phase.ABSENT: "lost",
    }
    state, gone = states.get(seen.phase, "started"), seen.phase is Phase.ABSENT
    if attempt.state == state == "started":
        # What keeps it from starting is worth a write: who looks from elsewhere reads the record.
        return replace(attempt, reason=seen.reason, hint=seen.hint)
    return replace(
        attempt,
        state=state,
        uid=attempt.uid or seen.uid,
        started_at=seen.started_at or attempt.started_at,
        ended_at=seen.ended_at,
        exit_code=seen.exit_code,
        reason=seen.reason or (GONE if gone else ""),
        hint=seen.hint or (GONE_HINT if gone else ""),
        final=seen.final,
        tail=seen.tail if state in ("failed", "lost") else (),
    )
