"""One history: the story of a seed, carried out by real controllers over the simulated cluster."""

import random
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from bodywork.errors import BodyworkError
from bodywork.model.names import RunName
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Request
from statemachine.checkpoint import Checkpoint
from statemachine.codec import recall
from statemachine.errors import StateMachineError
from statemachine.ownership import Holder
from statemachine.stores.configmap import CHECKPOINT
from tests.simulation import acts
from tests.simulation.canaries import ADDRESS, give_secrets, heard
from tests.simulation.cluster import Cluster
from tests.simulation.controllers import Desk, open_desk
from tests.simulation.faults import Fault, Faults
from tests.simulation.pairs import draw_pair
from tests.simulation.scheduler import Actor, Process, SimulatedTime
from tests.simulation.server import MAPS, SHOP, Server
from tests.simulation.stories import CHAOS_SECONDS, Branch, Command, Limits, draw_story

TRIES = 6
"""How many times in a row a user resumes (or cancels) a run once the cluster is well again."""
PATIENCE_SECONDS = 1800.0
BETWEEN_TRIES_SECONDS = 90.0
CONTROLLER = "ctl-"

Task = Callable[[Desk, str, Process], str]
"""What a controller is told to do with a run; returns how that ended."""


@lru_cache(maxsize=500)
def checkpoint_in(text: str) -> Checkpoint:
    """Return the checkpoint that a ConfigMap holds; what is written last is judged by the gates."""
    return recall(text.encode()).checkpoint


@dataclass(frozen=True, slots=True)
class Fence:
    """A command that ended a run has returned: from that write on, nobody else acts on it."""

    run: str
    by: str
    number: int


@dataclass(slots=True)
class Outcome:
    """What is left of a history for those who judge it.

    Attributes:
        said: what controllers have logged, and the errors with which they ended.
    """

    seed: int
    server: Server
    fired: Counter[Fault]
    acted: Counter[str]
    fences: list[Fence] = field(default_factory=list)
    runs_of: dict[str, str] = field(default_factory=dict)
    faults_of_code: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    disturbed: set[str] = field(default_factory=set)
    steps: int = 0
    seconds: float = 0.0


class History:
    """Everything of one history.

    Args:
        seed: decides all.
        limits: what the story may hold.
    """

    def __init__(self, seed: int, limits: Limits) -> None:
        self.story = (draw_pair if limits.pairs else draw_story)(seed, limits)
        self.time = SimulatedTime(seed)
        self.server = Server(self.time)
        self.cluster = Cluster(self.server, self.story.script)
        self.branch = Branch(self.time, give_secrets(self.story.project, seed))
        self.faults = Faults(self.time.random, self.story.kinds, self.story.rate)
        self.outcome = Outcome(seed, self.server, self.faults.fired, Counter())
        self._processes: dict[str, Process] = {}
        self._actors: list[Actor] = []

    def happen(self) -> Outcome:
        """Let it happen, and return what is left."""
        before = random.getstate()
        random.seed(self.outcome.seed)  # tenacity draws its pauses from the module's generator
        try:
            with heard() as logged:
                self.time.run(self.time.actor(Process("director"), "", self._direct))
        finally:
            random.setstate(before)
        self.outcome.said += logged
        if self.time.stuck:
            self.outcome.stuck.append(self.time.stuck)
        self.outcome.steps, self.outcome.seconds = self.time.steps, self.time.now
        return self.outcome

    def unfinished(self) -> list[str]:
        """Return the runs on record that have not ended."""
        found = self.checkpoints().values()
        return [each.id for each in found if each.state not in lifecycle.TERMINAL]

    def checkpoints(self) -> dict[str, Checkpoint]:
        """Return the checkpoints as the server holds them."""
        held = {
            name: body
            for (collection, name), body in self.server.kept.items()
            if collection == MAPS and CHECKPOINT in (body.get("data") or {})
        }
        return {
            name: checkpoint_in(body["data"][CHECKPOINT]) for name, body in sorted(held.items())
        }

    # -- the director -----------------------------------------------------------------------------

    def _direct(self) -> None:
        self.time.actor(Process("cluster"), "controllers", self.cluster.work).start()
        for command in self.story.commands:
            self.time.sleep(command.at - self.time.now)
            self.faults.active = self.time.now >= self.story.quiet_seconds
            self._obey(command)
        self.time.sleep(CHAOS_SECONDS - self.time.now)
        self.faults.active, self.server.full = False, frozenset()
        self.server.say("from now on nothing goes wrong")
        self._bring_to_an_end(self.unfinished())
        for actor in self._actors:
            actor.join(PATIENCE_SECONDS)
            if actor.alive and not actor.process.dead:
                self.outcome.stuck.append(f"{actor.name} has not ended")
        self.time.sleep(120.0)

    def _obey(self, command: Command) -> None:
        self.server.say(f"--- {command.kind} {command.run}")
        self.outcome.acted[command.kind] += 1
        match command.kind:
            case "push":
                self.branch.push()
            case "begin":
                self._command("begin", command.run, self._begin)
            case "resume":
                self._command("resume", command.run, self._resume)
            case "take-over":
                self._command("take-over", command.run, self._take_over)
            case "cancel":
                self._command("cancel", command.run, self._cancel)
            case "prune":
                self._command("prune", "", self._prune)
            case _:
                acts.perform(self, command)

    def _bring_to_an_end(self, runs: list[str]) -> None:
        """Resume or cancel the runs, all at once, as a user does who has nothing else."""
        chosen = {run: self.time.random.choice(["resume", "cancel"]) for run in runs}
        for _ in range(TRIES):
            tasks = {run: self._resume if chosen[run] == "resume" else self._cancel for run in runs}
            for actor in [self._command(chosen[run], run, task) for run, task in tasks.items()]:
                actor.join(PATIENCE_SECONDS)
            runs = [run for run in runs if run in self.unfinished()]
            if not runs:
                return
            self.time.sleep(BETWEEN_TRIES_SECONDS)  # one who was stopped for long may be at work
        self.outcome.stuck += [f"{run} does not end by {TRIES} × {chosen[run]}" for run in runs]

    # -- what controllers are told to do ----------------------------------------------------------

    def _command(self, what: str, run: str, task: Task) -> Actor:
        process = Process(f"{CONTROLLER}{len(self._processes) + 1}")
        self._processes[process.name] = process
        self.outcome.runs_of[process.name] = run

        def work() -> None:
            desk = open_desk(
                self.server,
                process,
                self.faults,
                self.branch,
                off=self.story.off if len(self._processes) % 2 else self.story.off * 0,
                is_gone=self._is_gone,
            )
            try:
                told = task(desk, run, process)
            except (BodyworkError, StateMachineError) as error:
                told = f"{type(error).__name__}: {error}"
                self.outcome.said += [told, getattr(error, "hint", "")]
            except Exception as error:
                told = f"{type(error).__name__}: {error}"
                self.outcome.said.append(told)
                self.outcome.faults_of_code.append("".join(traceback.format_exception(error)))
            self.server.say(f"{what} {run} ends: {told}")
            self.time.kill(process)

        actor = self.time.actor(process, "main", work)
        self._actors.append(actor)
        actor.start()
        return actor

    def _is_gone(self, holder: Holder) -> bool:
        return self.story.knows_dead and self._processes[holder.host].dead

    def _begin(self, desk: Desk, run: str, process: Process) -> str:
        commit = self.story.commits.get(run, "")
        request = Request(SHOP, ADDRESS, "main", commit)
        desk.controller.begin(request, run)
        return self._ended(desk.controller.execute(RunName(run)), process)

    def _resume(self, desk: Desk, run: str, process: Process) -> str:
        return self._ended(desk.controller.execute(RunName(run)), process)

    def _take_over(self, desk: Desk, run: str, process: Process) -> str:
        return self._ended(desk.controller.execute(RunName(run), take_over=True), process)

    def _cancel(self, desk: Desk, run: str, process: Process) -> str:
        return self._ended(desk.controller.cancel(RunName(run), "ada"), process)

    def _prune(self, desk: Desk, run: str, process: Process) -> str:
        return f"pruned {desk.controller.prune(1)}"

    def _ended(self, last: Checkpoint, process: Process) -> str:
        if last.state in lifecycle.TERMINAL:
            fence = Fence(last.id, process.name, len(self.server.audit))
            self.outcome.fences.append(fence)
        return last.state
