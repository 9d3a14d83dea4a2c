"""How soon a run is re-attached in the pod that a CronJob's Job makes in place of a dead one.

    eval "$(scripts/cluster up)"
    python -m benchmarks.resume_in_a_pod RUNS "$(scripts/cluster image)"

A Job of the schedule begins a run, and its controller is killed (kill -9, by a shell that started
it) while a batch stage runs; the Job makes another pod, some ten seconds later. What is measured
lasts from the start of `bodywork` in that pod to its log line `resuming run=`, by the time stamps
that the kubelet gives to lines of the log. Beside it, in turn: `bodywork status` in such a pod.
"""

import base64
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.cluster import BODYWORK, namespace
from benchmarks.resume_at_once import describe, make_stage
from bodywork.cluster import paths
from bodywork.cluster.client import Client
from bodywork.cluster.cron_manifests import CONTAINER, JOB_NAME
from bodywork.cluster.manual_jobs import build_manual_job
from bodywork.cluster.stamps import read_on

SHELL = """
printf %s "$PROJECT" | base64 -d > /tmp/bundle
git clone -q --mirror /tmp/bundle /tmp/project.git || exit 1
mkfifo /tmp/said
echo 'begun here'
"$@" > /tmp/said 2>&1 & command=$!
while read -r line; do
    printf '%s\\n' "$line"
    case "$line" in *'at work'*) kill -9 $command ;; esac
done < /tmp/said
wait $command
"""
BEGUN, ATTACHED, ANYTHING = "begun here", "resuming run=", ""
SECONDS = 120


class Bench:
    """A suspended schedule, whose Jobs make the repository in their pods."""

    def __init__(self, client: Client, name: str, image: str, bundle: bytes) -> None:
        self.client, self.namespace = client, name
        words = [*BODYWORK, "cronjob", "create", f"--namespace={name}", "--name=shop", "--suspend",
                 "--schedule=@yearly", "--git-repo-url=https://git.invalid/shop.git",
                 "--git-repo-branch=main", f"--image={image}"]  # fmt: skip
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        self._schedule = client.get(paths.cron_job(name, "shop"))
        self._bundle = base64.b64encode(bundle).decode()

    def resume(self, job: str) -> float:
        """Begin a run, whose controller is killed; return the seconds until it is re-attached."""
        self._create(job)
        [first] = self._pods(job, 1)
        self._until(first, "at work")
        pods = self._pods(job, 2)
        took = self._until(pods[-1], ATTACHED)
        self._cancel(job)
        return took

    def look(self, job: str) -> float:
        """Return how long `bodywork status` takes in a pod, in seconds."""
        self._create(job, "bodywork", "status", "-n", self.namespace)
        [pod] = self._pods(job, 1)
        return self._until(pod, ANYTHING)

    def _create(self, name: str, *words: str) -> None:
        job: Any = build_manual_job(self._schedule, name)
        [container] = job["spec"]["template"]["spec"]["containers"]
        ours = ["bodywork", *container["args"][:-2], "file:///tmp/project.git", "main"]
        container |= {"command": ["sh", "-c", SHELL, "sh"], "args": [*words] or ours}
        container["env"].append({"name": "PROJECT", "value": self._bundle})
        self.client.create(paths.jobs(self.namespace), job)

    def _cancel(self, run: str) -> None:
        words = [*BODYWORK, "cancel", run, f"--namespace={self.namespace}", "--engine=kubernetes"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client.delete(paths.job(self.namespace, run))

    def _pods(self, job: str, count: int) -> list[str]:
        """Return the names of the Job's pods, oldest first, when so many have begun."""
        begun: dict[str, str] = {}
        selector = f"{JOB_NAME}={job}"
        for pod in self._changes(selector):
            metadata, status = pod["metadata"], pod.get("status", {})
            if any("waiting" not in each["state"] for each in status.get("containerStatuses", ())):
                begun[metadata["name"]] = metadata["creationTimestamp"]
            if len(begun) == count:
                return sorted(begun, key=lambda name: begun[name])
        raise SystemExit(f"Job {job} had {len(begun)} pods after {SECONDS} s, not {count}")

    def _changes(self, selector: str) -> Iterator[Any]:
        path = paths.pods(self.namespace)
        found, version = self.client.list_all(path, label_selector=selector)
        yield from found
        for event in self.client.watch(
            path, version, label_selector=selector, timeout_seconds=SECONDS
        ):
            if event["type"] != "BOOKMARK":
                yield event["object"]

    def _until(self, pod: str, wanted: str) -> float:
        """Return the seconds between the line that says `begun here` and the wanted one."""
        said, began = [], None
        path = paths.pod_log(self.namespace, pod)
        for line in read_on(self.client, path, CONTAINER, 0, follow=True):
            said.append(line.text)
            if line.text.startswith(BEGUN):
                began = line.at
            elif began and wanted in line.text:
                return (line.at - began).total_seconds()
        raise SystemExit(f"pod {pod} never said {wanted!r}:\n" + "\n".join(said))


def main(runs: int, image: str) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder, namespace() as (client, name):
        project = Path(folder, "project")
        make_stage(project, image)
        bundle = Path(folder, "bundle")
        words = ["git", "bundle", "create", "-q", str(bundle), "--all", "HEAD"]
        subprocess.run(words, cwd=project, check=True)
        bench = Bench(client, name, image, bundle.read_bytes())
        looks, resumes = [], []
        for number in range(runs + 1):  # the first is not counted: files are read from the disk
            looks.append(bench.look(f"look-{number}"))
            resumes.append(bench.resume(f"run-{number}-{int(time.time())}"))
            print(f"{number} of {runs}", file=sys.stderr, flush=True)
    print(describe("bodywork status, in a pod", looks[1:]))
    print(describe("re-attached, in a Job's new pod", resumes[1:]))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
