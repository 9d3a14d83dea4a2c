"""The most memory that the controller of a run ever holds (resident, by the kernel's count).

python -m benchmarks.memory
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.workload import environment, make_project

KIBIBYTES = 1 if sys.platform == "linux" else 1024


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_project(root / "project", 10)
        process = subprocess.Popen(
            [sys.executable, "-m", "bodywork", "workflow", (root / "project").as_uri(), "main"],
            env=environment(root / "home"),
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    print(f"controller: {usage.ru_maxrss / KIBIBYTES / 1024:.1f} MiB at most")


if __name__ == "__main__":
    main()
