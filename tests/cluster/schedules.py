"""A schedule of the project `shop` on the test cluster: broken, mended, and what is said of it."""

import json
import os
import re
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.projects import Project
from tests.cluster.site import Cluster, Said, Site
from tests.cluster.waiting import Found, wait_for
from tests.servers.registry import Registry
from tests.servers.secure_http import HttpsServer

BATCH = "apis/batch/v1"
TOLD_SECONDS = 120
"""Within how many seconds `cronjob logs` has to say why a controller does not start."""
CONTAINER = "/spec/jobTemplate/spec/template/spec/containers/0"
POD = "/spec/jobTemplate/spec/template/spec"


@dataclass
class Scene:
    """A namespace with a project and, once it is created, the schedule `shop` of it."""

    site: Site
    project: Project
    server: HttpsServer
    registry: Registry

    @property
    def image(self) -> str:
        """An image that works."""
        return self.site.cluster.image

    def bodywork(self, *words: str) -> Said:
        """Run a command in the namespace; it has to succeed."""
        command = 2 if words[0] in ("cronjob", "secret") else 1
        where = f"--namespace={self.site.namespace}"
        said = self.site.run(*words[:command], where, *words[command:])
        assert said.code == 0, (words, said.err)
        return said

    def create(self, *options: str, image: str = "", url: str = "", branch: str = "main") -> None:
        """Create the schedule; its times are never waited for, unless an option says so."""
        self.bodywork(
            "cronjob",
            "create",
            "--name=shop",
            "--schedule=@yearly",
            f"--git-repo-url={url or self.server.url('shop/.git')}",
            f"--git-repo-branch={branch}",
            f"--image={image or self.image}",
            *options,
        )

    def update(self, *options: str) -> Said:
        """Update the schedule."""
        return self.bodywork("cronjob", "update", "--name=shop", *options)

    def run(self) -> str:
        """Start the schedule now; return the name of its Job."""
        said = self.bodywork("cronjob", "run", "shop")
        found = re.match(r"job=(\S+) created in namespace=", said.out)
        assert found, said.out
        return found[1]

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """Run kubectl in the namespace, as administrator."""
        return self.site.cluster.kubectl("-n", self.site.namespace, *words, stdin=stdin)

    def patch(self, *operations: tuple[str, str, Any]) -> None:
        """Change the CronJob behind Bodywork's back: operation, path and value."""
        listed = [{"op": op, "path": path, "value": value} for op, path, value in operations]
        self.kubectl("patch", "cronjob", "shop", "--type=json", "-p", json.dumps(listed))

    def administer(self, *words: str) -> None:
        """Run a command as administrator."""
        said = self.site.run(*words, kubeconfig=self.site.cluster.kubeconfig)
        assert said.code == 0, said.err

    def job(self, name: str) -> Found:
        """Return a Job as it is now."""
        return self.site.get("job", name)

    def verdict(self, name: str, seconds: float = 150) -> str:
        """Wait for the end of a Job; return `Complete` or `Failed`."""

        def ended(job: Found) -> bool:
            return job["metadata"]["name"] == name and bool(verdict_of(job))

        return verdict_of(wait_for(self.site, BATCH, "jobs", ended, seconds=seconds))

    def history(self) -> list[dict[str, Any]]:
        """Return the Jobs of the schedule, newest first."""
        said = self.bodywork("cronjob", "history", "--name=shop", "-o", "json")
        return list(said.json["jobs"])


def verdict_of(job: Found) -> str:
    """Return the condition with which a Job has ended; "" while it has not."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    ended = [each["type"] for each in conditions if each["status"] == "True"]
    return next((each for each in ended if each in ("Complete", "Failed")), "")


class Follower:
    """`bodywork cronjob logs --follow`, read while it is written."""

    def __init__(self, site: Site, name: str) -> None:
        where = f"--namespace={site.namespace}"
        self.process = site.begin("cronjob", "logs", where, f"--name={name}", "--follow")
        self._pipes = {self.process.stdout: "", self.process.stderr: ""}

    @property
    def text(self) -> str:
        """All that was said so far, on both streams."""
        return "".join(self._pipes.values())

    def until(self, pattern: str, seconds: float = TOLD_SECONDS) -> str:
        """Read until something fits the pattern; return all that was said."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            left = deadline - time.monotonic()
            assert left > 0, f"not said within {seconds} s: {pattern}; but {self.text!r}"
            if not self._read(left):
                break
        assert re.search(pattern, self.text), self.text
        return self.text

    def end(self, seconds: float = 60) -> int:
        """Read to the end, which has to come; return the exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline - time.monotonic()):
            assert time.monotonic() < deadline, f"it goes on: {self.text!r}"
        return self.process.wait(timeout=10)

    def _read(self, seconds: float) -> bool:
        """Read what comes next, if anything comes in time; False where both streams have ended."""
        open_pipes = [pipe for pipe in self._pipes if pipe and not pipe.closed]
        ready, _, _ = select.select(open_pipes, [], [], max(0.0, seconds))
        for pipe in ready:
            data = os.read(pipe.fileno(), 65536)
            if not data:
                pipe.close()
            self._pipes[pipe] += data.decode("utf-8", "replace")
        return any(pipe and not pipe.closed for pipe in self._pipes)


def containers(cluster: Cluster, *words: str) -> str:
    """Run ctr on the images of the node, which is this machine."""
    socket = Path(cluster.kubeconfig).parent / "cri" / "containerd.sock"
    command = ["ctr", "--address", str(socket), "--namespace", "k8s.io", "images", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
