"""Ten trivial stages in a row on a cluster, against ten Jobs chained by watching for `Complete`.

    eval "$(scripts/cluster up)"
    python -m benchmarks.ten_jobs "$(scripts/cluster image)" [RUNS]

The chain does as little as a chain can: each Job runs the bare script, without Git, in the same
image, and the next one is created as soon as a watch shows the one before it Complete. Runs of both
alternate; look at the ratio.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.cluster import BODYWORK, namespace, run_job, timed
from benchmarks.workload import describe, make_project

STAGES = 10


def main(image: str, runs: int) -> None:
    """Measure, and print."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with namespace() as (client, name), tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        make_project(project, STAGES, image)
        workflow = [*BODYWORK, "workflow", f"--namespace={name}", project.as_uri(), "main"]

        def ours() -> None:
            subprocess.run(workflow, env=environment, check=True, stdout=subprocess.DEVNULL)

        def chained(run: int) -> None:
            for number in range(STAGES):
                job = f"chain-{run}-{number}"
                run_job(client, name, job, image, ["python3", "-c", "print('done')"])

        stages, jobs = [], []
        for run in range(runs):
            jobs.append(timed(partial(chained, run)))
            stages.append(timed(ours))
    print(describe("ten Jobs, chained by Complete", jobs))
    print(describe("ten stages of a workflow, with its end", stages))
    print(f"ratio of the medians: {statistics.median(stages) / statistics.median(jobs):.2f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3)
