"""Ten trivial stages in a row, against a shell loop that starts the same scripts.

    python -m benchmarks.ten_stages [RUNS]

The loop is one `git clone` and then each script with the same interpreter, and no durability at
all. Runs of both alternate, since machines are noisy; look at the ratio.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.workload import describe, environment, make_project, seconds

STAGES = 10


def main(runs: int) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = make_project(root / "project", STAGES)
        env = environment(root / "home")
        address = (root / "project").as_uri()
        bodywork = [sys.executable, "-m", "bodywork", "workflow", address, "main"]
        scripts = " ".join(f"{root}/clone/{name}/main.py" for name in names)
        loop = (
            f"rm -rf {root}/clone && git clone -q {address} {root}/clone && "
            f"for script in {scripts}; do {sys.executable} $script; done"
        )
        seconds(bodywork, env)
        ours, theirs = [], []
        for _ in range(runs):
            theirs.append(seconds(["sh", "-c", loop], env))
            ours.append(seconds(bodywork, env))
    print(describe("shell loop: clone, ten interpreters", theirs))
    print(describe("bodywork workflow, ten stages, durable", ours))
    print(f"ratio of the medians: {statistics.median(ours) / statistics.median(theirs):.2f}")
    print(f"ratio of the minima:  {min(ours) / min(theirs):.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
