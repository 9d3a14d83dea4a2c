"""The demonstration: a real project, killed half-way and resumed, by the real command line.

It drives `bodywork` as a person would, in processes of its own; nothing here knows how it works.
"""

import fcntl
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bodywork.cli.demo_project import NAME, demo_project
from bodywork.cli.demo_shell import Say, Shell
from bodywork.errors import EngineError, UsageError

NAMESPACE = "demo"
STAGE = "train-random-forest"
FLOWER = {"x": 5.1, "y": 3.5}
IN_NAMESPACE = f"--namespace={NAMESPACE}"


@dataclass(frozen=True, slots=True)
class Demo:
    """One demonstration, in a folder of its own."""

    home: Path
    shell: Shell

    def run(self) -> None:
        """Go through all of it."""
        self._prepare()
        self._run_and_kill()
        self._resume()
        self._ask_the_model()
        self._title("The whole run, as it is on record")
        self._show_newest()
        if all(len(stage["attempts"]) == 1 for stage in self._newest()["stages"]):
            self._say("Each stage was tried once: nothing was lost, and nothing was done twice.")

    def clean_up(self) -> None:
        """End what the demonstration started, wherever it broke off; keep the environments."""
        for run in self._runs():
            if not run["ended"]:
                self.shell.quietly("cancel", IN_NAMESPACE, str(run["run"]))
        for service in self.shell.ask("services", "service", "display", IN_NAMESPACE):
            self.shell.quietly("service", "delete", IN_NAMESPACE, f"--name={service['name']}")
        for folder in (self._repository, self._artefacts, self.home / "namespaces" / NAMESPACE):
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _repository(self) -> Path:
        return self.home / NAME

    @property
    def _artefacts(self) -> Path:
        return self.home / "artefacts"

    def _prepare(self) -> None:
        self._title("A project: five stages, in a Git repository of its own")
        unwanted = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(demo_project(), self._repository, ignore=unwanted)
        self.shell.git(self._repository, "init", "--quiet", "--initial-branch=main")
        self.shell.git(self._repository, "add", ".")
        self.shell.git(self._repository, "commit", "--quiet", "--message=Iris classifier")
        self._say("prepare-data >> train-svm, train-random-forest >> choose-model")
        self._say("             >> model-scoring-service")
        self._title("A namespace, and a secret that says where stages keep their files")
        self._say("$ export BODYWORK_ENGINE=local")
        self.shell.show("setup-namespace", NAMESPACE)
        where = f"ARTEFACT_STORE={self._artefacts}"
        self.shell.show("secret", "create", IN_NAMESPACE, "--name=artefact-store", "--data", where)

    def _run_and_kill(self) -> None:
        self._title("Run it, and kill the controller in the middle of step 2")
        if not (self.home / "cache").exists():
            self._say("(The first time, stages install scikit-learn: that takes a minute.)")
        url = self._repository.as_uri()
        with self.shell.start("workflow", IN_NAMESPACE, url, "main") as (process, lines):
            for line in lines:
                self._say(line)
                if f"creating job={NAME}--{STAGE}" in line:
                    self._wait_until_it_trains(process)
                    process.kill()
                    break
            else:
                raise EngineError("the run ended before it could be killed: see its log above")
        self._say(f"\n*** kill -9 {process.pid} ***")
        self._title("Its stages go on without it. What is on record:")
        self._show_newest()

    def _wait_until_it_trains(self, process: "subprocess.Popen[str]") -> None:
        """Return as soon as the record says that the stage of step 2 is running."""
        while process.poll() is None:
            stages = {each["name"]: each["state"] for each in self._newest()["stages"]}
            if stages.get(STAGE) == "started":
                return
        raise EngineError(f"the run ended while {STAGE} was starting")

    def _resume(self) -> None:
        self._title("Resume: what succeeded is kept, what still runs is joined")
        self.shell.show("workflow", IN_NAMESPACE, "--resume")

    def _ask_the_model(self) -> None:
        self._title("The model is served. Which iris has a sepal of 5.1 cm by 3.5 cm?")
        self.shell.show("service", "display", IN_NAMESPACE)
        [service] = self.shell.ask("services", "service", "display", IN_NAMESPACE)
        address, flower = str(service["address"]), json.dumps(FLOWER)
        self._say(f"$ curl {address} -d '{flower}'")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, flower.encode(), timeout=30) as answer:
            self._say(answer.read().decode().strip())

    def _runs(self) -> list[dict[str, Any]]:
        return self.shell.ask("runs", "status", IN_NAMESPACE)

    def _newest(self) -> dict[str, Any]:
        return next(iter(self._runs()), {"run": "", "stages": []})

    def _show_newest(self) -> None:
        self.shell.show("status", IN_NAMESPACE, str(self._newest()["run"]))

    def _title(self, text: str) -> None:
        self._say(f"\n# {text}")

    def _say(self, line: str) -> None:
        self.shell.say(line)


def run_demo(home: Path | None, say: Say) -> int:
    """Run the demonstration; leave nothing running, and the installed packages for next time.

    Args:
        home: folder to work in; None for one in the user's cache.
        say: told each line.

    Raises:
        UsageError: there is no Git, or the folder is in use by another demonstration.
        EngineError: a step of it failed.
    """
    if shutil.which("git") is None:
        raise UsageError("git is not installed", hint="install it, and try again")
    if home is None:
        from bodywork.local import cache_folder

        home = cache_folder() / "demo"
    home = home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        demo = Demo(home, Shell(home, say))
        demo.clean_up()
        try:
            demo.run()
        finally:
            demo.clean_up()
    say("\nNothing is left running. To run a project of your own on this machine:")
    say("  export BODYWORK_ENGINE=local")
    say("  bodywork workflow --namespace=NAMESPACE GIT_REPO_URL BRANCH")
    return 0


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep a second demonstration out of the folder, whose runs it would mistake for its own."""
    with (home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another demonstration is running in {home}",
                hint="wait for it, or name another folder: bodywork demo --home FOLDER",
            ) from None
        yield
