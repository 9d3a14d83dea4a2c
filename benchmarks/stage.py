"""What `bodywork stage` costs inside its container: over the bare script, and to install packages.

    eval "$(scripts/cluster up)"
    python -m benchmarks.stage "$(scripts/cluster image)" [RUNS]

Measured in a pod of the image. The stage is cloned from a repository on the pod's own disk; with
scikit-learn, it is compared with `pip install` of the same file into a new environment. The package
index is asked each time: nothing is cached.
"""

import json
import sys

from benchmarks.cluster import log_of, namespace, run_job
from benchmarks.workload import describe

INSIDE = r"""
import json, os, pathlib, shutil, subprocess, sys, time
runs = int(sys.argv[1])
root = pathlib.Path("/tmp/project")
config = "[default]\nSTAGE_TYPE=batch\nEXECUTABLE_SCRIPT=main.py\n[batch]\n"
for name, requirements in (("bare", ""), ("learn", "scikit-learn\n")):
    (root / name).mkdir(parents=True)
    (root / name / "config.ini").write_text(config + "MAX_COMPLETION_TIME_SECONDS=60\n")
    (root / name / "requirements.txt").write_text(requirements)
    (root / name / "main.py").write_text("print('done')\n")
(root / "bodywork.ini").write_text(
    "[default]\nPROJECT_NAME=p\nDOCKER_IMAGE=i\n[workflow]\nDAG=bare >> learn\n"
)
git = ["git", "-c", "user.name=b", "-c", "user.email=b@localhost"]
for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "b"]):
    subprocess.run([*git, *words], cwd=root, check=True)

def seconds(*command):
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/tmp")
    return time.perf_counter() - began

figures = {"script": [], "stage": [], "pip": [], "stage with scikit-learn": []}
for _ in range(runs):
    figures["script"].append(seconds("python3", str(root / "bare" / "main.py")))
    figures["stage"].append(seconds("bodywork", "stage", "file:///tmp/project", "main", "bare"))
for number in range(max(1, runs // 5)):
    place = f"/tmp/venv-{number}"
    began = time.perf_counter()
    seconds("python3", "-m", "venv", place)
    wanted = str(root / "learn" / "requirements.txt")
    seconds(f"{place}/bin/pip", "install", "--no-cache-dir", "-r", wanted)
    figures["pip"].append(time.perf_counter() - began)
    shutil.rmtree("/tmp/.cache", ignore_errors=True)
    figures["stage with scikit-learn"].append(
        seconds("bodywork", "stage", "file:///tmp/project", "main", "learn")
    )
print("FIGURES", json.dumps(figures))
"""


def main(image: str, runs: int) -> None:
    """Measure, and print."""
    with namespace() as (client, name):
        run_job(client, name, "stage", image, ["python3", "-c", INSIDE, str(runs)])
        log = log_of(client, name, "stage")
    line = next(line for line in log.splitlines() if line.startswith("FIGURES"))
    figures = json.loads(line.partition(" ")[2])
    for label, values in figures.items():
        print(describe(label, values))
    print(f"on top of the script: {min(figures['stage']) - min(figures['script']):.3f} s at least")
    ratio = min(figures["pip"]) / min(figures["stage with scikit-learn"])
    print(f"pip takes {ratio:.1f} times as long as a stage with scikit-learn")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10)
