"""What a stage costs in a large repository: each attempt has a copy of all files of its own.

    python -m benchmarks.large_repository [FILES] [RUNS]

Between the end of one script and the begin of the next lies what Bodywork does for a stage: it
records an end, starts a supervisor, and gives it a work tree. That is measured by the scripts
themselves, with 30 files and with FILES, in turns: of stages that take no time, and of stages that
take three times as long as a copy, so that the next work tree is there when they end.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.workload import describe, environment, make_project, seconds
from bodywork.local.supervisor.copying import copy_tree

STAGES = 6
FEW = 30
SCRIPT = """
import os, time
with open(os.environ["BENCH_TIMES"], "a") as times:
    times.write(f"{time.monotonic()}\\n")
    time.sleep(float(os.environ["BENCH_SECONDS"]))
    times.write(f"{time.monotonic()}\\n")
"""


def make_large(folder: Path, files: int) -> None:
    """Make a project of that many files, in folders of a hundred."""
    names = make_project(folder, STAGES)
    for name in names:
        (folder / name / "main.py").write_text(SCRIPT)
    for number in range(files - 4 * STAGES):
        place = folder / "package" / f"part-{number // 100}" / f"module_{number}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"# module {number}\n" * 80)
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for command in (["add", "."], ["commit", "-q", "-m", "files"]):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)


def measure(root: Path, project: Path, script_seconds: float) -> list[float]:
    """Run the project; return the times between its stages in seconds, less that of the first."""
    times = root / "times"
    times.unlink(missing_ok=True)
    env = {
        **environment(root / "home"),
        "BENCH_TIMES": str(times),
        "BENCH_SECONDS": str(script_seconds),
    }
    seconds([sys.executable, "-m", "bodywork", "workflow", project.as_uri(), "main"], env)
    marks = [float(line) for line in times.read_text().splitlines()]
    return [begin - end for end, begin in zip(marks[1::2], marks[2::2], strict=False)][1:]


def main(files: int, runs: int) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        projects = {count: root / f"project-{count}" for count in (FEW, files)}
        for count, project in projects.items():
            make_large(project, count)
        measure(root, projects[FEW], 0.0)
        began = time.perf_counter()
        copy_tree(str(projects[files]), str(root / "copy"))
        copying = time.perf_counter() - began
        print(f"one copy of {files} files takes {copying:.2f} s")
        for script_seconds in (0.0, 3 * copying):
            found: dict[int, list[float]] = {count: [] for count in projects}
            for _ in range(runs):
                for count, project in projects.items():
                    found[count] += measure(root, project, script_seconds)
            print(f"stages of {script_seconds:.1f} s")
            for count, figures in found.items():
                print(describe(f"  from stage to stage, {count} files", figures))
            middle = {count: statistics.median(figures) for count, figures in found.items()}
            least = {count: min(figures) for count, figures in found.items()}
            print(f"  more for {files} files, of the medians: {middle[files] - middle[FEW]:.4f} s")
            print(f"  more for {files} files, of the minima:  {least[files] - least[FEW]:.4f} s")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [10_000, 3][len(numbers) :]))
