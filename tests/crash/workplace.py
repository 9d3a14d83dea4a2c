"""A project in a Git repository, a state folder of its own, and the real command line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bodywork.local.supervisor.files import is_held

CONTROLLER = Path(__file__).with_name("controller.py")
BODYWORK = [sys.executable, "-c", "from bodywork.cli import main; main()"]
NAMESPACE = "crash"

BATCH = """[default]
STAGE_TYPE=batch
EXECUTABLE_SCRIPT=main.py
[batch]
MAX_COMPLETION_TIME_SECONDS=60
RETRIES={retries}
[secrets]
EFFECTS=effects
"""
SERVICE = """[default]
STAGE_TYPE=service
EXECUTABLE_SCRIPT=main.py
[service]
MAX_STARTUP_TIME_SECONDS={seconds}
REPLICAS=1
PORT=5000
[secrets]
EFFECTS=effects
"""
EFFECT = """import os
with open(os.environ["EFFECTS"], "a") as file:
    file.write(os.environ["BODYWORK_STAGE"] + " " + os.environ["BODYWORK_ATTEMPT"] + "\\n")
"""
ANSWER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{version}")
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 5000), Handler).serve_forever()
"""


@dataclass
class Workplace:
    """Everything of one test: nothing is shared, nothing is left."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.effects = self.root / "effects"
        self.repository = self.root / "project"
        self.repository.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        self.environment["BODYWORK_HOME"] = str(self.root / "state")
        self.bodywork("setup-namespace", NAMESPACE)
        self.bodywork(
            "secret", "create", f"--namespace={NAMESPACE}", "--name=effects",
            "--data", f"EFFECTS={self.effects}",
        )  # fmt: skip

    def __enter__(self) -> "Workplace":
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.repository, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    def project(self, dag: str, *, extra: str = "") -> None:
        """Write bodywork.ini."""
        (self.repository / "bodywork.ini").write_text(
            "[default]\nPROJECT_NAME=shop\nDOCKER_IMAGE=python:3.12-slim\n"
            f"[workflow]\nDAG={dag}\n{extra}"
        )

    def batch(self, name: str, script: str = "", *, retries: int = 0) -> None:
        """Write a batch stage that notes that it ran, and then does what `script` says."""
        self._stage(name, BATCH.format(retries=retries), EFFECT + script)

    def service(
        self, name: str, script: str = "", *, version: str = "v1", seconds: int = 20
    ) -> None:
        """Write a service that answers with its version, or does what `script` says."""
        body = script or ANSWER.replace("{version}", version)
        self._stage(name, SERVICE.format(seconds=seconds), EFFECT + body)

    def commit(self, message: str = "work") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def bodywork(self, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        """Run a command to its end; return what it printed on stdout."""
        done = subprocess.run(
            [*BODYWORK, *arguments], env=self._environment(), capture_output=True, text=True
        )
        assert done.returncode in codes, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if codes != (0,) else "")

    def workflow(self, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        """Run the workflow of the repository."""
        where = [f"--namespace={NAMESPACE}", *arguments]
        if "--resume" not in arguments:
            where += [self.repository.as_uri(), "main"]
        return self.bodywork("workflow", *where, codes=codes)

    def fused(self, number: int, when: str, *arguments: str) -> tuple[int, list[str]]:
        """Run the workflow with a fuse; return its exit code and the touches it got to."""
        file = self.root / f"fuse-{number}-{when}"
        file.unlink(missing_ok=True)
        where = [f"--namespace={NAMESPACE}", *arguments]
        if "--resume" not in arguments:
            where += [self.repository.as_uri(), "main"]
        fuse = [sys.executable, str(CONTROLLER), str(file), str(number), when, "--"]
        done = subprocess.run(
            [*fuse, "workflow", *where],
            env=self._environment(), capture_output=True, text=True,
        )  # fmt: skip
        touched = file.read_text().splitlines() if file.exists() else []
        if number == 0 or done.returncode != -signal.SIGKILL:
            assert number == 0 or len(touched) < number, done.stdout + done.stderr
        return done.returncode, touched

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command and leave it running."""
        process = subprocess.Popen(
            [*BODYWORK, *arguments],
            env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def runs(self) -> list[dict[str, Any]]:
        """Return the namespace's runs, newest first."""
        found: Any = json.loads(self.bodywork("status", f"--namespace={NAMESPACE}", "-o", "json"))
        return list(found["runs"])

    def status(self, run: str) -> dict[str, Any]:
        found: Any = json.loads(
            self.bodywork("status", f"--namespace={NAMESPACE}", run, "-o", "json")
        )
        return dict(found)

    def services(self) -> list[dict[str, Any]]:
        found: Any = json.loads(
            self.bodywork("service", "display", f"--namespace={NAMESPACE}", "-o", "json")
        )
        return list(found["services"])

    def happened(self) -> list[str]:
        """Return "stage attempt" for each time a script ran."""
        return sorted(self.effects.read_text().splitlines()) if self.effects.exists() else []

    def running(self) -> list[str]:
        """Return the attempts and versions whose supervisors live, apart from live versions."""
        namespace = self.run_folder("").parent
        live = {
            json.loads(file.read_text())["id"] for file in namespace.glob("services/*/live.json")
        }
        folders = [
            *namespace.glob("runs/*/attempts/*/*"),
            *(each for each in namespace.glob("services/*/versions/*") if each.name not in live),
        ]
        return [str(each) for each in folders if is_held(str(each))]

    def clear(self) -> None:
        """End the controllers and services, so that nothing is left running."""
        for process in self.started:
            process.kill()
            process.communicate()
        for service in self.services():
            name = f"--name={service['name']}"
            self.bodywork("service", "delete", f"--namespace={NAMESPACE}", name)

    def run_folder(self, run: str) -> Path:
        return Path(self.environment["BODYWORK_HOME"]) / "namespaces" / NAMESPACE / "runs" / run

    def _stage(self, name: str, config: str, script: str) -> None:
        folder = self.repository / name
        folder.mkdir(exist_ok=True)
        (folder / "config.ini").write_text(config)
        (folder / "requirements.txt").write_text("")
        (folder / "main.py").write_text(script)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "BODYWORK_ENGINE": "local", **self.environment}
