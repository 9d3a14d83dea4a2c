"""What is looked at after each step of a controller, while all are held."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bodywork.workflow import lifecycle
from statemachine.checkpoint import Checkpoint
from statemachine.errors import CheckpointNotFound
from statemachine.stores.file import FileStore
from tests.pairs.director import Actor
from tests.pairs.scripts import ask
from tests.support.versions import withdrawn_by

OWN_FILES = ("lease.json", ".lease.json")


@dataclass(slots=True)
class Service:
    """What is known of one service.

    Attributes:
        holder: the run that has the claim, "" before there is one.
        previous: the version that its roll-back comes back to.
        live: the version that is live, "" for none.
        accepted: every version that was ever live, in the order of their acceptance.
    """

    name: str
    holder: str = ""
    previous: str = ""
    live: str = ""
    accepted: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Watch:
    """What happened in one pair, and what of it must not have.

    Attributes:
        ended: run → who ended it; from then on nobody else may act on it.
    """

    namespace: Path
    broken: list[str] = field(default_factory=list)
    services: dict[str, Service] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    _records: dict[str, tuple[int, Checkpoint, frozenset[str]]] = field(default_factory=dict)

    def after(self, actor: Actor, what: str) -> None:
        """Judge the step that `actor` has just made."""
        if what.partition(" ")[2].startswith("runs/"):
            return  # services are not changed by it
        when = f"after {actor.name} {actor.command.kind} {actor.command.run}: {what}"
        for folder in sorted(self.namespace.glob("services/*")):
            service = self.services.setdefault(folder.name, Service(folder.name))
            self._look_at_claim(service, folder, when)
            self._look_at_live(service, folder, when)
            self._ask(service, folder, when)

    def before(self, actor: Actor, what: str) -> None:
        """Judge whether the actor may make the step: a command that ended its run has returned."""
        by = self.ended.get(actor.command.run)  # the end of one that only looked counts as well
        target = what.split()[-1]
        changes = what.split()[0] in ("write", "rename", "remove", "mkdir", "rmdir", "supervise")
        if by not in (None, actor.name) and changes and not _is_own(target):
            self.broken.append(f"nothing_after_the_end: {actor.name} {what}, after {by} had ended")

    def end(self, actor: Actor, how: str) -> None:
        """Note who has ended a run."""
        if how in lifecycle.TERMINAL:
            self.ended.setdefault(actor.command.run, actor.name)

    def checkpoint(self, run: str) -> Checkpoint | None:
        """Return a run's record; None where there is none."""
        path = self.namespace / "runs" / run / "checkpoint.json"
        try:
            changed = path.stat().st_mtime_ns
            if self._records.get(run, (0,))[0] != changed:
                store = FileStore(self.namespace / "runs")
                found = store.load(run).checkpoint
                self._records[run] = (changed, found, withdrawn_by(found))
        except (FileNotFoundError, CheckpointNotFound):
            return self._records[run][1] if run in self._records else None
        return self._records[run][1]

    def is_over(self, run: str) -> bool:
        """Say whether a run has ended, or is on record no more."""
        found = self.checkpoint(run)
        gone = not (self.namespace / "runs" / run / "checkpoint.json").exists()
        return gone or (found is not None and found.state in lifecycle.TERMINAL)

    def stands(self, service: str, version: str) -> bool:
        """Say whether the run that made a version has not begun to take it back."""
        run, stage = version.rpartition("-")[0], service.partition("--")[2]
        return self.checkpoint(run) is None or stage not in self._records[run][2]

    def standing(self, service: Service) -> list[str]:
        """Return the accepted versions whose runs keep them, the newest last."""
        return [each for each in service.accepted if self.stands(service.name, each)]

    def _look_at_claim(self, service: Service, folder: Path, when: str) -> None:
        found = _read(folder / "claim.json")
        holder = str(found["run"]) if found else service.holder
        service.previous = str(found["previous"]) if found else ""
        if holder != service.holder:
            if service.holder and not self.is_over(service.holder):
                self.broken.append(
                    f"one_claim_holder: {holder} takes {service.name} from {service.holder}, {when}"
                )
            service.holder = holder

    def _look_at_live(self, service: Service, folder: Path, when: str) -> None:
        found = _read(folder / "live.json")
        live = str(found["id"]) if found else ""
        if live == service.live:
            return
        claim = _read(folder / "claim.json") or {}
        for version in reversed(self.standing(service)):
            older = live in service.accepted
            if version == service.live and (older or not live):
                self.broken.append(f"rolled_past: {service.name} from {version} to {live}, {when}")
        if live and live not in service.accepted:
            service.accepted.append(live)
            if live.rpartition("-")[0] != claim.get("run"):
                self.broken.append(f"change_under_claim: {service.name} to {live}, {when}")
        service.live = live

    def _ask(self, service: Service, folder: Path, when: str) -> None:
        """Ask the service, as a client that looks its name up now does."""
        standing = self.standing(service)
        if not standing:
            return
        live = _read(folder / "live.json")
        self.requests += 1
        answer = ask(live["address"], live["real_port"]) if live else "no live version"
        version = answer.partition(" ")[0]
        if version not in service.accepted:
            self.broken.append(
                f"service_answers: {service.name}, {standing[-1]} accepted: {answer!r}, {when}"
            )


def _is_own(path: str) -> bool:
    return Path(path).name.startswith(OWN_FILES)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
