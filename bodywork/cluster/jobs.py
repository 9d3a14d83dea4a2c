"""Batch stages: one Job an attempt, under the one name that it can have."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.errors import AlreadyExists, Forbidden
from bodywork.cluster.manifests import build_job
from bodywork.cluster.sources import Sources
from bodywork.cluster.verdicts import is_over, judge_job, owned_by
from bodywork.cluster.views import RunView
from bodywork.errors import EngineError, NotFound
from bodywork.model.names import RunName, job_name
from bodywork.model.run import Observation, Phase, StageRun
from bodywork.model.stage import Stage

Found = dict[str, Any]
STOPPED = "stopped"


class Jobs:
    """The batch attempts of one namespace."""

    def __init__(
        self,
        client: Client,
        sources: Sources,
        view: Callable[[RunName], RunView],
        owner_of: Callable[[RunName], Found],
    ) -> None:
        self._client = client
        self._sources = sources
        self._view = view
        self._owner_of = owner_of

    def ensure(self, attempt: StageRun, stage: Stage, commit: str, image: str) -> str:
        """Create the Job unless it ever was; return its uid.

        The list that the view begins with is the look before: where a quota is exhausted, creating
        what exists is refused as if it did not.
        """
        view = self._view(attempt.run)
        known = view.job(attempt)
        if known is None:
            source = self._sources.of(attempt.run, commit)
            owner = self._owner_of(attempt.run)
            known = self._create(attempt, build_job(attempt, stage, image, source, owner))
            view.learn_job(known)
        self._require_ours(known, attempt)
        return str(known["metadata"]["uid"])

    def observe(self, attempt: StageRun) -> Observation:
        """Look at the attempt; what cannot start any more is ended before it is said to be so."""
        job = self._find(attempt)
        if job is None:
            return Observation(Phase.ABSENT, reason="its Job was deleted")
        seen = self._judge(attempt, job)
        if seen.phase is Phase.PENDING and seen.final:
            self._end(job, seen.reason, seen.hint)
            return replace(seen, final=False)
        doomed = _verdict(job)
        if doomed and seen.phase is Phase.FAILED:
            return replace(seen, reason=doomed, hint=_hint(job), final=doomed != STOPPED)
        return seen

    def stop(self, attempt: StageRun) -> None:
        """End the attempt, and return when nothing of it runs."""
        view = self._view(attempt.run)
        job = self._find(attempt)
        while job is not None and not self._is_at_rest(attempt, job):
            heard = view.bell.count
            if not _verdict(job):
                self._end(job, STOPPED)
            view.bell.wait(heard, view.patience)
            job = self._find(attempt)

    def is_closed(self, attempt: StageRun) -> bool:
        """Say whether the Job itself says that it has ended, or is gone."""
        job = self._find(attempt)
        return job is None or is_over(job)

    def _judge(self, attempt: StageRun, job: Found) -> Observation:
        view = self._view(attempt.run)
        pods = owned_by(view.pods(), job["metadata"]["uid"])
        refusals = view.refusals(job["metadata"]["uid"]) if not pods else ()
        return judge_job(job, pods, refusals)

    def _is_at_rest(self, attempt: StageRun, job: Found) -> bool:
        if not self._judge(attempt, job).phase.ended:
            return False
        pods = owned_by(self._view(attempt.run).pods(), job["metadata"]["uid"])
        return all(pod["status"].get("phase") in ("Succeeded", "Failed") for pod in pods)

    def _find(self, attempt: StageRun) -> Found | None:
        """Return the Job; that there is none is believed of the API server alone."""
        view = self._view(attempt.run)
        known = view.job(attempt)
        if known is not None:
            return known
        try:
            found = self._client.get(_path(attempt))
        except NotFound:
            return None
        self._require_ours(found, attempt)
        view.learn_job(found)
        return found

    def _create(self, attempt: StageRun, manifest: Found) -> Found:
        try:
            return self._client.create(paths.jobs(attempt.namespace), manifest)
        except AlreadyExists:
            return self._client.get(_path(attempt))
        except Forbidden:
            try:
                return self._client.get(_path(attempt))
            except NotFound:
                pass
            raise

    def _require_ours(self, found: Found, attempt: StageRun) -> None:
        expected = labels.labels_of(attempt)
        labels.require_ours(found, expected)
        owner = self._owner_of(attempt.run)
        owners = found["metadata"].get("ownerReferences") or []
        if all(each["uid"] != owner["uid"] for each in owners):
            raise EngineError(
                f"the Job {found['metadata']['name']} belongs to another record of this run",
                hint="was the record deleted and made anew? Remove that Job",
            )

    def _end(self, job: Found, reason: str, hint: str = "") -> None:
        """Let the Job fail now, and note why; the pod first, so that its log stays."""
        namespace = job["metadata"]["namespace"]
        run = RunName(job["metadata"]["labels"][labels.RUN])
        for pod in owned_by(self._view(run).pods(), job["metadata"]["uid"]):
            if pod["status"].get("startTime") and pod["status"].get("phase") == "Running":
                path = paths.pod(namespace, pod["metadata"]["name"])
                self._client.patch(path, {"spec": {"activeDeadlineSeconds": 1}})
                self._note(job, reason, hint, {})
                return
        self._note(job, reason, hint, {"spec": {"activeDeadlineSeconds": 1}})

    def _note(self, job: Found, reason: str, hint: str, more: Found) -> None:
        name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        run = RunName(job["metadata"]["labels"][labels.RUN])
        told = {labels.VERDICT: reason, **({labels.HINT: hint} if hint else {})}
        noted = {"metadata": {"annotations": told}, **more}
        self._view(run).learn_job(self._client.patch(paths.job(namespace, name), noted))


def _verdict(job: Found) -> str:
    return str((job["metadata"].get("annotations") or {}).get(labels.VERDICT, ""))


def _hint(job: Found) -> str:
    return str((job["metadata"].get("annotations") or {}).get(labels.HINT, ""))


def _path(attempt: StageRun) -> str:
    name = job_name(attempt.run, attempt.project, attempt.stage, attempt.attempt)
    return paths.job(attempt.namespace, name)
