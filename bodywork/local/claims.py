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

from bodywork.errors import EngineError, NotClaimed
from bodywork.local.supervisor import files
from bodywork.model.run import StageRun

CLAIM = "claim.json"


@dataclass(frozen=True, slots=True)
class WrittenClaim:
    """What a service's claim file says.

    Attributes:
        previous: the version that a roll-back comes back to; "" for nothing.
        rolled_back: whether the run has begun to roll back, and so deploys nothing more.
    """

    run: str
    attempt: int
    previous: str = ""
    rolled_back: bool = False


@contextmanager
def locked(service: Path) -> Iterator[None]:
    """Hold the service's lock, which outlives the service's folder."""
    locks = service.parent.parent / "locks"
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
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
    kinds = {"run": str, "attempt": int, "previous": str, "rolled_back": bool}
    if (
        not isinstance(found, dict)
        or found.keys() != kinds.keys()
        or not all(isinstance(found[key], kind) for key, kind in kinds.items())
    ):
        raise damaged(service, CLAIM)
    return WrittenClaim(**found)


def damaged(service: Path, name: str) -> EngineError:
    """Return the error for a file of a service that is not what was written."""
    return EngineError(
        f"{service / name} is damaged",
        hint=f"bodywork service delete --name={service.name}, then run again",
    )


def write_claim(service: Path, claim: WrittenClaim) -> None:
    """Write the claim; only under the lock."""
    service.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write_json(str(service / CLAIM), asdict(claim))


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
