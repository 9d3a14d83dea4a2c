"""The Kubernetes engine: the port `Engine`, over the objects of one namespace.

Nothing here is fenced by a lock, and need not be: each object has the one name that it can have,
each change names the version that it was decided on, and who was overtaken learns it there.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.deployments import Deployments
from bodywork.cluster.jobs import Jobs
from bodywork.cluster.logs import read_pod_log
from bodywork.cluster.sources import Sources
from bodywork.cluster.verdicts import ending, has_owner, has_started
from bodywork.cluster.views import PATIENCE_SECONDS, RunView
from bodywork.cluster.watching import Bell, Watched
from bodywork.cluster.writes import discard
from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.repository import Deployer
from bodywork.model.run import (
    Checkout,
    Claim,
    HeldBy,
    LogLine,
    Observation,
    Phase,
    ServiceVersion,
    StageRun,
)
from bodywork.model.stage import Stage
from bodywork.ports import IsOver
from statemachine.scheduling import THREADS, Scheduler

Found = dict[str, Any]

STREAM_SECONDS = 3.0
"""How long after the end of a log its stage's end is waited for, before the log is asked again."""


class KubernetesEngine:
    """Stages as Jobs and Deployments of a namespace.

    Args:
        client: the cluster.
        namespace: the one that this engine serves.
        owner_of: the owner reference that ties an object to its run's record.
        scheduler: gives the threads that watch.
    """

    name = "kubernetes"

    def __init__(
        self,
        client: Client,
        namespace: Namespace,
        *,
        owner_of: Callable[[RunName], Found],
        scheduler: Scheduler = THREADS,
    ) -> None:
        self.namespace = namespace
        self._client = client
        self._scheduler = scheduler
        self._bell = Bell(scheduler)
        self._heard = 0
        self._over: set[StageRun] = set()
        self._views: dict[RunName, RunView] = {}
        self._watched = Watched(
            client,
            paths.deployments(namespace),
            self._bell,
            label_selector=f"{labels.MANAGED_BY}={labels.BODYWORK}",
            scheduler=scheduler,
            gives_up=client.patient,
        )
        self._sources = Sources(client, namespace, owner_of)
        self._jobs = Jobs(client, self._sources, self._view, owner_of)
        self._services = Deployments(client, namespace, self._sources, self._view, self._watched)

    def close(self) -> None:
        """Stop watching; stages go on."""
        for view in self._views.values():
            view.close()
        self._watched.close()

    def heed(self, check: Callable[[], None], check_unless_recent: Callable[[], None]) -> None:
        """Ask before a write is sent, and sent again, whoever sends it over this client."""
        self._client.require_ownership = check
        self._client.require_recent_ownership = check_unless_recent

    def publish_source(self, run: RunName, checkout: Checkout) -> None:
        """Tell the run's stages where their code is; a folder's travels as a snapshot."""
        self._sources.publish(run, checkout)

    def release(self, run: RunName, commit: str = "") -> None:
        """Drop the run's source, except what a service starts from, and keep its name."""
        self._sources.release(run, commit)

    def forget(self, run: RunName) -> None:
        """Delete the run's Jobs, with pods and logs, and its source; not a service."""
        selector = f"{labels.RUN}={run},{labels.MANAGED_BY}={labels.BODYWORK}"
        items, _ = self._client.list_all(paths.jobs(self.namespace), label_selector=selector)
        for each in items:
            path = paths.job(self.namespace, each["metadata"]["name"])
            discard(self._client, path, str(each["metadata"]["uid"]))
        self._sources.forget(run)
        self._services.forget(run)
        view = self._views.pop(run, None)
        if view is not None:
            view.close()

    def ensure_job(self, attempt: StageRun, stage: Stage, commit: str, image: str) -> str:
        """Create the attempt's Job unless it ever was."""
        return self._jobs.ensure(attempt, stage, commit, image)

    def observe_job(self, attempt: StageRun) -> Observation:
        """Look at the attempt."""
        return self._noted(attempt, self._jobs.observe(attempt))

    def stop_job(self, attempt: StageRun) -> None:
        """End the attempt; its Job and its log stay."""
        self._jobs.stop(attempt)

    def cores(self) -> float | None:
        """Return None: the scheduler lets pods wait for room."""
        return None

    def is_closed(self, attempt: StageRun) -> bool:
        """Say whether the cluster itself has closed its books on the attempt."""
        return self._jobs.is_closed(attempt)

    def live_version(self, project: ProjectName, stage: StageName) -> ServiceVersion | None:
        """Return the version that was accepted last."""
        return self._services.live_version(project, stage)

    def owner_of_service(self, project: ProjectName, stage: StageName, is_over: IsOver) -> str:
        """Return the repository that a service belongs to."""
        return self._services.owner(project, stage, is_over)

    def claim_service(
        self, attempt: StageRun, image: str, deployer: Deployer, is_over: IsOver
    ) -> Claim | HeldBy:
        """Take the claim on the service for the attempt's run."""
        return self._services.claim(attempt, image, deployer, is_over)

    def abandon_claim(self, attempt: StageRun, image: str) -> None:
        """Give up a claim under which nothing was changed."""
        self._services.abandon_claim(attempt, image)

    def ensure_version(self, attempt: StageRun, stage: Stage, commit: str, image: str) -> str:
        """Begin to roll the attempt out beside the live version."""
        return self._services.ensure(attempt, stage, commit, image)

    def observe_version(self, attempt: StageRun) -> Observation:
        """Look at the version."""
        return self._noted(attempt, self._services.observe(attempt))

    def accept_version(self, attempt: StageRun) -> None:
        """Note that the version is the live one."""
        self._services.accept(attempt)

    def restore_version(self, attempt: StageRun, claim: Claim) -> Observation:
        """Take the next step back to the version before."""
        return self._services.restore(attempt, claim)

    def settle(self, attempt: StageRun, keep: Sequence[str]) -> None:
        """Drop the snapshots of versions that cannot come back."""
        self._services.settle(attempt, keep)

    def wait(self, attempts: Sequence[StageRun], timeout: float | None) -> None:
        """Block until anything about the run's objects has changed since the last look."""
        limit = PATIENCE_SECONDS if timeout is None else min(timeout, PATIENCE_SECONDS)
        self._bell.wait(self._heard, limit)
        self._heard = self._bell.count  # what comes from now on is not yet looked at

    def read_log(
        self, attempt: StageRun, after: int = 0, *, follow: bool = False
    ) -> Iterator[LogLine]:
        """Yield the lines of the attempt's newest pod."""
        if follow:
            return self._follow(attempt, after)
        pod = self._pod_of(attempt)
        return iter(()) if pod is None else self._read(pod, after, follow=False)

    def _follow(self, attempt: StageRun, after: int) -> Iterator[LogLine]:
        """Wait until there is something to read, or never will be.

        Each pod has places of its own: it may be on another node, whose clock is behind.
        """
        self._view(attempt.run)
        places: dict[str, int] = {}
        word = ""
        while True:
            heard = self._bell.count
            pod = self._pod_of(attempt)
            if pod is not None and has_started(pod):
                uid = str(pod["metadata"]["uid"])
                before = after = places.setdefault(uid, 0 if places else after)
                for line in self._read(pod, after, follow=True):
                    is_word = line.position == after  # of the kubelet, or why nothing can be read
                    places[uid] = after = line.position
                    if not is_word or line.text != word:
                        yield line
                    word = line.text if is_word else word
                if self._is_over(attempt):
                    return
                if after > before:
                    continue  # the stream was cut: go on after the last line
            if attempt in self._over:
                return
            self._bell.wait(heard, PATIENCE_SECONDS)

    def _is_over(self, attempt: StageRun) -> bool:
        """Say whether the attempt has ended, of which its log's end may be told first."""
        deadline = self._scheduler.monotonic() + STREAM_SECONDS
        while self._scheduler.monotonic() < deadline:
            heard = self._bell.count
            pod = self._pod_of(attempt)
            if pod is None or attempt in self._over or ending(pod) is not None:
                return True
            self._bell.wait(heard, STREAM_SECONDS)
        return False

    def _read(self, pod: Found, after: int, *, follow: bool) -> Iterator[LogLine]:
        name = pod["metadata"]["name"]
        return read_pod_log(self._client, self.namespace, name, after, follow=follow)

    def _noted(self, attempt: StageRun, seen: Observation) -> Observation:
        """Remember what is over, for those who wait for its log."""
        if (seen.phase.ended or seen.phase is Phase.READY) and attempt not in self._over:
            self._over.add(attempt)
            self._bell.ring()
        return seen

    def _pod_of(self, attempt: StageRun) -> Found | None:
        wanted = labels.labels_of(attempt)
        if attempt.run in self._views:
            known = self._views[attempt.run].pods()
            pods = [pod for pod in known if wanted.items() <= pod["metadata"]["labels"].items()]
        else:
            selector = ",".join(f"{key}={value}" for key, value in sorted(wanted.items()))
            found, _ = self._client.list_all(paths.pods(self.namespace), label_selector=selector)
            pods = [pod for pod in found if has_owner(pod)]
        pods.sort(key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
        return pods[-1] if pods else None

    def _view(self, run: RunName) -> RunView:
        if run not in self._views:
            self._views[run] = RunView(
                self._client, self.namespace, run, self._bell, self._scheduler
            )
        return self._views[run]
