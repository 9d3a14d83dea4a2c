"""What the handlers of a run work with: the outside, through its ports, and nothing durable.

Everything here may vanish with the process at any instant; a resumed controller builds it anew.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from bodywork.errors import BodyworkError
from bodywork.model.names import RunName
from bodywork.model.run import Checkout, StageRun
from bodywork.model.workflow import Workflow
from bodywork.ports import Clock, Engine, Reporter, Source
from bodywork.workflow.plan import Earlier
from bodywork.workflow.progress import Request
from statemachine.store import CheckpointStore

LOG = logging.getLogger("workflow.run_workflow")
LOG.addHandler(logging.NullHandler())  # else Python prints warnings where no log is set up
CLONE_WAIT_SECONDS = 1.0

LONGEST_GAP_SECONDS = 20.0
"""What a pause between two looks counts for at most; looks at what is waited for come every few."""


@dataclass(frozen=True, slots=True)
class Context:
    """The ports, and this process's own memory.

    Attributes:
        load_project: reads a checkout's configuration. Raises `ConfigError`.
        earlier: finds the run that a request continues.
        pause: seconds to wait before the attempt of that number (from 2) begins.
        max_parallel: how many stages may run at once; None for as many as the engine has room for.
        records: the checkpoints of the namespace's runs; the runner's own.
        begun_here: attempts that this process itself put on record.
        followed: attempts that the reporter knows to go on.
        told: the reasons that the log has already given for an attempt that does not start.
        news: what to say as soon as the record that it is about has been saved.
        refusals: what the engine refused while something was waited for.
        due: when (monotonic) an attempt that is paced may start.
        budgets: of what is waited for: seconds spent, and when (monotonic) that was last asked.
        checks: raise `Fenced` where another controller has taken the run over.
        checkouts: checkouts whose commit is not on record yet, and so cannot be published.
    """

    engine: Engine
    source: Source
    clock: Clock
    report: Reporter
    load_project: Callable[[Checkout], Workflow]
    earlier: Callable[[Request, Workflow], Earlier | None]
    pause: Callable[[int], float]
    records: CheckpointStore | None = None
    max_parallel: int | None = None
    begun_here: set[StageRun] = field(default_factory=set)
    followed: set[StageRun] = field(default_factory=set)
    told: set[tuple[StageRun, str]] = field(default_factory=set)
    news: list[Callable[[], None]] = field(default_factory=list)
    refusals: list[BodyworkError] = field(default_factory=list)
    due: dict[StageRun, float] = field(default_factory=dict)
    budgets: dict[str, tuple[float, float]] = field(default_factory=dict)
    checks: list[Callable[[], None]] = field(default_factory=list)
    checkouts: "Checkouts" = field(default_factory=lambda: Checkouts())

    def when_saved(self, say: Callable[[], None]) -> None:
        """Call `say` once the next checkpoint has been saved; never, where it cannot be saved: a
        controller that was overtaken says nothing about what it could not put on record."""
        self.news.append(say)

    def say_news(self) -> None:
        """Say what was kept back until now: a checkpoint has been saved."""
        news = list(self.news)
        self.news.clear()
        for say in news:
            say()

    def warn_once(self, attempt: StageRun, reason: str, prefix: str = "") -> None:
        """Say in the log what an attempt waits for, once for each reason. Where the level of the
        log hides it, it was not said: the attempt's end then gives its reason in full."""
        if (attempt, reason) not in self.told and LOG.isEnabledFor(logging.WARNING):
            LOG.warning("stage=%s %s%s", attempt.stage, prefix, reason)
            self.told.add((attempt, reason))

    def require_ownership(self) -> None:
        """Ask, before an effect that follows a pause, whether the run is still ours.

        Raises:
            Fenced: another controller has taken it over.
        """
        for check in self.checks:
            check()

    def left(self, what: str, seconds: float) -> float:
        """Return the seconds left of a budget that begins when it is first asked for.

        It is spent by what is seen: of a pause in which nothing was asked (the controller was
        stopped, the API server did not answer), `LONGEST_GAP_SECONDS` count.
        """
        now = self.clock.monotonic()
        spent, asked = self.budgets.get(what, (0.0, now))
        spent += min(now - asked, LONGEST_GAP_SECONDS)
        self.budgets[what] = (spent, now)
        return seconds - spent


class Checkouts:
    """The checkout of each run whose commit is about to be recorded, kept open until then.

    The order matters: what is published before its commit is on record may be published again, by
    a resumed controller, from where the branch has moved to meanwhile.
    """

    def __init__(self) -> None:
        self._open: dict[RunName, tuple[Checkout, ExitStack]] = {}

    def keep(self, run: RunName, checkout: Checkout, opened: ExitStack) -> None:
        """Keep the checkout until it is dropped; `opened` closes it."""
        self.drop(run)
        self._open[run] = (checkout, opened)

    def find(self, run: RunName, commit: str) -> Checkout | None:
        """Return the run's checkout, if it is one of this commit."""
        checkout, _ = self._open.get(run, (None, None))
        return checkout if checkout and checkout.commit == commit else None

    def drop(self, run: RunName) -> None:
        """Close the run's checkout, if there is one."""
        _, opened = self._open.pop(run, (None, None))
        if opened:
            opened.close()
