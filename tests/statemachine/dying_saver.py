"""A program that saves one checkpoint and is killed by SIGKILL at a given system call of the save.

Run as: dying_saver.py ROOT POINT. The calls of the save are numbered from 1; a write is also cut in
the middle (the kill happens after half of the bytes). With POINT 0 nothing is killed, and the calls
are printed.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from statemachine.stores.file import FileStore


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Calls:
    """Numbers the calls and kills at one of them."""

    def __init__(self, point: int) -> None:
        self.names: list[str] = []
        self._point = point

    def watch(self, name: str) -> None:
        real = getattr(os, name)

        def watched(*args: Any, **options: Any) -> Any:
            self._reach(name)
            if name == "write":
                half = (len(args[1]) + 1) // 2
                written = real(args[0], args[1][:half])
                self._reach("half a write")
                return written
            return real(*args, **options)

        setattr(os, name, watched)

    def _reach(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._point:
            die()


def main() -> None:
    store = FileStore(Path(sys.argv[1]))
    stored = store.load("m-1")
    following = replace(stored.checkpoint, sequence=stored.checkpoint.sequence + 1, data={"x": "y"})
    calls = Calls(int(sys.argv[2]))
    for name in ("open", "pwrite", "write", "fsync", "close", "replace"):
        calls.watch(name)
    store.save(following, stored.version)
    names, calls.names = calls.names, []
    print(",".join(names))


if __name__ == "__main__":
    main()
