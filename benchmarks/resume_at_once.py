"""How soon a run is re-attached after a kill -9 of its controller, on the same host.

    python -m benchmarks.resume_at_once [RUNS]                        on this machine
    eval "$(scripts/cluster up)"
    python -m benchmarks.resume_at_once RUNS "$(scripts/cluster image)"   on a cluster as well

The controller is killed while a batch stage runs. What is measured lasts from the start of the
`bodywork workflow --resume` process to its log line `resuming run=…`: by then the run is this
controller's, by compare-and-swap. Beside it, in turn: `bodywork status` of the same namespace, one
start of the command with one look; and the same resume where the dead controller seems to be of
another host, so that its lease has to be waited for.
"""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cluster import BODYWORK, namespace
from benchmarks.workload import environment, make_project, seconds
from statemachine.stores.cluster_leases import PREFIX

SCRIPT = "import time\nprint('at work', flush=True)\ntime.sleep(3600)\n"


@dataclass
class Place:
    """One namespace of one engine: how its commands are called."""

    words: tuple[str, ...]
    env: Mapping[str, str]
    repository: str

    def until(self, wanted: str, *words: str) -> tuple[float, "subprocess.Popen[str]"]:
        """Start a command; return how long it took until it printed that, and the process."""
        began = time.perf_counter()
        command = subprocess.Popen(
            [*BODYWORK, *words, *self.words],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert command.stdout is not None
        said = []
        for line in command.stdout:
            said.append(line)
            if wanted in line:
                return time.perf_counter() - began, command
        raise SystemExit(f"it never said {wanted!r}:\n{''.join(said)}")

    def begin(self) -> None:
        """Begin a run, and kill its controller while the stage runs."""
        _, command = self.until("at work", "workflow", self.repository, "main")
        kill(command)

    def resume(self) -> float:
        """Resume, and kill that controller too; return how long re-attaching took, in seconds."""
        took, command = self.until("resuming run=", "workflow", "--resume")
        kill(command)
        return took

    def look(self) -> float:
        """Return how long `bodywork status` takes, in seconds."""
        return seconds([*BODYWORK, "status", *self.words], self.env)

    def end(self) -> None:
        """Cancel the run."""
        subprocess.run([*BODYWORK, "cancel", "latest", *self.words], env=self.env, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip


def kill(command: "subprocess.Popen[str]") -> None:
    """End a controller as kill -9 does."""
    command.send_signal(signal.SIGKILL)
    command.communicate()


def measure(place: Place, runs: int, forget: Callable[[], None]) -> None:
    """Measure, and print.

    Args:
        runs: how often each thing is measured, in turn.
        forget: makes the last controller's lease one of another host.
    """
    place.begin()
    try:
        place.resume()  # once unmeasured: it writes the bytecode of what it loads
        looks, resumes = [], []
        for _ in range(runs):
            looks.append(place.look())
            resumes.append(place.resume())
        forget()
        waited = place.resume()
    finally:
        place.end()
    print(describe("bodywork status", looks))
    print(describe("re-attached after kill -9, same host", resumes))
    print(describe("the same, the lease is of another host", [waited]))
    print(f"ratio of the medians: {statistics.median(resumes) / statistics.median(looks):.2f}")


def describe(label: str, figures: list[float]) -> str:
    """Return a line with the median, least and greatest of some durations, in milliseconds."""
    least, middle, most = min(figures), statistics.median(figures), max(figures)
    return (
        f"{label:<40} median {middle * 1000:8.0f} ms   min {least * 1000:8.0f} ms   "
        f"max {most * 1000:8.0f} ms   ({len(figures)} times)"
    )


def on_this_machine(root: Path, runs: int) -> None:
    """Measure with the embedded engine."""
    env = environment(root / "home")
    place = Place((), env, make_stage(root / "local", "none"))

    def forget() -> None:
        [path] = (root / "home").glob("**/lease.json")
        lease = json.loads(path.read_text())
        path.write_text(json.dumps({**lease, "host": "another", "process": "elsewhere"}))

    print("on this machine")
    measure(place, runs, forget)


def on_a_cluster(root: Path, runs: int, image: str) -> None:
    """Measure in a namespace of the cluster that KUBECONFIG names."""
    with namespace() as (client, name):
        env = {**environment(root / "home"), "BODYWORK_ENGINE": "kubernetes"}
        place = Place((f"--namespace={name}",), env, make_stage(root / "cluster", image))

        def forget() -> None:
            leases = f"/apis/coordination.k8s.io/v1/namespaces/{name}/leases"
            [lease], _ = client.list_all(leases)
            told = {f"{PREFIX}host": "another", f"{PREFIX}process": "elsewhere"}
            path = f"{leases}/{lease['metadata']['name']}"
            client.patch(path, {"metadata": {"annotations": told}})

        print("on a cluster")
        measure(place, runs, forget)


def make_stage(folder: Path, image: str) -> str:
    """Make a project whose one stage goes on for an hour; return its repository's address."""
    make_project(folder, 1, image)
    (folder / "stage-1" / "main.py").write_text(SCRIPT)
    config = folder / "stage-1" / "config.ini"
    config.write_text(config.read_text().replace("=60", "=4000"))
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
    subprocess.run(["git", *identity, "commit", "-qam", "an hour"], cwd=folder, check=True)
    return folder.as_uri()


def main(runs: int, image: str) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        on_this_machine(Path(folder), runs)
        if image:
            on_a_cluster(Path(folder), runs, image)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12, (*sys.argv[2:], "")[0])
