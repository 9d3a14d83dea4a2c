"""A project of a place: its stages as a node runs them, and as the scripted kubelet plays them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from bodywork.cluster import labels
from bodywork.model.names import StageName
from bodywork.model.stage import Batch
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Progress
from bodywork.workflow.record import parse_progress
from statemachine.checkpoint import Checkpoint
from statemachine.codec import decode
from tests.cluster.crash.client import Endpoints, Requests
from tests.cluster.crash.commands import KILLED, Command
from tests.cluster.crash.place import Place
from tests.cluster.kubelet import Codes
from tests.cluster.projects import Project
from tests.cluster.site import Said
from tests.cluster.waiting import wait_for

OVERTAKEN = 3
LIMIT_SECONDS = 600
"""For every stage: a busy machine is not a fault."""
_BATCH = """import os
codes = {codes}
raise SystemExit(codes[min(int(os.environ["BODYWORK_ATTEMPT"]), len(codes)) - 1])
"""
_HOLDS = "import time\ntime.sleep(600)\n"


@dataclass(frozen=True)
class Record:
    """A run as its ConfigMap tells of it."""

    name: str
    checkpoint: Checkpoint

    @property
    def state(self) -> str:
        return self.checkpoint.state

    @property
    def created(self) -> datetime:
        return self.checkpoint.created_at

    @property
    def ended(self) -> bool:
        return self.state in lifecycle.TERMINAL

    @cached_property
    def progress(self) -> Progress:
        return parse_progress(self.checkpoint.data)

    def attempts(self) -> Iterator[tuple[str, int, str]]:
        """Yield each attempt's stage, number and state."""
        for name, stage in self.progress.stages.items():
            for attempt in stage.attempts:
                yield name, attempt.number, attempt.state

    def is_batch(self, stage: str) -> bool:
        workflow = self.progress.workflow
        return workflow is not None and isinstance(workflow.stages[StageName(stage)].kind, Batch)


class Scene:
    """A new project.

    Attributes:
        commits: of its main branch, oldest first.
        companions: the runs that were begun beside the one that is killed.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.name = place.new_project()
        folder = place.folder / "repositories" / self.name
        self.repository = str(folder)
        self._project = Project(folder, place.site.cluster.image, "", self.name)
        self._codes: dict[str, Codes] = {}
        self.commits: list[str] = []
        self.companions: set[str] = set()
        self._controllers: list[Command] = []
        self._accompanying: list[Command] = []
        self._clients: list[Endpoints | Requests] = []

    @property
    def workflow(self) -> tuple[str, ...]:
        """The command that begins a run."""
        return ("workflow", self.repository, "main")

    def dag(self, dag: str) -> None:
        """Say which stages there are."""
        self._project.workflow(dag)

    def batch(self, name: str, *codes: int, retries: int = 0) -> None:
        """Write a batch stage whose attempts end so (default: well)."""
        self._codes[name] = codes or (0,)
        script = _BATCH.format(codes=self._codes[name])
        self._project.batch(name, script, seconds=LIMIT_SECONDS, retries=retries)

    def hold(self, name: str) -> None:
        """Write a batch stage that goes on until it is ended."""
        self._codes[name] = ()
        self._project.batch(name, _HOLDS, seconds=LIMIT_SECONDS)

    def service(self, name: str, word: str) -> None:
        """Write a service that answers with the word."""
        self._codes.pop(name, None)
        self._project.service(name, word=word, seconds=LIMIT_SECONDS)

    def broken_service(self, name: str) -> None:
        """Write a service that ends as soon as it is started."""
        self._codes[name] = (3,)
        self._project.service(name, "raise SystemExit(3)", seconds=LIMIT_SECONDS)

    def commit(self) -> None:
        """Commit, and have the kubelet play it so."""
        commit = self._project.commit()
        self.commits.append(commit)
        if self.place.kubelet:
            for stage, codes in self._codes.items():
                self.place.kubelet.play(commit, stage, codes)

    def run(self, *arguments: str) -> Said:
        """Run a command to its end, with no fuse in it."""
        return self.place.begin(*arguments).wait()

    def begin(self, *arguments: str) -> Command:
        """Start a controller that another command will overtake, or the test will kill."""
        command = self.place.begin(*arguments, beside=True)
        self._controllers.append(command)
        return command

    def accompany(self, *arguments: str) -> None:
        """Start a controller of another run, which must come to its end by itself."""
        name = f"{self.name}-other"
        self.companions.add(name)
        self._accompanying.append(self.place.begin(*arguments, f"--as={name}", beside=True))

    def await_controllers(self) -> None:
        """Return when those that were begun have ended, each as it must."""
        for command in self._controllers:
            said = command.wait()
            assert said.code in (OVERTAKEN, KILLED), said
        for command in self._accompanying:
            said = command.wait()
            assert said.code == 0, said

    def watch_service(self, stage: str) -> None:
        """Look from now on whether a service answers."""
        scripted = self.place.kubelet is not None
        place = self.place
        if scripted:
            self._clients.append(Endpoints(place.site.cluster, place.namespace, self.name, stage))
        else:
            self._clients.append(Requests(place.site, self.name, stage))

    def unanswered(self) -> Iterator[str]:
        """Yield what was not answered; looks no more."""
        for each in self._clients:
            each.close()
            if each.failures or not each.looks:
                heard = "".join(f"\n    {line}" for line in each.seen)
                failed = f"of {each.looks} looks at the service, {each.failures} found no answer"
                yield failed + heard
        self._clients.clear()

    def records(self) -> dict[str, Record]:
        """Return all runs of the project, by name."""
        found = {}
        for each in self.place.objects("config_maps", f"{labels.KIND}=run"):
            name = each["metadata"]["name"]
            record = Record(name, decode(each["data"]["checkpoint.json"].encode()).checkpoint)
            if record.progress.request.repository == self.repository:
                found[name] = record
        return found

    def await_pod(self, stage: str) -> None:
        """Return when a pod of the stage runs."""
        wait_for(
            self.place.site,
            "api/v1",
            "pods",
            lambda pod: pod.get("status", {}).get("phase") == "Running",
            selector=f"{labels.PROJECT}={self.name},{labels.STAGE}={stage}",
        )

    def clear(self) -> None:
        """Delete all that there is of it."""
        for each in self._clients:
            each.close()
        self.place.clear(self.name, list(self.records()))
