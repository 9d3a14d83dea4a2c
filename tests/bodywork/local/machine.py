"""The embedded engine with a run in it, and no controller: what the tests drive by hand."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bodywork.local import LocalAdministration, LocalEngine, processes
from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.repository import Deployer
from bodywork.model.run import Checkout, Claim, Observation, Phase, StageRun
from bodywork.model.stage import Batch, SecretVariable, Service, Stage

NAMESPACE = Namespace("shop")
PROJECT = ProjectName("shop")
COMMIT = "c" * 40
DEPLOYER = Deployer("host/ada/shop")
SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{word}")
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 5000), Handler).serve_forever()
"""


class Fence:
    """The guard of the tests: it can be told that another controller has taken over."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    @contextmanager
    def __call__(self, run: RunName) -> Iterator[None]:
        if self.error:
            raise self.error
        yield


class Machine:
    """A state folder, and engines that look at it."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self.cache = cache
        self.fence = Fence()
        self.administration = LocalAdministration(root)
        self.administration.setup_namespace(NAMESPACE)
        self.engine = self.new_engine()
        self._engines = [self.engine]

    def new_engine(self) -> LocalEngine:
        """Return an engine as another controller would have it."""
        engine = LocalEngine(self.root, NAMESPACE, guard=self.fence, environments=self.cache)
        if hasattr(self, "_engines"):
            self._engines.append(engine)
        return engine

    def run_folder(self, run: str = "run-1") -> Path:
        return self.root / "namespaces" / NAMESPACE / "runs" / run

    def publish(self, files: Mapping[str, str | bytes], run: str = "run-1") -> None:
        """Give the engine a project of these files: `stage/main.py` and so on."""
        folder = self.root / f"checkout-{run}"
        for name, content in files.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)
        for stage in {name.split("/")[0] for name in files}:
            (folder / stage / "requirements.txt").touch()
        self.run_folder(run).mkdir(parents=True, exist_ok=True)
        self.engine.publish_source(RunName(run), Checkout("r", "main", COMMIT, folder, {}))

    def start(self, stage: Stage, number: int = 1, run: str = "run-1") -> StageRun:
        """Start an attempt of a batch stage."""
        attempt = attempt_of(stage.name, number, run)
        self.engine.ensure_job(attempt, stage, COMMIT, "image")
        return attempt

    def finish(self, attempt: StageRun) -> Observation:
        """Wait for the end of a batch attempt."""
        while not (seen := self.engine.observe_job(attempt)).phase.ended:
            self.engine.wait([attempt], None)
        return seen

    def run(self, script: str, stage: Stage | None = None, run: str = "run-1") -> Observation:
        """Publish one stage, run it, and return how it ended."""
        stage = stage or batch()
        self.publish({f"{stage.name}/main.py": script}, run)
        return self.finish(self.start(stage, run=run))

    def deploy(self, stage: Stage, run: str, *, accept: bool = True) -> Observation:
        """Deploy a service's version until it is ready or has failed."""
        attempt = attempt_of(stage.name, 1, run)
        self.claim(attempt)
        self.engine.ensure_version(attempt, stage, COMMIT, "image")
        seen = self.prove(attempt)
        if accept and seen.phase is Phase.READY:
            self.engine.accept_version(attempt)
        return seen

    def claim(self, attempt: StageRun) -> Claim:
        """Take the claim, as where each other run has ended."""
        answer = self.engine.claim_service(
            attempt, "image", DEPLOYER, lambda run: run != attempt.run
        )
        assert isinstance(answer, Claim)
        return answer

    def prove(self, attempt: StageRun) -> Observation:
        """Look at a version until it is ready or cannot become so."""
        while (seen := self.engine.observe_version(attempt)).phase in (
            Phase.PENDING,
            Phase.RUNNING,
        ):
            self.engine.wait([attempt], None)
        return seen

    def log(self, attempt: StageRun) -> list[str]:
        return [line.text for line in self.engine.read_log(attempt)]

    def clear(self) -> None:
        """End everything."""
        for service in self.administration.services(NAMESPACE):
            self.administration.delete_service(NAMESPACE, service.name)
        for run in self.run_folder().parent.iterdir():
            self.engine.forget(RunName(run.name))
        for engine in self._engines:
            engine.close()
        shutil.rmtree(self.root)


def lay_out(folder: Path, command: list[str], **more: object) -> None:
    """Lay an attempt out whose script is any command, in an empty folder."""
    source = folder.parent / "source"
    (source / "job").mkdir(parents=True, exist_ok=True)
    spec: dict[str, object] = {
        "uid": folder.name,
        "source": str(source),
        "folder": "job",
        "command": command,
        "limit_seconds": None,
        "limit_reason": "too long",
        "startup_seconds": None,
        "without": (),
        "environment": {},
        "secrets": {},
        "notes": (),
    }
    assert processes.lay_out(folder, spec | more)


def batch(name: str = "job", seconds: int = 60, *secrets: tuple[str, str]) -> Stage:
    pairs = tuple(SecretVariable(*pair) for pair in secrets)
    return Stage(StageName(name), Batch(seconds, 0), "main.py", secrets=pairs)


def service(name: str = "serve", seconds: int = 20, port: int = 5000, replicas: int = 1) -> Stage:
    return Stage(StageName(name), Service(seconds, replicas, port), "main.py")


def attempt_of(stage: str, number: int = 1, run: str = "run-1") -> StageRun:
    return StageRun(NAMESPACE, PROJECT, RunName(run), StageName(stage), number)


def until(condition: "object", seconds: float = 10.0) -> None:
    """Wait for a condition that has no event: the end of a process that is not our child."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        os.sched_yield()


def is_running(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
