"""Whether a process that signed something still lives, as far as this process can know.

A process id alone says little: ids are used again, hosts share names, containers count from 1. So a
process signs with three things beside its id: the boot of the kernel, its process namespace (a
container has its own), and its start time. Only where boot and namespace are ours do we judge: ids
then mean the same to both of us. A namespace's number may be used again once all its processes have
ended, so a match means the same namespace, or one whose signer is gone.

Where that cannot be read (no Linux, another host, another container) the answer is None. It is
advice in any case: fencing by epoch decides, so a wrong answer costs a controller its machine, and
never lets two act.
"""

import os
from pathlib import Path

PROC = Path("/proc")
_BOOT_ID = "sys/kernel/random/boot_id"
_ENDED = ("Z", "X")
_STATE, _START = 0, 19
"""Fields of /proc/PID/stat after the program's name: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""


def identify(pid: int, proc: Path = PROC) -> str:
    """Return `boot/namespace/start` of a process that runs; "" where that cannot be known."""
    here, seen = _place(proc), _look(pid, proc)
    return f"{here}/{seen[1]}" if here and seen else ""


def has_ended(pid: int, identity: str, proc: Path = PROC) -> bool | None:
    """Say whether the process with this id and identity has ended; None where in doubt."""
    place, _, start = identity.rpartition("/")
    if not place or not start or place != _place(proc):
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass  # it is there, and somebody else's
    seen = _look(pid, proc)
    if seen is None:
        return None  # hidden from us, or it ended just now
    return seen[0] in _ENDED or seen[1] != start


def boot_id(proc: Path = PROC) -> str:
    """Return a word that is another one after each start of the machine; "" where that cannot be
    known."""
    try:
        return (proc / _BOOT_ID).read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _place(proc: Path) -> str:
    """Return the boot and the process namespace of this process."""
    try:
        boot = boot_id(proc)
        return f"{boot}/{os.readlink(proc / 'self' / 'ns' / 'pid')}" if boot else ""
    except (OSError, ValueError):
        return ""


def _look(pid: int, proc: Path) -> tuple[str, str] | None:
    """Return a process's state, and when it started, in ticks since the boot."""
    try:
        stat = (proc / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = stat.rpartition(b")")[2].decode("ascii", "replace").split()
    return (fields[_STATE], fields[_START]) if len(fields) > _START else None
