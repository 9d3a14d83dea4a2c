"""The files of an attempt's folder, as both sides read and write them."""

import contextlib
import json
import os
import signal
from typing import Any

from statemachine.processes import identify

SPEC, STATUS, CLAIM = "spec.json", "status.json", "claim"
WAKE, CONTROL, LOG, WORK = "wake", "control", "log", "work"
MARK = "BODYWORK_ATTEMPT_UID"
"""The variable by which an attempt's processes are found when all that watched them were killed."""
FORCE = signal.SIGUSR1
"""Has a keeper end its supervisor, and all that this has started."""
STOP, KEEP = b"s", b"k"
"""Commands: end the script; from now on, start it again when it ends."""


def make_folder(path: str) -> None:
    """Make a folder, and those above it that are not there, for its owner only.

    Raises:
        OSError: it cannot be made, or something else has its name.
    """
    if not path or os.path.isdir(path):
        return
    make_folder(os.path.dirname(path))
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def write_json(path: str, value: Any, *, durable: bool = False) -> None:
    """Replace a file by this value, atomically, readable by its owner only.

    Args:
        durable: whether a loss of power must not undo it when this has returned.

    Raises:
        OSError: it cannot be written as a whole (a full disk): the file is what it was.
    """
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        try:
            write_all(descriptor, json.dumps(value, ensure_ascii=False).encode())
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if durable:
        sync(os.path.dirname(path))


def sync(path: str) -> None:
    """Have a file's content, or the names in a folder, outlast a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it: one call may write a part, where the disk is nearly full.

    Raises:
        OSError: the rest cannot be written.
    """
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def read_json(path: str) -> Any:
    """Return a file's value; None where there is no such file."""
    try:
        with open(path, "rb") as file:
            return json.loads(file.read())
    except FileNotFoundError:
        return None


def is_held(folder: str) -> bool:
    """Say whether the folder's supervisor or its keeper lives: each holds the FIFO `wake` open for
    writing. Looking takes nothing, so it can keep nobody from beginning.
    """
    try:
        wake = os.open(os.path.join(folder, WAKE), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        os.read(wake, 1)
    except BlockingIOError:
        return True  # nothing to read, and there is a writer
    else:
        return False
    finally:
        os.close(wake)


def claim(folder: str, keeper: int | None = None) -> bool:
    """Become the only one that may ever begin with the folder's attempt; False for too late.

    The claim says which process will keep it; None where it is never to begin.
    """
    once = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(os.path.join(folder, CLAIM), once, 0o600)
    except FileExistsError:
        return False
    try:
        if keeper is not None:
            with contextlib.suppress(OSError):  # a full disk: it is the file that counts
                write_all(descriptor, json.dumps([keeper, started_at(keeper)]).encode())
    finally:
        os.close(descriptor)
    return True


def find_keeper(folder: str) -> int | None:
    """Return the process that keeps the folder's attempt; None where it is gone, or unknown."""
    try:
        keeper, identity = read_json(os.path.join(folder, CLAIM)) or (0, "")
    except ValueError:
        return None
    return keeper if identity and started_at(keeper) == identity else None


def sync_claim(folder: str) -> None:
    """Have a claim outlast a loss of power: what was started once is never taken for new.

    File systems keep the order of changes of names in their journals: with it, the folders above,
    which may be new, are there as well.
    """
    sync(folder)


def send_command(folder: str, command: bytes) -> bool:
    """Give a command to the folder's supervisor; return whether there is one to hear it."""
    try:
        descriptor = os.open(os.path.join(folder, CONTROL), os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.write(descriptor, command)
    finally:
        os.close(descriptor)
    return True


def started_at(pid: int) -> str:
    """Return when a process began, in words that no other one of its id shares, also after the
    next boot or in another container; "" if it is gone."""
    if os.path.isdir("/proc/self"):
        return identify(pid)
    import subprocess  # macOS has no /proc

    done = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
