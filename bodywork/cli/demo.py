"""The demonstration: a real project, killed half-way and resumed, by the real command line.

It drives `bodywork` as a person would, in processes of its own; nothing here knows how it works.
"""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bodywork.cli.demo_project import demo_project
from bodywork.errors import EngineError, UsageError

NAMESPACE = "demo"
KILL_AT = "creating job=iris-classifier--train-random-forest"
FLOWER = {"x": 5.1, "y": 3.5}
BODYWORK = [sys.executable, "-m", "bodywork"]

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Demo:
    """One demonstration in a folder of its own."""

    home: Path
    say: Say

    def run(self) -> None:
        """Go through all of it."""
        self.say("\n# A project: five stages, in a Git repository of its own")
        self._make_repository()
        self._show("setup-namespace", NAMESPACE)
        store = self.home / "artefacts"
        where = f"--namespace={NAMESPACE}"
        self._quietly("secret", "delete", where, "--name=artefact-store")
        self._show(
            "secret", "create", where, "--name=artefact-store",
            "--data", f"ARTEFACT_STORE={store}",
        )  # fmt: skip
        self.say("\n# Run it … and kill the controller in the middle of step 2 (kill -9)")
        self._run_and_kill("workflow", where, self._repository.as_uri(), "main")
        self.say("\n# Its stages went on without it. What is on record:")
        self._show("status", where)
        self.say("\n# Resume: what succeeded is kept, what still runs is re-attached")
        self._show("workflow", where, "--resume")
        self.say("\n# The model is served. Which iris has a sepal of 5.1 cm by 3.5 cm?")
        self._ask()
        self.say("\n# The whole run, both controllers included")
        self._show("status", where, self._newest())

    def clean_up(self) -> None:
        """End what the demonstration started, wherever it broke off; keep the environments."""
        for run in self._runs():
            if not run["ended"]:
                self._quietly("cancel", f"--namespace={NAMESPACE}", str(run["run"]))
        for service in self._services():
            name = f"--name={service['name']}"
            self._quietly("service", "delete", f"--namespace={NAMESPACE}", name)
        for folder in ("project", "artefacts"):
            shutil.rmtree(self.home / folder, ignore_errors=True)
        shutil.rmtree(self.home / "namespaces" / NAMESPACE, ignore_errors=True)

    @property
    def _repository(self) -> Path:
        return self.home / "project"

    def _make_repository(self) -> None:
        shutil.copytree(
            demo_project(), self._repository, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )
        identity = ["-c", "user.name=demo", "-c", "user.email=demo@localhost"]
        for command in (
            ["init", "-q", "-b", "main"],
            ["add", "."],
            ["commit", "-q", "-m", "Iris classifier"],
        ):
            subprocess.run(["git", *identity, *command], cwd=self._repository, check=True)
        self.say("prepare-data >> train-svm, train-random-forest >> choose-model >>")
        self.say("model-scoring-service")

    def _show(self, *words: str) -> None:
        """Run a command in front of the user."""
        self._announce(words)
        process = self._start(words)
        for line in self._lines(process):
            self.say(line)
        if process.wait() != 0:
            raise EngineError(f"`bodywork {words[0]}` failed, with exit code {process.returncode}")

    def _run_and_kill(self, *words: str) -> None:
        self._announce(words)
        process = self._start(words)
        for line in self._lines(process):
            self.say(line)
            if KILL_AT in line:
                process.kill()
                process.wait()
                self.say(f"\n*** kill -9 {process.pid} ***")
                return
        raise EngineError("the run ended before it could be killed: see its log above")

    def _ask(self) -> None:
        [service] = self._services()
        self.say(f"$ curl {service['address']} -H 'Content-Type: application/json' \\")
        self.say(f"    -d '{json.dumps(FLOWER)}'")
        request = urllib.request.Request(  # noqa: S310  (our own service, over http)
            str(service["address"]),
            data=json.dumps(FLOWER).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            self.say(answer.read().decode().strip())

    def _runs(self) -> list[dict[str, object]]:
        found = json.loads(
            self._quietly("status", f"--namespace={NAMESPACE}", "-o", "json") or "{}"
        )
        return list(found.get("runs", []))

    def _services(self) -> list[dict[str, object]]:
        words = ("service", "display", f"--namespace={NAMESPACE}", "-o", "json")
        return list(json.loads(self._quietly(*words) or "{}").get("services", []))

    def _newest(self) -> str:
        return str(self._runs()[0]["run"])

    def _announce(self, words: tuple[str, ...]) -> None:
        self.say(f"$ bodywork {' '.join(words)}")

    def _start(self, words: tuple[str, ...]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*BODYWORK, *words],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _lines(self, process: "subprocess.Popen[str]") -> Iterator[str]:
        if process.stdout is not None:
            for line in process.stdout:
                yield line.rstrip("\n")

    def _quietly(self, *words: str) -> str:
        done = subprocess.run(
            [*BODYWORK, *words],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else ""

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "BODYWORK_ENGINE": "local", "BODYWORK_HOME": str(self.home)}


def run_demo(home: Path | None, say: Say) -> int:
    """Run the demonstration; leave nothing running, and the installed packages for next time.

    Args:
        home: folder to work in; None for one in the user's cache.
        say: told each line.

    Raises:
        UsageError: there is no Git.
        EngineError: a step of it failed.
    """
    if shutil.which("git") is None:
        raise UsageError("git is not installed", hint="install it, and try again")
    if home is None:
        from bodywork.local import cache_folder

        home = cache_folder() / "demo"
    demo = Demo(home.absolute(), say)
    demo.home.mkdir(parents=True, exist_ok=True)
    demo.clean_up()
    try:
        demo.run()
    finally:
        demo.clean_up()
    say("\nNothing is left running. To run a project of your own on this machine:")
    say("  export BODYWORK_ENGINE=local")
    say("  bodywork workflow --namespace=NS GIT_REPO_URL GIT_REPO_BRANCH")
    return 0
