"""One pair: the story of a seed, carried out by real controllers over the real engine."""

import gc
import json
import os
import random
import shutil
import signal
import socket
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from bodywork.workflow import lifecycle
from statemachine.stores.file import FileStore
from tests.pairs import processes, rules
from tests.pairs.controllers import NAMESPACE, be_a_controller, prepare
from tests.pairs.director import Director
from tests.pairs.stories import BASE, Command, draw_story
from tests.pairs.watch import Watch

TRIES = 4
"""How many times a user resumes (or cancels) a run in the end, where nothing goes wrong."""


@dataclass(slots=True)
class Outcome:
    """What is left of a pair."""

    told: list[str]
    broken: list[str]
    acted: Counter[str] = field(default_factory=Counter)
    requests: int = 0


class Pair:
    """Everything of one pair."""

    def __init__(self, seed: int, *, keep: Path | None = None) -> None:
        self.story = draw_story(seed)
        self.root = keep or Path(tempfile.mkdtemp(prefix="pair-"))
        self._keeps = keep is not None
        self.namespace = self.root / "state" / "namespaces" / NAMESPACE
        self.watch = Watch(self.namespace)
        dice = random.Random(f"order {seed}")
        self.director = Director(dice, self._spawn, self.watch)
        self.random = dice
        self._acted: Counter[str] = Counter()

    def happen(self) -> Outcome:
        """Let it happen, and judge it."""
        prepare(self.root)
        try:
            self._direct()
            broken = [*self.watch.broken, *map("no_error: {}".format, self.director.faults)]
            broken += rules.violations(self)
        finally:
            self.director.kill_all()
            processes.end_all()
            if not self._keeps:
                shutil.rmtree(self.root)
        self._acted["kill"] = self.director.kills
        self._acted["step"] = self.director.steps
        return Outcome(self.director.told, broken, self._acted, self.watch.requests)

    def states(self) -> dict[str, str]:
        """Return run → state, as their records have it."""
        store = FileStore(self.namespace / "runs")
        return {run: store.load(run).checkpoint.state for run in store.list()}

    def unfinished(self) -> list[str]:
        """Return the runs on record that have not ended."""
        return [run for run, state in self.states().items() if state not in lifecycle.TERMINAL]

    def _direct(self) -> None:
        if self.story.with_base:
            self.director.carry_out((Command(0, "begin", BASE),))
        self.director.carry_out(self.story.commands)
        chosen = {run: self.random.choice(["resume", "cancel"]) for run in self.unfinished()}
        for _ in range(TRIES):
            left = [run for run in chosen if run in self.unfinished()]
            self.director.carry_out(tuple(Command(0, chosen[run], run) for run in left))
        self.director.kill_all()

    def _spawn(self, command: Command) -> tuple[int, socket.socket]:
        self._acted[command.kind] += 1
        ours, theirs = socket.socketpair()
        log = self.root / "log" if self._keeps else None
        pid = os.fork()
        if pid == 0:
            ours.close()
            be_a_controller(self.story, command, self.root, theirs, log=log)
        theirs.close()
        return pid, ours


def owned(namespace: Path) -> set[int]:
    """Return the processes that a live version owns: its keeper, its supervisor, and what that has
    started."""
    live = {json.loads(file.read_text())["id"] for file in namespace.glob("services/*/live.json")}
    pids = set()
    below = processes.descendants()
    for status in namespace.glob("services/*/versions/*/status.json"):
        if status.parent.name in live:
            pid = json.loads(status.read_text()).get("pid", 0)
            if pid in below:
                supervisor = below[pid]
                pids |= {pid, supervisor, below[supervisor]}
    return pids


def stop(number: int, frame: object) -> None:
    """End with all that was started."""
    processes.end_all()
    os._exit(128 + number)


def be_director() -> None:
    """Prepare this process for pairs: it must have one thread only."""
    processes.adopt_orphans()
    for late in ("statemachine.schema", "encodings.idna", "pwd"):
        import_module(late)  # once here, and not in each controller
    gc.freeze()  # forked processes share what is there by now
    signal.signal(signal.SIGTERM, stop)
