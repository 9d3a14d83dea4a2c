"""The real command line, with a fuse: it kills its own process at one touch of the outside.

    python controller.py FUSE_FILE NUMBER before|after -- workflow --engine local …

Every call by which a controller changes anything that outlives it is counted into FUSE_FILE; at
call NUMBER the process dies by SIGKILL, before or after the call took effect. NUMBER 0 only counts.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bodywork.cli import main
from bodywork.local import LocalEngine
from statemachine.stores.file import FileStore

TOUCHES = {
    FileStore: ("create", "save"),
    LocalEngine: (
        "publish_source",
        "ensure_job",
        "claim_service",
        "abandon_claim",
        "ensure_version",
        "accept_version",
        "restore_version",
        "stop_job",
        "settle",
        "release",
    ),
}


class Fuse:
    """Counts, and kills."""

    def __init__(self, file: Path, number: int, when: str) -> None:
        self.file = file
        self.number = number
        self.when = when
        self.count = 0

    def wrap(self, owner: type, name: str) -> None:
        """Put the fuse into a method of a class of this process."""
        method: Callable[..., Any] = getattr(owner, name)

        def fused(*arguments: Any, **more: Any) -> Any:
            self.count += 1
            number = self.count
            with self.file.open("a") as file:
                file.write(f"{number} {owner.__name__}.{name}\n")
            if number == self.number and self.when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = method(*arguments, **more)
            if number == self.number and self.when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, fused)


if __name__ == "__main__":
    split = sys.argv.index("--")
    path, number, when = sys.argv[1:split]
    fuse = Fuse(Path(path), int(number), when)
    for owner, names in TOUCHES.items():
        for name in names:
            fuse.wrap(owner, name)
    sys.argv = ["bodywork", *sys.argv[split + 1 :]]
    main()
