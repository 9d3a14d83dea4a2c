"""What the workflow needs of the outside, in our own words.

An engine is held to the contract suite in `tests/contract`; each sentence here is a test there.
Every method may raise `EngineUnavailable` (ask again later) and `EngineError` (final). `ensure_` is
idempotent: called again, also by another process after a crash, it adopts what the first call made.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, TypeAlias

from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.repository import Deployer
from bodywork.model.run import (
    Checkout,
    Claim,
    HeldBy,
    LogLine,
    Observation,
    ServiceStatus,
    ServiceVersion,
    StageRun,
)
from bodywork.model.stage import Stage
from bodywork.model.workflow import Workflow

Guard: TypeAlias = Callable[[RunName], AbstractContextManager[None]]
"""Holds the run's record for as long as an effect takes, and raises `statemachine`'s `Fenced` where
another controller has taken the run over: what an engine on this machine wraps its changes in."""

IsOver: TypeAlias = Callable[[RunName], bool]
"""Says whether a run has ended or is on record no more, so that its claims are void. Of the
controller's own run it raises `Fenced` where another controller has taken that over."""


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def now(self) -> datetime:
        """Return the time in UTC, aware; for people."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever grow; for durations."""
        ...


class Source(Protocol):
    """Where a project comes from."""

    def checkout(
        self,
        repository: str,
        reference: str,
        commit: str = "",
        *,
        path: str = "",
        say: Callable[[str], None],
    ) -> AbstractContextManager[Checkout]:
        """Resolve the reference once and check its commit out, into a folder that lives as long
        as the context.

        With `commit` (a full id), exactly that commit, wherever the reference points by now.
        `path` is the project's folder, relative to the repository's root ("" for that): its
        bodywork.ini says whether submodules are fetched. Git's own output goes to `say`, line by
        line.

        Raises:
            SourceError: the repository, reference, key or commit is missing or not permitted.
        """
        ...


class Engine(Protocol):
    """Runs stages. One instance serves one namespace for one controller."""

    name: str
    """`local` or `kubernetes`."""
    namespace: Namespace

    def cores(self) -> float | None:
        """Return how many cores the stages of a run share out among them; None where the engine
        itself lets stages wait for room."""
        ...

    # -- the source of a run ------------------------------------------------------------------

    def publish_source(self, run: RunName, checkout: Checkout) -> None:
        """Make the checkout available to the run's stages, all or nothing; twice is fine.

        Called once its commit is on record; that of another commit stays beside it.
        """
        ...

    def release(self, run: RunName, commit: str = "") -> None:
        """Drop what only a running run needs (its source); keep what records refer to (logs,
        live services). Called once it is on record that the run only has to end; twice is fine.

        From then on the source of that commit cannot be published any more, however late.
        """
        ...

    def forget(self, run: RunName) -> None:
        """Remove all that the run owns: attempts, logs, source. Never a live service."""
        ...

    # -- batch stages -------------------------------------------------------------------------

    def ensure_job(self, attempt: StageRun, stage: Stage, commit: str, image: str) -> str:
        """Start the attempt unless it was ever started; return its uid. Never starts it twice.

        Raises:
            SourceLost: the run's source is gone; publish it and call again.
            NoRoom: a quota is used up; nothing was started, call again later.
            EngineError: an object of that name is there, and is not ours.
        """
        ...

    def observe_job(self, attempt: StageRun) -> Observation:
        """Look at the attempt; ABSENT where it was never started or its record is gone."""
        ...

    def is_closed(self, attempt: StageRun) -> bool:
        """Say whether the engine has closed its own books on an attempt that was seen to have
        ended: nothing about it will change any more. `wait` wakes up when they are."""
        ...

    def stop_job(self, attempt: StageRun) -> None:
        """End it and return when nothing of it runs; its record and log stay. It is FAILED (or
        whatever it was, if it had ended before). An attempt never started stays ABSENT, and never
        starts: not by a request either that another controller sent before and that arrives late.
        """
        ...

    # -- services -----------------------------------------------------------------------------

    def live_version(self, project: ProjectName, stage: StageName) -> ServiceVersion | None:
        """Return the version that answers under the service's name; None if there is none, or it
        does not run."""
        ...

    def owner_of_service(self, project: ProjectName, stage: StageName, is_over: IsOver) -> str:
        """Return the repository that a service belongs to, "" where none is known.

        It is that of the unfinished run which has the claim on it, unless that has begun to roll
        back; else that of the version which is deployed.
        """
        ...

    def claim_service(
        self, attempt: StageRun, image: str, deployer: Deployer, is_over: IsOver
    ) -> Claim | HeldBy:
        """Take the claim on the attempt's service for its run, or say which run has it.

        At most one unfinished run has it; a claim is void as soon as its run has ended. Twice is
        fine. `is_over` is asked between the read and the write that it decides, of the holder and
        of the attempt's own run: a controller that was overtaken before the write takes nothing.

        The claim says of which repository it is, and so does each version that is deployed under
        it: what a roll-back restores is its earlier repository's again.

        Raises:
            OtherRepository: as `check_owner` says; nothing was changed.
        """
        ...

    def abandon_claim(self, attempt: StageRun, image: str) -> None:
        """See to it that no claim of the attempt's run can appear any more.

        For a run that ends before a claim is on its record: its claim may have been taken all the
        same, or the request for it may still be under way. Twice is fine.
        """
        ...

    def ensure_version(self, attempt: StageRun, stage: Stage, commit: str, image: str) -> str:
        """Begin to deploy the attempt as the service's next version; return its uid.

        Where the engine can, the live version goes on answering until the new one is accepted.

        Raises:
            NotClaimed: the attempt's run does not have the claim, or has begun to roll back.
        """
        ...

    def observe_version(self, attempt: StageRun) -> Observation:
        """Look at the version: RUNNING until READY; FAILED as soon as it cannot become ready
        (it ended, crashes again and again, a port that is taken, MAX_STARTUP_TIME_SECONDS)."""
        ...

    def accept_version(self, attempt: StageRun) -> None:
        """Make the READY version the live one and end the one before it, which stays restorable
        until `settle`. Twice is fine.

        Raises:
            NotClaimed: as `ensure_version`.
        """
        ...

    def restore_version(self, attempt: StageRun, claim: Claim) -> Observation:
        """Work towards the state in which `claim.previous` is live and nothing of `attempt` runs.

        Called again and again until it answers READY (the version before is seen to answer) or
        ABSENT (there was none, and what the run made is gone). FAILED: it cannot be brought
        back, or there is no telling how; `reason` says why, and what is there is kept. A service
        that another run has claimed since, or that is at a version of neither, is left alone,
        and is READY with that said in `reason`.

        Once this was called, no earlier controller of the run can change the service any more.
        """
        ...

    def settle(self, attempt: StageRun, keep: Sequence[str]) -> None:
        """Forget old versions of the attempt's service, except the live one and those whose ids
        are in `keep`. Nothing is done where another run than the attempt's has the claim."""
        ...

    # -- being overtaken ----------------------------------------------------------------------

    def heed(self, check: Callable[[], None], check_unless_recent: Callable[[], None]) -> None:
        """Call `check` before each change that follows a pause, such as a request sent again, and
        `check_unless_recent` before any other; both raise `Fenced` where another controller has
        taken the run over."""
        ...

    # -- looking ------------------------------------------------------------------------------

    def wait(self, attempts: Sequence[StageRun], timeout: float | None) -> None:
        """Block until something about one of the attempts may have changed, or `timeout` seconds
        have passed. Returning too early is fine, missing a change is not."""
        ...

    def read_log(
        self, attempt: StageRun, after: int = 0, *, follow: bool = False
    ) -> Iterator[LogLine]:
        """Yield the attempt's log lines after that position; with `follow`, until it ends."""
        ...


class Administration(Protocol):
    """What people keep in an engine besides runs; one instance serves the whole engine."""

    def setup_namespace(self, namespace: Namespace, image: str = "") -> Sequence[str]:
        """Create what is missing; return the lines to print ("creating namespace=…").

        With `image`, that becomes the namespace's: what runs where a project or a schedule names
        none.

        Raises:
            Unsupported: this engine runs no images.
        """
        ...

    def describe_enforcement(self, namespace: Namespace) -> str:
        """Return what to say where nothing holds a namespace's pods to what stages need, or ""."""
        ...

    def namespaces(self) -> Sequence[Namespace]:
        """Return the namespaces, sorted."""
        ...

    def create_secret(self, namespace: Namespace, name: str, data: Mapping[str, str]) -> None:
        """Store a new secret.

        Raises:
            EngineError: there is one of that name.
            NotFound: there is no such namespace.
        """
        ...

    def update_secret(self, namespace: Namespace, name: str, data: Mapping[str, str]) -> None:
        """Set these keys of a secret and keep its others. Raises `NotFound`."""
        ...

    def delete_secret(self, namespace: Namespace, name: str) -> None:
        """Remove it. Raises `NotFound`."""
        ...

    def secrets(self, namespace: Namespace) -> Mapping[str, Mapping[str, str]]:
        """Return name → key → value."""
        ...

    def services(self, namespace: Namespace) -> Sequence[ServiceStatus]:
        """Return the services of the namespace, sorted by name."""
        ...

    def delete_service(self, namespace: Namespace, name: str) -> None:
        """End and remove a service and its old versions. Raises `NotFound`."""
        ...


class Reporter(Protocol):
    """Who tells people what happens; log records go through `logging` beside it."""

    def say(self, line: str) -> None:
        """Pass on a line of another program's output."""
        ...

    def project_known(self, workflow: Workflow) -> None:
        """Hear of the project's configuration (its LOG_LEVEL) as soon as it is read."""
        ...

    def stage_started(
        self,
        attempt: StageRun,
        stage: Stage,
        alone: bool,
        follow: Callable[[], Iterator[LogLine]],
    ) -> None:
        """Hear that an attempt goes on, with a way to read its log while it is written.

        `alone`: no other stage runs beside it. `follow` may be called from another thread.
        """
        ...

    def stage_ended(self, attempt: StageRun, lines: Iterable[LogLine]) -> None:
        """Show the log of an attempt that has just ended."""
        ...
