"""What `bodywork --help` costs on top of the interpreter's own start.

python -m benchmarks.startup [RUNS]
"""

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.workload import describe, environment, seconds


def main(runs: int) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        env = environment(Path(folder))
        bare, shown = [], []
        for _ in range(runs):
            bare.append(seconds([sys.executable, "-c", "pass"], env))
            shown.append(seconds([sys.executable, "-m", "bodywork", "--help"], env))
    print(describe("python -c pass", bare))
    print(describe("bodywork --help", shown))
    print(f"on top: {(statistics.median(shown) - statistics.median(bare)) * 1000:.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
