"""A controller's process: the real one of the command line, over the real engine and store.

It is forked from the director, which has everything loaded; so are its spawner and the stages, in
which `scripts` runs. Times that only spare work are cut short.
"""

import logging
import os
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

from bodywork.cli import controllers, wiring
from bodywork.cli.place import LocalPlace
from bodywork.errors import BodyworkError
from bodywork.local import (
    LocalEngine,
    draining,
    engine,
    environments,
    processes,
    services,
    spawn,
)
from bodywork.local.network import addresses
from bodywork.local.network.addresses import Endpoint
from bodywork.local.supervisor import kept, spawner
from bodywork.model.names import Namespace, RunName
from bodywork.model.run import Checkout, Claim, HeldBy, StageRun
from bodywork.model.workflow import Workflow
from bodywork.workflow import claims, rollback
from bodywork.workflow.execute import Controller
from bodywork.workflow.progress import Request
from statemachine.errors import StateMachineError
from tests.bodywork.workflow.harness import Silence
from tests.pairs import scripts
from tests.pairs.scripts import ask
from tests.pairs.stories import Command, Story
from tests.pairs.turnstile import Turnstile

NAMESPACE = Namespace("pairs")
HELD, ENDED, FAULT = "held", "ended", "fault"
LEASE_SECONDS = (5.0, 0.02, 0.01)
LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 300.0
"""How long what a controller waits for may take on a busy machine."""


class Files:
    """A source whose commits are folders of scripts."""

    def __init__(self, story: Story, root: Path) -> None:
        self._story = story
        self._root = root

    @contextmanager
    def checkout(
        self,
        repository: str,
        reference: str,
        commit: str = "",
        *,
        path: str = "",
        say: Callable[[str], None],
    ) -> Iterator[Checkout]:
        """Write the files of a commit."""
        folder = self._root / f"checkout-{os.getpid()}"
        for name in self._story.project.stages:
            (folder / name).mkdir(parents=True)
            text = scripts.script(
                self._story.fates[commit, name],
                commit,
                self._root / "effects",
                self._story.codes[reference] if name == "later" else (0,),
            )
            (folder / name / "main.py").write_text(text)
        yield Checkout(repository, reference, commit, folder, {})

    def load(self, checkout: Checkout) -> Workflow:
        """Return the project."""
        return self._story.project


def prepare(root: Path) -> None:
    """Make the state folder, with an environment that needs not be built."""
    cache = root / "state" / "cache"
    wish = environments.Wish.read(root / "nowhere", "stage", {}, "run")
    environment = str(environments.EnvironmentCache(cache).choose(wish).folder)
    tree = kept.new_tree(environment, "made")
    Path(tree).mkdir()
    kept.record(tree, {"made_at": 0.0, "only_for": ""})
    kept.lead_to(environment, tree)
    os.environ["BODYWORK_HOME"] = str(root / "state")
    LocalPlace(NAMESPACE).administration.setup_namespace(NAMESPACE)


def be_a_controller(
    story: Story, command: Command, root: Path, channel: socket.socket, *, log: Path | None
) -> NoReturn:
    """Do what the command says, held at each effect, and end the process."""
    turnstile = Turnstile(channel, str(root / "state" / "namespaces" / NAMESPACE))
    try:
        _set_up(story, root, turnstile, log)
        turnstile.step("begins")
        with LocalPlace(NAMESPACE).controller(Silence()) as controller:
            told = f"{ENDED} {_obey(controller, story, command)}"
    except (BodyworkError, StateMachineError) as error:
        told = f"{ENDED} {type(error).__name__}: {error}"
    except BaseException:
        told = f"{FAULT} {traceback.format_exc()!r}"
    channel.sendall(told.encode() + b"\n")
    os._exit(0)


def _obey(controller: Controller, story: Story, command: Command) -> str:
    run = RunName(command.run)
    match command.kind:
        case "begin":
            request = Request(NAMESPACE, "https://git.example/repo", run, story.commits[run])
            controller.begin(request, run)
            return controller.execute(run).state
        case "cancel":
            return controller.cancel(run, "ada").state
        case "prune":
            return f"pruned {controller.prune(1)}"
        case _:
            return controller.execute(run, take_over=command.kind == "take-over").state


def _set_up(story: Story, root: Path, turnstile: Turnstile, log: Path | None) -> None:
    """Put the seams in: this process is forked for one command, so nothing is put back."""
    source = Files(story, root)
    wiring.open_source = lambda credentials="": source
    wiring.retry_pause = lambda number: 0.0
    controllers.build_controller = partial(
        controllers.build_controller, load_project=source.load, lease_seconds=LEASE_SECONDS
    )
    claims.CLAIM_LOOK_SECONDS = 0.0
    rollback.LOOK_SECONDS = LOOK_SECONDS
    rollback.MINIMUM_BUDGET_SECONDS = processes.STOP_SECONDS = PATIENCE_SECONDS
    spawn.ANSWER_SECONDS = PATIENCE_SECONDS
    engine.PROBE_SECONDS = engine.BUILD_LOOK_SECONDS = LOOK_SECONDS
    draining.LEAST_SECONDS = 0.0
    LocalEngine.cores = lambda self: None  # type: ignore[method-assign]
    clock = ProbeClock()
    services.clock = clock  # type: ignore[attr-defined, assignment]
    addresses.answers = _asked(addresses.answers, clock)  # type: ignore[assignment]
    os.fsync = _forgo  # a loss of power is not among what happens
    spawn.Spawner.warm_up = _fork_spawner  # type: ignore[method-assign]
    spawn.Spawner.supervise = _held_before(turnstile, spawn.Spawner.supervise)  # type: ignore
    LocalEngine.claim_service = _telling(turnstile, LocalEngine.claim_service)  # type: ignore
    logging.disable(logging.CRITICAL)
    if log is not None:
        logging.disable(logging.NOTSET)
        logging.basicConfig(filename=log, level=logging.DEBUG)
    turnstile.install()


def _forgo(fd: object) -> None:
    """Do nothing."""


class ProbeClock:
    """The time for whoever proves a service: a second a probe, however busy the machine is."""

    def __init__(self) -> None:
        self.probes = 0

    def now(self) -> float:
        """Return how many probes there were."""
        return float(self.probes)


def _asked(answers: Callable[[Endpoint], bool], clock: ProbeClock) -> Callable[[Endpoint], bool]:
    """Let the service have done with each connection of a probe before the probe returns: one that
    dies of the first is gone before the second."""

    def asked(endpoint: Endpoint) -> bool:
        clock.probes += 1
        return answers(endpoint) and bool(ask(endpoint.address, endpoint.real_port))

    return asked


def _held_before(
    turnstile: Turnstile, supervise: Callable[[spawn.Spawner, Path], None]
) -> Callable[[spawn.Spawner, Path], None]:
    def held(self: spawn.Spawner, folder: Path) -> None:
        turnstile.step(f"supervise {folder.parent.name}/{folder.name}")
        supervise(self, folder)

    return held


def _telling(
    turnstile: Turnstile, claim: Callable[..., Claim | HeldBy]
) -> Callable[..., Claim | HeldBy]:
    def told(self: LocalEngine, attempt: StageRun, *arguments: object) -> Claim | HeldBy:
        answer = claim(self, attempt, *arguments)
        if isinstance(answer, HeldBy):
            turnstile.step(f"{HELD} {attempt.stage} by {answer.run}")
        return answer

    return told


class _Forked:
    """As much of `subprocess.Popen` as is asked of a spawner's."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def wait(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        os.waitpid(self._pid, 0)


def _fork_spawner(self: spawn.Spawner) -> None:
    """Start the spawner, in the place of `Spawner.warm_up`: forked, where that one executes."""
    if self._channel is not None:
        return
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        descriptor = os.dup2(theirs.fileno(), 3)
        os.closerange(4, 256)
        os.execve = scripts.execute  # type: ignore[assignment]
        try:
            spawner.main(descriptor)
        finally:
            os._exit(1)  # never back into the controller's code
    theirs.close()
    self._channel, self._process = ours, _Forked(pid)  # type: ignore[assignment]
