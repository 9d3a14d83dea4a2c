"""The supervisor's parent: it stays until nothing of the attempt runs any more.

Of the two processes either may be killed, and the other ends what is left: descendants of a
supervisor that is gone become children of its keeper (on Linux, see `process_tree`). As long as one
of the two lives, the attempt counts as going on. So `lost` means that nothing of it runs.
"""

import contextlib
import os
import signal
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

from bodywork.execution import process_tree
from bodywork.local.supervisor import files
from bodywork.local.supervisor.copying import remove_tree
from bodywork.local.supervisor.log import Log
from bodywork.local.supervisor.supervise import Supervisor


@dataclass(frozen=True, slots=True)
class Claim:
    """What only the folder's one keeper and its supervisor have: open as long as one of them
    lives."""

    wake: int
    control: int

    def give_up(self) -> None:
        """Tell whoever waits that the attempt is over."""
        os.close(self.control)
        os.close(self.wake)


class _Forced(Exception):
    """The keeper is to end everything."""


def claim_folder(folder: str) -> Claim | None:
    """Become the folder's one keeper; None where the attempt was begun before, or is just now.

    The FIFOs are opened first: from the claim on, whoever looks finds a supervisor.
    """
    if os.path.exists(os.path.join(folder, files.CLAIM)):
        return None
    flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
    claim = Claim(
        os.open(os.path.join(folder, files.WAKE), flags),
        os.open(os.path.join(folder, files.CONTROL), flags),
    )
    if files.claim(folder, keeper=os.getpid()):
        return claim
    claim.give_up()
    return None


def keep(folder: str, spec: dict[str, Any], claim: Claim) -> None:
    """Have the attempt supervised, in a child; return when nothing of it is left."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    process_tree.adopt_orphans()
    try:
        signal.signal(files.FORCE, _force)
        supervisor = os.fork()
        if supervisor == 0:
            _supervise(folder, spec, claim)
        os.waitpid(supervisor, 0)
    except _Forced:
        pass
    signal.signal(files.FORCE, signal.SIG_IGN)
    process_tree.end_descendants()
    claim.give_up()
    if not spec.get("startup_seconds"):  # a version may be brought back from its files
        remove_tree(os.path.join(folder, files.WORK))


def log_fault(folder: str) -> None:
    """Append what is being raised to the attempt's log."""
    with contextlib.suppress(OSError):
        log = Log(os.path.join(folder, files.LOG))
        for line in traceback.format_exc().splitlines():
            log.say(line)


def _force(*_: object) -> NoReturn:
    raise _Forced


def _supervise(folder: str, spec: dict[str, Any], claim: Claim) -> NoReturn:
    try:
        signal.signal(files.FORCE, signal.SIG_DFL)
        Supervisor(folder, spec, claim.control).run()
    except BaseException:
        log_fault(folder)
    finally:
        os._exit(0)  # never back into the keeper's code
