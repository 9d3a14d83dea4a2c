"""Claims on services: one lock and one small file per service.

The lock is held for as long as one change takes; the file says which run alone may make changes,
until that run has ended on record.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bodywork.errors import NotClaimed
from bodywork.local.live import damaged, read_live
from bodywork.local.supervisor import files
from bodywork.model.names import RunName
from bodywork.model.repository import Deployer, check_owner
from bodywork.model.run import HeldBy, StageRun
from bodywork.ports import IsOver

CLAIM = "claim.json"


@dataclass(frozen=True, slots=True)
class WrittenClaim:
    """What a service's claim file says.

    Attributes:
        repository: that of the run, as `identify_repository` returns it; "" where an older release
            has taken the claim.
        previous: the version that a roll-back comes back to; "" for nothing.
        rolled_back: whether the run has begun to roll back, and so deploys nothing more.
    """

    run: str
    attempt: int
    previous: str = ""
    rolled_back: bool = False
    repository: str = ""


@contextmanager
def locked(service: Path) -> Iterator[None]:
    """Hold the service's lock, which outlives the service's folder."""
    locks = service.parent.parent / "locks"
    files.make_folder(str(locks))
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(locks / f"{service.name}.lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_claim(service: Path) -> WrittenClaim | None:
    """Return who has, or had, the claim; None where no run ever took it.

    Raises:
        EngineError: the file is not what was written.
    """
    found = files.read_json(str(service / CLAIM))
    if found is None:
        return None
    kinds = {"run": str, "attempt": int, "previous": str, "rolled_back": bool, "repository": str}
    written = {"repository": "", **found} if isinstance(found, dict) else {}
    if written.keys() != kinds.keys() or not all(
        isinstance(written[key], kind) for key, kind in kinds.items()
    ):
        raise damaged(service, CLAIM)
    return WrittenClaim(**written)


def is_granted(claim: WrittenClaim | None, attempt: StageRun) -> bool:
    """Say whether the attempt's run has the claim, and has not begun to roll back."""
    return claim is not None and claim.run == attempt.run and not claim.rolled_back


def find_holder(
    service: Path, attempt: StageRun, deployer: Deployer, is_over: IsOver
) -> HeldBy | None:
    """Return the other, unfinished run that has the claim. Raises `OtherRepository`."""
    claim = read_claim(service)
    if is_granted(claim, attempt):
        return None
    others = claim is not None and claim.run != attempt.run and not is_over(RunName(claim.run))
    held = claim if others else None
    check_owner(service.name, find_owner(service, held), deployer, held.run if held else "")
    return HeldBy(RunName(held.run)) if held else None


def find_owner(service: Path, held: WrittenClaim | None) -> str:
    """Return the repository of the unfinished run that has the claim, and has not begun to roll
    back, else of what is live."""
    live = read_live(service)
    deployed = str(live.get("repository", "")) if live else ""
    return (held.repository if held and not held.rolled_back else "") or deployed


def write_claim(service: Path, claim: WrittenClaim) -> None:
    """Write the claim; only under the lock."""
    files.make_folder(str(service))
    files.write_json(str(service / CLAIM), asdict(claim), durable=True)


def require_claim(service: Path, attempt: StageRun, *, begun: bool) -> None:
    """Refuse a change by a run that does not have the claim; only under the lock.

    Args:
        begun: whether the attempt's version is there: without any claim, an older release made it.

    Raises:
        NotClaimed: another run has it, or the run has begun to roll back.
    """
    claim = read_claim(service)
    if claim is None and begun:
        return
    if claim is None or claim.run != attempt.run:
        whose = f"run {claim.run} has" if claim else "no run has"
        raise NotClaimed(f"{whose} the claim on {service.name}, and not run {attempt.run}")
    if claim.rolled_back:
        raise NotClaimed(f"run {attempt.run} has begun to roll {service.name} back")


def begin_roll_back(service: Path, attempt: StageRun) -> str:
    """Note that the attempt's run deploys nothing more; only under the lock.

    Returns the other run that has claimed the service since, "" where there is none.
    """
    claim = read_claim(service)
    if claim is None:
        claim = WrittenClaim(attempt.run, attempt.attempt)
    if claim.run != attempt.run:
        return claim.run
    if not claim.rolled_back:
        write_claim(service, replace(claim, rolled_back=True))
    return ""
