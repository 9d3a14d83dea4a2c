"""The end of an attempt, recorded also where the disk is full by then.

Room for it is kept in the attempt's folder from the beginning: a file of blanks, which is written
over (that takes no new room) and put into the place of `status.json`.
"""

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from bodywork.local.supervisor import files
from statemachine.os_errors import NO_ROOM

ROOM = "room"
ROOM_BYTES = 4096
LOW_BYTES = 16 << 20
"""A disk with less room counts as full: what can be removed goes before the end is told."""


def keep_room(folder: str) -> None:
    """Keep room for the last status.

    Raises:
        OSError: there is none.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(os.path.join(folder, ROOM), flags, 0o600)
    try:
        files.write_all(descriptor, b" " * ROOM_BYTES)
    finally:
        os.close(descriptor)


def write_last(folder: str, status: dict[str, Any], make_room: Callable[[], None]) -> None:
    """Replace the status by the last one.

    Args:
        make_room: removes what is not needed any more, called where the disk is full.

    Raises:
        OSError: it cannot be written, for another reason than that the disk is full.
    """
    path = os.path.join(folder, files.STATUS)
    if is_low(folder):
        make_room()
    try:
        files.write_json(path, status)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        make_room()
        _write_over(os.path.join(folder, ROOM), status)
        os.replace(os.path.join(folder, ROOM), path)
    else:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, ROOM))


def is_low(folder: str) -> bool:
    """Say whether the disk of a folder has hardly any room left."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize < LOW_BYTES


def _write_over(path: str, status: dict[str, Any]) -> None:
    data = json.dumps(status, ensure_ascii=False).encode()
    if len(data) > ROOM_BYTES:
        shorter = {**status, "hint": "", "reason": status["reason"][: ROOM_BYTES // 16]}
        data = json.dumps(shorter, ensure_ascii=False).encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)
