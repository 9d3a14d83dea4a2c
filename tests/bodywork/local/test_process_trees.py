"""Nothing that a stage has started outlives it, whatever it did to escape, and however it ended."""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.execution import process_tree
from bodywork.local import processes, spawn
from bodywork.local.spawn import Spawner
from bodywork.local.supervisor import files
from bodywork.model.run import Phase
from tests.bodywork.local import trees
from tests.bodywork.local.machine import Machine, batch, is_running, lay_out, until
from tests.pairs.processes import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
TREES = 200
AT_ONCE = 20


@pytest.fixture
def spawner(monkeypatch: pytest.MonkeyPatch, earlier: frozenset[int]) -> Iterator[Spawner]:
    """A spawner whose stages grow trees; what escapes becomes a child of this process."""
    program = Path(trees.__file__).read_text()
    monkeypatch.setattr(spawn, "_PROGRAM", program)
    made = Spawner()
    process_tree.adopt_orphans()
    try:
        yield made
    finally:
        made.close()
        for pid in descendants(earlier):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process_tree.adopt_orphans(adopt=False)


def begin(spawner: Spawner, folder: Path, tree: dict[str, Any]) -> None:
    """Start an attempt that grows a tree."""
    limit = 0.2 if tree["end"] == trees.LIMIT else None
    lay_out(folder, ["python", json.dumps(tree)], limit_seconds=limit)
    spawner.supervise(folder)


def end(folder: Path, how: str) -> None:
    """End an attempt in the way that its tree waits for, and wait until it has ended."""
    if how in (trees.STOP, trees.KILLED, trees.KEEPER_KILLED):
        until(lambda: "grown" in read(folder / "log"), 60)
    if how == trees.KILLED:
        os.kill(supervisor_of(folder), signal.SIGKILL)
    if how == trees.KEEPER_KILLED:
        os.kill(files.find_keeper(str(folder)) or 0, signal.SIGKILL)
    if how in (trees.STOP, trees.KEEPER_KILLED):
        assert processes.stop(folder)
    while files.is_held(str(folder)):
        processes.await_end([folder], 1.0)


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def supervisor_of(folder: Path) -> int:
    return parent_of(json.loads((folder / "status.json").read_text())["pid"])


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def left_over(spawner: Spawner, earlier: frozenset[int]) -> list[str]:
    """Return the programs that run below this process, besides the spawner, the keepers that are
    just ending, and what ran before."""
    assert spawner._process
    own = spawner._process.pid
    reap_all_but({own, *earlier})
    return [
        f"{pid} {read(Path(f'/proc/{pid}/cmdline'))!r}"
        for pid, parent in descendants(earlier).items()
        if own not in (pid, parent)
    ]


def reap_all_but(spared: Collection[int]) -> None:
    """Let go of the orphans that have come to this process."""
    for pid in process_tree.children() - set(spared):
        os.waitpid(pid, os.WNOHANG)


@pytest.mark.parametrize("first", range(0, TREES, AT_ONCE))
def test_no_process_outlives_its_attempt(
    spawner: Spawner, earlier: frozenset[int], tmp_path: Path, first: int
) -> None:
    for seed in range(first, first + AT_ONCE):
        tree, folder = trees.plan(seed), tmp_path / f"tree-{seed}"
        begin(spawner, folder, tree)
        end(folder, tree["end"])
        assert not left_over(spawner, earlier), f"seed {seed}: {tree}"
        sight = processes.look(folder)
        lost = tree["end"] == trees.KILLED
        assert sight.ended is not lost, f"seed {seed}: {tree}"


def test_a_process_that_lost_both_its_watchers_is_found_by_its_environment(
    machine: Machine,
) -> None:
    script = (
        "import subprocess, sys\n"
        "for _ in range(3):\n"
        "    print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid, flush=True)\n"
        "subprocess.Popen(['sleep', '600']).wait()\n"
    )
    machine.publish({"job/main.py": script})
    attempt = machine.start(batch())
    folder = machine.run_folder() / "attempts" / "job" / "1"
    until(lambda: len(machine.log(attempt)) == 3, 60)
    escaped = [int(line) for line in machine.log(attempt)]
    for watcher in (files.find_keeper(str(folder)), supervisor_of(folder)):
        os.kill(watcher or 0, signal.SIGKILL)
    until(lambda: not files.is_held(str(folder)), 60)
    assert all(map(is_running, escaped))
    assert machine.finish(attempt).phase is Phase.LOST
    until(lambda: not any(map(is_running, escaped)), 60)
