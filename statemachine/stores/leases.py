"""Leases in the folders of a `FileStore`: `<root>/<id>/lease.json`.

A lease need not survive a loss of power, so nothing is synced. Beside it, its holder keeps
`owner-<epoch>.lock` locked for as long as it lives: the operating system frees it when the process
ends, in whatever way, so a newcomer on the same host knows at once. The lock of a process that is
only stopped stays held; its lease then expires like any other.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from statemachine.ownership import Holder
from statemachine.processes import has_ended
from statemachine.stores.disk import translated
from statemachine.stores.locks import try_lock

LEASE = "lease.json"


class FileLeaseStore:
    """A `LeaseStore` beside a `FileStore` of the same root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._alive: dict[str, tuple[int, int]] = {}

    def read(self, machine_id: str) -> Holder | None:
        """Return who signed the lease, or None."""
        try:
            told = json.loads((self.root / machine_id / LEASE).read_bytes())
            return Holder(
                name=str(told["name"]),
                host=str(told["host"]),
                pid=int(told["pid"]),
                epoch=int(told["epoch"]),
                renewals=int(told["renewals"]),
                software=str(told["software"]),
                process=str(told.get("process", "")),
            )
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None  # a lease that cannot be read protects nobody

    def write(self, machine_id: str, holder: Holder) -> None:
        """Sign the lease."""
        folder = self.root / machine_id
        with translated(folder), suppress(FileNotFoundError):
            self._show_alive(folder, holder.epoch)
            temporary = folder / f".{LEASE}.{holder.epoch}.tmp"
            temporary.write_text(json.dumps(asdict(holder)) + "\n", encoding="ascii")
            temporary.replace(folder / LEASE)

    def clear(self, machine_id: str, holder: Holder) -> None:
        """Remove our lease and let go of the lock."""
        folder = self.root / machine_id
        found = self.read(machine_id)
        with translated(folder):
            if found is not None and found.epoch == holder.epoch:
                (folder / LEASE).unlink(missing_ok=True)
            _owner_lock(folder, holder.epoch).unlink(missing_ok=True)
        self._let_go(machine_id)

    def is_dead(self, machine_id: str, holder: Holder) -> bool:
        """Say whether the holder's process is seen to have ended, or was of this host and has let
        go of its lock."""
        if has_ended(holder.pid, holder.process):
            return True
        if holder.host != os.uname().nodename:
            return False
        try:
            descriptor = os.open(_owner_lock(self.root / machine_id, holder.epoch), os.O_RDWR)
        except OSError:
            return False
        try:
            return try_lock(descriptor)
        finally:
            os.close(descriptor)

    def _show_alive(self, folder: Path, epoch: int) -> None:
        """Lock our own file before the lease names us, so that it is never taken for free."""
        if self._alive.get(folder.name, (0, -1))[0] == epoch:
            return
        self._let_go(folder.name)
        for old in folder.glob("owner-*.lock"):
            if old != _owner_lock(folder, epoch):
                old.unlink(missing_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(_owner_lock(folder, epoch), flags, 0o600)
        if try_lock(descriptor):
            self._alive[folder.name] = (epoch, descriptor)
        else:  # somebody looks at it right now; the next renewal tries again
            os.close(descriptor)

    def _let_go(self, machine_id: str) -> None:
        _, descriptor = self._alive.pop(machine_id, (0, -1))
        if descriptor >= 0:
            os.close(descriptor)


def _owner_lock(folder: Path, epoch: int) -> Path:
    return folder / f"owner-{epoch}.lock"
