"""A disk that is full from a certain write on: `install` it in a process. Standard library only."""

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Replace = Callable[[str, Any], None]


@dataclass
class Disk:
    """Counts what needs room on a disk, and refuses it.

    Attributes:
        first: the number of the first refusal; 0 for none.
        lasts: whether all that comes later is refused as well.
        count: how many there were.
    """

    first: int
    lasts: bool
    count: int = 0

    def is_full(self) -> bool:
        """Count one more, and say whether it is refused."""
        self.count += 1
        return bool(self.first) and (
            self.count >= self.first if self.lasts else self.count == self.first
        )

    def install(self, replace: Replace) -> None:
        """Put it into the place of `os`: of what makes files, and what writes into them."""
        for name in ("mkdir", "mkfifo", "symlink"):
            replace(name, self._guarded(getattr(os, name)))
        replace("open", self._opening(os.open))
        replace("write", self._writing(os.write))
        if hasattr(os, "copy_file_range"):
            replace("copy_file_range", _cannot_share)

    def _guarded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            if self.is_full():
                raise OSError(errno.ENOSPC, "No space left on device")
            return call(*arguments, **named)

        return guarded

    def _opening(self, call: Callable[..., int]) -> Callable[..., int]:
        guarded = self._guarded(call)

        def opening(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
            makes = flags & os.O_CREAT and not os.path.lexists(path)
            return int((guarded if makes else call)(path, flags, *arguments, **named))

        return opening

    def _writing(self, call: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def writing(descriptor: int, data: Any) -> int:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode) or not self.is_full():
                return call(descriptor, data)
            half = bytes(data)[: len(data) // 2]
            if not half or self.count > self.first:
                raise OSError(errno.ENOSPC, "No space left on device")
            if not self.lasts:
                self.first += 1  # what does not fit is asked for once more
            return call(descriptor, half)

        return writing


def _cannot_share(*_: object) -> int:
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")


def install() -> None:
    """Install the disk that two environment variables describe, for good."""
    disk = Disk(int(os.environ["DISK_FIRST"]), bool(os.environ["DISK_LASTS"]))
    disk.install(lambda name, value: setattr(os, name, value))
