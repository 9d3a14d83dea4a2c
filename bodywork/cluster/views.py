"""What one controller knows of a run's objects: its Jobs, its pods, and why pods are refused."""

from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.limits import Limits
from bodywork.cluster.watching import Bell, Reading, Watched
from bodywork.model.names import Namespace, RunName
from bodywork.model.run import StageRun
from statemachine.scheduling import THREADS, Scheduler

Found = dict[str, Any]
PATIENCE_SECONDS = 30.0


class RunView:
    """The objects of one run, kept up to date by watches that begin when they are first needed."""

    patience = PATIENCE_SECONDS
    """After how many seconds of silence it is worth another look."""

    def __init__(
        self,
        client: Reading,
        namespace: Namespace,
        run: RunName,
        bell: Bell,
        scheduler: Scheduler = THREADS,
    ) -> None:
        self.bell = bell
        self.limits = Limits(scheduler.monotonic)
        mine = f"{labels.RUN}={run}"
        self._jobs = Watched(
            client, paths.jobs(namespace), bell, label_selector=mine, scheduler=scheduler
        )
        self._pods = Watched(
            client, paths.pods(namespace), bell, label_selector=mine, scheduler=scheduler
        )
        self._events = Watched(
            client,
            paths.events(namespace),
            bell,
            field_selector="reason=FailedCreate",
            scheduler=scheduler,
        )

    def job(self, attempt: StageRun) -> Found | None:
        """Return the attempt's Job, as far as is known here."""
        for job in self._jobs.objects():
            borne = job["metadata"]["labels"]
            same = borne.get(labels.STAGE) == attempt.stage
            if same and borne.get(labels.ATTEMPT) == str(attempt.attempt):
                return job
        return None

    def jobs(self) -> list[Found]:
        """Return the run's Jobs."""
        return self._jobs.objects()

    def learn_job(self, job: Found) -> None:
        """Hear of a Job from an answer to a write."""
        self._jobs.learn(job)

    def pods(self) -> list[Found]:
        """Return the run's pods, of Jobs and services."""
        return self._pods.objects()

    def refusals(self, uid: str) -> list[str]:
        """Return why the pods of the object with this uid were refused, the newest last."""
        found = [
            each for each in self._events.objects() if each["involvedObject"].get("uid") == uid
        ]
        found.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
        return [str(each.get("message", "")) for each in found]

    def close(self) -> None:
        """Stop watching."""
        for watched in (self._jobs, self._pods, self._events):
            watched.close()
