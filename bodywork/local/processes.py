"""An attempt's folder, seen from the controller: laid out, started, looked at, ended.

Jobs and versions of services are the same to it; what their ends mean is for the callers. Whether a
supervisor lives is told by the FIFO that it holds open; a process id alone is never believed.
"""

import contextlib
import os
import select
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bodywork.execution import clock, process_tree
from bodywork.local.folders import Folders
from bodywork.local.supervisor import files
from bodywork.local.supervisor.child import kill_group
from bodywork.local.supervisor.copying import remove_tree
from bodywork.local.supervisor.last_status import keep_room
from bodywork.local.trash import discard

STOP_SECONDS = 15.0
FORCE_SECONDS = 15.0
LONGEST_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen of an attempt's folder.

    Attributes:
        known: whether it was ever laid out.
        alive: whether its supervisor lives.
        spec, status: what its files say; empty where there are none.
    """

    known: bool
    alive: bool
    spec: dict[str, Any]
    status: dict[str, Any]

    @property
    def uid(self) -> str:
        """The identity that the folder was given when it was laid out."""
        return str(self.spec.get("uid", ""))

    @property
    def started_at(self) -> datetime | None:
        """When the script started."""
        return _moment(self.status.get("started_at"))

    @property
    def ended_at(self) -> datetime | None:
        """When it ended for good."""
        return _moment(self.status.get("ended_at"))

    @property
    def ended(self) -> bool:
        """Whether the supervisor recorded the end."""
        return self.status.get("phase") == "ended"


def lay_out(folder: Path, spec: dict[str, Any]) -> bool:
    """Make an attempt's folder with all its files, or nothing; return False if it is there."""
    if folder.exists():
        return False
    files.make_folder(str(folder.parent))
    making = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}")
    try:
        making.mkdir(mode=0o700)
        os.mkfifo(making / files.WAKE, 0o600)
        os.mkfifo(making / files.CONTROL, 0o600)
        files.write_json(str(making / files.SPEC), spec)
        files.sync(str(making / files.SPEC))
        (making / files.LOG).touch(0o600)
        keep_room(str(making))
    except OSError:
        remove_tree(str(making))
        raise
    try:
        making.rename(folder)
    except OSError:
        remove_tree(str(making))
        return False
    return True


def look(folder: Path) -> Sight:
    """Look at an attempt; a stage whose supervisor was killed is ended on the way."""
    spec = files.read_json(str(folder / files.SPEC))
    if spec is None:
        return Sight(known=False, alive=False, spec={}, status={})
    alive = files.is_held(str(folder))
    status = _read_status(folder)
    if not alive and status.get("phase") != "ended":
        _end_orphans(spec, status)
    return Sight(known=True, alive=alive, spec=spec, status=status)


def _read_status(folder: Path) -> dict[str, Any]:
    """Return what a supervisor has recorded; of one that a loss of power has cut short, nothing."""
    try:
        status = files.read_json(str(folder / files.STATUS))
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}


def was_claimed(folder: Path) -> bool:
    """Say whether a supervisor has ever begun with the attempt."""
    return (folder / files.CLAIM).exists()


def stop(folder: Path) -> bool:
    """End the attempt, and return when nothing of it runs, or ever can: True.

    One that no supervisor has begun with is claimed here, once and for all: the spawner of a
    controller that was killed may still have the request to start it. A supervisor that does not
    obey, because it was paused or hangs, is ended by its keeper. False where that hangs, too.
    """
    if folder.exists() and not was_claimed(folder):
        files.claim(str(folder))
    if not _ended_within(folder, STOP_SECONDS, files.STOP):
        keeper = files.find_keeper(str(folder))
        if keeper is None:
            return True  # one that came too late, and will see that
        for number in (signal.SIGCONT, files.FORCE):
            with contextlib.suppress(ProcessLookupError):
                os.kill(keeper, number)
        if not _ended_within(folder, FORCE_SECONDS):
            return False
    look(folder)
    return True


def _ended_within(folder: Path, seconds: float, command: bytes = b"") -> bool:
    """Wait for the supervisor's end, giving it a command now and then."""
    deadline = clock.now() + seconds
    while files.is_held(str(folder)):
        if clock.now() >= deadline:
            return False
        if command:
            files.send_command(str(folder), command)
        await_end([folder], min(1.0, seconds))
    return True


def await_end(folders: Sequence[Path], timeout: float | None) -> None:
    """Block until the supervisor of one of the attempts has gone, or for that many seconds.

    An attempt whose supervisor is not there returns at once.
    """
    poll = select.poll()
    opened = []
    try:
        for folder in folders:
            try:
                wake = os.open(folder / files.WAKE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                return
            opened.append(wake)
            poll.register(wake, 0)
        _poll(poll, folders, timeout)
    finally:
        for wake in opened:
            os.close(wake)


def _poll(poll: select.poll, folders: Sequence[Path], timeout: float | None) -> None:
    """Block until a hang-up. One that came just before we listened is never seen, so it is looked
    for as well: at once, soon after, and then now and then."""
    deadline = None if timeout is None else clock.now() + timeout
    pause = 0.01
    while all(files.is_held(str(folder)) for folder in folders):
        left = None if deadline is None else deadline - clock.now()
        if left is not None and left <= 0:
            return
        if poll.poll(1000 * (pause if left is None else min(left, pause))):
            return
        pause = min(2 * pause, LONGEST_LOOK_SECONDS)


def remove(folders: Folders, folder: Path) -> None:
    """End the attempt and remove its folder."""
    if folder.exists():
        stop(folder)
        discard(folders, folder)


def _end_orphans(spec: dict[str, Any], status: dict[str, Any]) -> None:
    """Kill what an attempt has left whose supervisor and keeper were both killed: the process group
    of its script, if that is still the one we started, and what has kept its environment."""
    pid = status.get("pid")
    if not pid:
        return
    if files.started_at(pid) and files.started_at(pid) == status.get("pid_started_at"):
        kill_group(pid, signal.SIGKILL)
    process_tree.end_marked(files.MARK, str(spec["uid"]))


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
