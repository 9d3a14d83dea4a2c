"""What one controller knows of a run's objects: its Jobs, its pods, and why pods are refused."""

from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.errors import Forbidden
from bodywork.cluster.limits import Limits
from bodywork.cluster.verdicts import has_owner
from bodywork.cluster.watching import Bell, Watched
from bodywork.model.names import Namespace, RunName, job_name
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
        client: Client,
        namespace: Namespace,
        run: RunName,
        bell: Bell,
        scheduler: Scheduler = THREADS,
    ) -> None:
        self.bell = bell
        self.limits = Limits(scheduler.monotonic)
        mine = f"{labels.RUN}={run}"

        def watched(path: str) -> Watched:
            return Watched(
                client,
                path,
                bell,
                label_selector=mine,
                gives_up=client.patient,
                scheduler=scheduler,
            )

        self._jobs = watched(paths.jobs(namespace))
        self._pods = watched(paths.pods(namespace))
        self._events = Watched(
            client.candid(),
            paths.events(namespace),
            bell,
            field_selector="reason=FailedCreate",
            scheduler=scheduler,
        )

    def job(self, attempt: StageRun) -> Found | None:
        """Return the attempt's Job, as far as is known here."""
        name = job_name(attempt.run, attempt.project, attempt.stage, attempt.attempt)
        for job in self._jobs.objects():
            if job["metadata"]["name"] == name:
                return job
        return None

    def jobs(self) -> list[Found]:
        """Return the run's Jobs."""
        return self._jobs.objects()

    def forget_job(self, uid: str) -> None:
        """Hear that a Job is gone from an answer to a write."""
        self._jobs.forget(uid)

    def learn_job(self, job: Found) -> None:
        """Hear of a Job from an answer to a write."""
        self._jobs.learn(job)

    def pods(self) -> list[Found]:
        """Return the run's pods, of Jobs and services; a copy by hand has their labels alone."""
        return [pod for pod in self._pods.objects() if has_owner(pod)]

    def pod_again(self, uid: str) -> Found | None:
        """Return the pod as it is now; None where it is gone."""
        self._pods.relist()
        return next((pod for pod in self.pods() if pod["metadata"]["uid"] == uid), None)

    def refusals(self, uid: str) -> list[str]:
        """Return why the pods of the object with this uid were refused, the newest last.

        Events explain, and decide nothing: without the right to read them, none is known.
        """
        try:
            events = self._events.objects()
        except Forbidden:
            return []
        found = [each for each in events if each["involvedObject"].get("uid") == uid]
        found.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
        return [str(each.get("message", "")) for each in found]

    def close(self) -> None:
        """Stop watching."""
        for watched in (self._jobs, self._pods, self._events):
            watched.close()
