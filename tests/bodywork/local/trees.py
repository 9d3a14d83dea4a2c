"""Trees of processes that a seed describes, grown by a stage whose spawner is this module.

Standard library only: it runs in a small spawner, in place of `bodywork.local.supervisor.spawner`.
There, a stage's process does not execute Python: it goes on with `grow`.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

NORMAL, FAILURE, LIMIT, STOP, KILLED, KEEPER_KILLED = ENDS = (
    "normal",
    "failure",
    "limit",
    "stop",
    "supervisor killed",
    "keeper killed",
)
GRACE_SECONDS = 0.1
_MOST_DESCRIPTORS = 256
_execute = os.execve


def plan(seed: int) -> dict[str, Any]:
    """Return a stage's tree, how it ends, and whether it waits for its tree before."""
    drawn = random.Random(seed)
    shape = drawn.choice(["deep", "wide", "bushy", "comet"])
    return {
        "end": ENDS[seed % len(ENDS)],
        "patient": drawn.random() < 0.5,
        "ignores": drawn.random() < 0.3,
        "children": _draw_children(drawn, shape, 0, [drawn.randint(1, 16)]),
    }


def _draw_children(
    drawn: random.Random, shape: str, depth: int, left: list[int]
) -> list[dict[str, Any]]:
    most = {"deep": 1, "wide": 16 if depth == 0 else 0, "bushy": 3, "comet": 2}[shape]
    found: list[dict[str, Any]] = []
    while len(found) < most and left[0] > 0:
        left[0] -= 1
        found.append(
            {
                "does": [each for each in _DEEDS if drawn.random() < 0.3],
                "leaves": drawn.random() < 0.4,  # its own parent: a double fork
                "flies": 100 if shape == "comet" and drawn.random() < 0.5 else 0,
                "children": _draw_children(drawn, shape, depth + 1, left),
            }
        )
    return found


def count(children: list[dict[str, Any]]) -> int:
    """Return how many processes there are in the end."""
    return sum(1 + count(each["children"]) for each in children)


def grow(path: str, command: list[str], environment: dict[str, str]) -> NoReturn:
    """Be the stage, in place of `os.execve`."""
    os.closerange(3, _MOST_DESCRIPTORS)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told = json.loads(command[1])
    reading, writing = os.pipe()
    if told["ignores"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _fork_all(told["children"], writing)
    if told["patient"]:
        for _ in range(count(told["children"])):
            os.read(reading, 1)
    if told["end"] in (NORMAL, FAILURE):
        os._exit(0 if told["end"] == NORMAL else 3)
    os.write(1, b"grown\n")
    _stay()


def _fork_all(children: list[dict[str, Any]], grown: int) -> None:
    for child in children:
        if os.fork() == 0:
            try:
                if child["leaves"] and os.fork():
                    os._exit(0)
                _be(child, grown)
            finally:
                os._exit(1)


def _be(node: dict[str, Any], grown: int) -> NoReturn:
    for deed in node["does"]:
        _DEEDS[deed]()
    _fork_all(node["children"], grown)
    for _ in range(node["flies"]):
        _own_session()
        if os.fork():
            os._exit(0)
    os.write(grown, b"+")
    if "execute" in node["does"]:
        _execute("/bin/sleep", ["another name", "600"], {})
    _stay()


def _close() -> None:
    os.closerange(0, 3)
    os.open(os.devnull, os.O_RDWR)


def _clear() -> None:
    os.environ.clear()
    os.chdir("/")


def _stay() -> NoReturn:
    while True:
        signal.pause()


def _ignore() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _own_session() -> None:
    if os.getsid(0) != os.getpid() and os.getpgrp() != os.getpid():
        os.setsid()


_DEEDS: dict[str, Callable[[], None]] = {
    "session": _own_session,
    "group": lambda: os.setpgid(0, 0) if os.getsid(0) != os.getpid() else None,
    "ignore": _ignore,
    "close": _close,
    "clear": _clear,
    "execute": lambda: None,
}


def main(descriptor: int) -> None:
    """Be the spawner."""
    from bodywork.local.supervisor import spawner, supervise

    supervise.GRACE_SECONDS = GRACE_SECONDS
    supervise.Supervisor._hold_environment = lambda self: True  # type: ignore[method-assign]
    os.execve = grow  # type: ignore[assignment]
    spawner.main(descriptor)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    main(int(sys.argv[2]))
