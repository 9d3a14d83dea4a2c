"""Kills the command line at every request of each workload, and prints the counts.

python -m tests.cluster.crash                        all points, pods played by a scripted kubelet
python -m tests.cluster.crash --every 7              each seventh point
python -m tests.cluster.crash --tier node            pods run on the real node (ten times slower)
python -m tests.cluster.crash --workload cancel --point "12 late" -v
python -m tests.cluster.crash --list
"""

import argparse
import queue
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.crash.commands import CommandLines
from tests.cluster.crash.pairs import PAIRS
from tests.cluster.crash.place import Place
from tests.cluster.crash.points import Lesson, Point, Verdict, attempt, learn
from tests.cluster.crash.table import Row, render
from tests.cluster.crash.workloads import WORKLOADS, Workload
from tests.cluster.own import start_control_plane, start_node

KINDS = (*WORKLOADS, *PAIRS)


def main() -> int:
    """Return the exit code: 0 where nothing was wrong."""
    order = _parse()
    if order.list:
        print("\n".join(each.name for each in KINDS))
        return 0
    names = {each.name for each in KINDS}
    if unknown := set(order.workload) - names:
        print(f"error: no workload {unknown.pop()!r}; see --list", file=sys.stderr)
        return 2
    chosen = [each for each in KINDS if each.name in (order.workload or names)]
    rows = []
    with _places(order.tier, order.workers) as places:
        for workload in chosen:
            rows.append(_try_all(places, workload, order))
            print(rows[-1], flush=True)
    print("\n" + render(rows))
    faults = [each for row in rows for each in row.faults]
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster.crash",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--workload", action="append", default=[], metavar="NAME", help="one of --list; else all")
    add("--every", type=int, default=1, metavar="N", help="only each N-th point")
    add("--point", default="", metavar="'NUMBER WHEN'", help="only this one")
    add("--workers", type=int, default=4, metavar="N", help="points at a time")
    add("--tier", choices=["control-plane", "node"], default="control-plane")
    add("--list", action="store_true", help="name the workloads")
    add("-v", "--verbose", action="store_true", help="name each point")
    return parser.parse_args()


@contextmanager
def _places(tier: str, workers: int) -> Iterator[list[Place]]:
    cluster = start_node() if tier == "node" else start_control_plane()
    commands, places = CommandLines(), list[Place]()

    def make(folder: Path) -> Place:
        folder.mkdir()
        return Place(cluster, folder, commands, scripted=tier != "node")

    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        try:
            folders = [Path(folder, str(number)) for number in range(workers)]
            with ThreadPoolExecutor() as pool:
                for place in pool.map(make, folders):
                    places.append(place)
            yield places
        finally:
            for place in places:
                place.close()
            commands.close()


def _try_all(places: Sequence[Place], workload: Workload, order: argparse.Namespace) -> Row:
    began = time.monotonic()
    try:
        lesson = learn(places[0], workload)
    except Exception:
        return Row(
            workload.name, faults=[f"{workload.name}, never killed: {traceback.format_exc()}"]
        )
    points = list(lesson.points())[:: order.every]
    if order.point:
        points = [each for each in lesson.points() if str(each) == order.point]
    row = Row(workload.name, requests=len(lesson.requests))
    for verdict in _verdicts(places, workload, lesson, points):
        row.add(verdict)
        if order.verbose or verdict.faults:
            told = "\n  ".join(verdict.faults) or ("well" if verdict.reached else "not reached")
            line = f"{workload.name}, {verdict.point} ({verdict.request}): {told}"
            row.faults += [line] if verdict.faults else []
            print(line, flush=True)
        elif not (row.points + row.missed) % 20:
            seconds = time.monotonic() - began
            done = row.points + row.missed
            print(f"{workload.name}: {done} of {len(points)}, {seconds:.0f} s", flush=True)
    return row


def _verdicts(
    places: Sequence[Place], workload: Workload, lesson: Lesson, points: Sequence[Point]
) -> Iterator[Verdict]:
    """Yield the verdict of each point as it is there; each place tries one point at a time."""
    left: queue.SimpleQueue[Point] = queue.SimpleQueue()
    done: queue.SimpleQueue[Verdict] = queue.SimpleQueue()
    for point in points:
        left.put(point)

    def work(place: Place) -> None:
        while True:
            try:
                point = left.get_nowait()
            except queue.Empty:
                return
            try:
                done.put(attempt(place, workload, lesson, point))
            except Exception:
                done.put(Verdict(point, wrong=[traceback.format_exc()]))

    threads = [threading.Thread(target=work, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for _ in points:
        yield done.get()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
