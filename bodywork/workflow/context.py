"""What the handlers of a run work with: the outside, through its ports, and nothing durable.

Everything here may vanish with the process at any instant; a resumed controller builds it anew.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from bodywork.errors import BodyworkError
from bodywork.model.run import Checkout, StageRun
from bodywork.model.workflow import Workflow
from bodywork.ports import Clock, Engine, Reporter, Source
from bodywork.workflow.plan import Earlier
from bodywork.workflow.progress import Request

LOG = logging.getLogger("workflow.run_workflow")
LOG.addHandler(logging.NullHandler())  # else Python prints warnings where no log is set up
CLONE_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Context:
    """The ports, and this process's own memory.

    Attributes:
        load_project: reads a checkout's configuration. Raises `ConfigError`.
        earlier: finds the run that a request continues.
        pause: seconds to wait before the attempt of that number (from 2) begins.
        begun_here: attempts that this process itself put on record.
        followed: attempts that the reporter knows to go on.
        told: the reasons that the log has already given for an attempt that does not start.
        news: what to say as soon as the record that it is about has been saved.
        refusals: what the engine refused while something was waited for.
        due: when (monotonic) an attempt that is paced may start.
        deadlines: until when (monotonic) something is waited for.
    """

    engine: Engine
    source: Source
    clock: Clock
    report: Reporter
    load_project: Callable[[Checkout], Workflow]
    earlier: Callable[[Request, Workflow], Earlier | None]
    pause: Callable[[int], float]
    begun_here: set[StageRun] = field(default_factory=set)
    followed: set[StageRun] = field(default_factory=set)
    told: set[tuple[StageRun, str]] = field(default_factory=set)
    news: list[Callable[[], None]] = field(default_factory=list)
    refusals: list[BodyworkError] = field(default_factory=list)
    due: dict[StageRun, float] = field(default_factory=dict)
    deadlines: dict[str, float] = field(default_factory=dict)

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

    def left(self, what: str, seconds: float) -> float:
        """Return the seconds left of a budget that begins when it is first asked for."""
        now = self.clock.monotonic()
        return self.deadlines.setdefault(what, now + seconds) - now
