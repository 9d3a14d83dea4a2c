"""Batch stages: one Job an attempt, under the one name that it can have."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.errors import NamespaceEnding
from bodywork.cluster.manifests import build_job
from bodywork.cluster.sources import Sources
from bodywork.cluster.tombstones import CALLED_OFF, build_tombstone, is_called_off
from bodywork.cluster.trouble_rows import Wait
from bodywork.cluster.troubles import BRIEFLY_SECONDS
from bodywork.cluster.verdicts import (
    condition,
    has_ended,
    is_being_deleted,
    is_over,
    is_owned_by,
    judge_job,
    lifetime,
    owned_by,
    still_beside,
    stuck_pods,
    trouble_of,
    waiting,
)
from bodywork.cluster.views import RunView
from bodywork.cluster.writes import CONFLICTS, converge, is_merged, look, merge
from bodywork.errors import EngineError
from bodywork.model.names import RunName, job_name
from bodywork.model.run import Observation, Phase, StageRun
from bodywork.model.stage import Stage

Found = dict[str, Any]
LOG = logging.getLogger("bodywork.cluster")
STOPPED = "stopped"
BESIDE_SECONDS = 15
"""How long other containers of a pod may go on after the stage's has ended."""
ASKED_AGAIN, GIVEN_UP = 2, 4
"""After how many looks' patience an end that does not come is asked of the Job itself, and is not
waited for any more."""


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
            if labels.are_borne(known, labels.labels_of(attempt)):
                view.learn_job(known)
        self._require_ours(known, attempt)
        return str(known["metadata"]["uid"])

    def observe(self, attempt: StageRun) -> Observation:
        """Look at the attempt; what cannot start any more is ended before it is said to be so."""
        job = self._find(attempt)
        if job is None or is_called_off(job):
            return Observation(Phase.ABSENT, reason=CALLED_OFF if job else "its Job was deleted")
        seen = self._judge(attempt, job)
        if is_being_deleted(job) and not seen.phase.ended:
            return self._being_deleted(attempt, job, seen)
        if seen.phase is Phase.PENDING:
            return self._judge_start(attempt, job, seen)
        if seen.phase.ended:
            self._end_what_is_beside(attempt, job)
        elif self._hangs(attempt, job):
            return waiting(replace(seen, phase=Phase.LOST), stuck_pods(self._pods(attempt, job)))
        doomed = _verdict(job)
        if doomed and seen.phase is Phase.FAILED:
            final = doomed != STOPPED and not labels.annotation(job, labels.AGAIN)
            return replace(
                seen, reason=doomed, hint=labels.annotation(job, labels.HINT), final=final
            )
        return seen

    def stop(self, attempt: StageRun) -> None:
        """End the attempt, and return when nothing of it runs, or ever can.

        The kubelet is asked first, which keeps the pod with its log; then the Job's controller.

        Raises:
            EngineError: nothing has ended it, as on a node that is dead: it may run on.
        """
        view = self._view(attempt.run)
        job = self._find(attempt) or self._call_off(attempt)
        while job is not None and not self._is_at_rest(attempt, job):
            heard, uid = view.bell.count, job["metadata"]["uid"]
            if not _verdict(job):
                self._end(attempt, job, STOPPED)
            asked = job["spec"].get("activeDeadlineSeconds") == 1
            if not asked and view.limits.is_over((uid, "end"), ASKED_AGAIN * view.patience):
                self._patch(attempt, job, {"spec": {"activeDeadlineSeconds": 1}})
            elif view.limits.is_over((uid, "stop"), GIVEN_UP * view.patience):
                stuck = stuck_pods(self._pods(attempt, job))
                raise EngineError(stuck.reason, hint=stuck.hint)
            view.bell.wait(heard, view.patience)
            job = self._find(attempt) or self._call_off(attempt)

    def _being_deleted(self, attempt: StageRun, job: Found, seen: Observation) -> Observation:
        """Say of a Job that goes, and has no result, that it is lost once nothing of it runs."""
        pods = self._pods(attempt, job)
        if any(pod["status"].get("phase") == "Running" for pod in pods):
            return replace(seen, phase=Phase.RUNNING, reason="its Job is being deleted", hint="")
        uid = str(job["metadata"]["uid"])
        return Observation(Phase.LOST, uid=uid, reason="its Job is being deleted")

    def is_closed(self, attempt: StageRun) -> bool:
        """Say whether the Job itself says that it has ended, or is gone.

        Of a stage that has ended, this is not waited for without end; what does not agree with it
        is said in the log.
        """
        job = self._find(attempt)
        if job is None or condition(job, "Complete") or is_called_off(job):
            return True
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        if not is_over(job):
            view = self._view(attempt.run)
            if not view.limits.is_over((uid, "closed"), GIVEN_UP * view.patience):
                return False
            stuck = stuck_pods(self._pods(attempt, job))
            self._warn(attempt, f"its Job {name} is not Complete: {stuck.reason}")
            return True
        beside = labels.annotation(job, labels.OUTLIVED)
        because = f", as container {beside} outlived it" if beside else ""
        self._warn(
            attempt, f"it has succeeded, and Kubernetes calls its Job {name} Failed{because}"
        )
        return True

    def _call_off(self, attempt: StageRun) -> Found | None:
        """Take the name of an attempt that has no Job; None where no Job can be made any more."""
        try:
            job = self._create(attempt, build_tombstone(attempt, self._owner_of(attempt.run)))
        except NamespaceEnding:
            return None
        self._require_ours(job, attempt)
        self._view(attempt.run).learn_job(job)
        return job

    def _judge_start(self, attempt: StageRun, job: Found, seen: Observation) -> Observation:
        """End what will not start, and go on looking until it has ended."""
        if self._hangs(attempt, job):
            return waiting(replace(seen, phase=Phase.LOST), stuck_pods(self._pods(attempt, job)))
        if not _verdict(job) and seen.final:
            self._end(attempt, job, seen.reason, seen.hint)
        elif not _verdict(job) and self._is_waited_for_too_long(attempt, job):
            reason = f"{seen.reason} (for 5 minutes)"
            self._end(attempt, job, reason, seen.hint, another_try=True)
        return replace(seen, final=False)

    def _pods(self, attempt: StageRun, job: Found) -> list[Found]:
        found = owned_by(self._view(attempt.run).pods(), job["metadata"]["uid"])
        return [dict(each) for each in found]

    def _is_waited_for_too_long(self, attempt: StageRun, job: Found) -> bool:
        """Say whether a trouble that mostly passes has lasted for its whole time."""
        found = [trouble_of(pod) for pod in self._pods(attempt, job)[-1:]]
        briefly = any(each is not None and each.wait is Wait.BRIEFLY for each in found)
        uid = job["metadata"]["uid"]
        limits = self._view(attempt.run).limits
        return briefly and limits.is_over((uid, "start"), BRIEFLY_SECONDS)

    def _hangs(self, attempt: StageRun, job: Found) -> bool:
        """Say whether Kubernetes has decided that the Job fails, and cannot end its pod."""
        if condition(job, "FailureTarget") is None:
            return False
        view, uid = self._view(attempt.run), job["metadata"]["uid"]
        return view.limits.is_over((uid, "hangs"), GIVEN_UP * view.patience)

    def _end_what_is_beside(self, attempt: StageRun, job: Found) -> None:
        """Let the kubelet end a pod which other containers keep alive; that is noted before, as
        the pod's end looks like the stage's time limit."""
        for pod in self._pods(attempt, job):
            beside = still_beside(pod)
            limit = lifetime(pod) + BESIDE_SECONDS
            if not beside or pod["spec"].get("activeDeadlineSeconds", limit + 1) <= limit:
                continue
            if not labels.annotation(job, labels.OUTLIVED):
                self._patch(attempt, job, {"metadata": {"annotations": {labels.OUTLIVED: beside}}})
            self._limit(attempt, pod, limit)

    def _warn(self, attempt: StageRun, text: str) -> None:
        limits = self._view(attempt.run).limits
        if limits.is_new((attempt, text)):
            LOG.warning("stage=%s: %s", attempt.stage, text)

    def _judge(self, attempt: StageRun, job: Found) -> Observation:
        view = self._view(attempt.run)
        pods = self._pods(attempt, job)
        refusals = view.refusals(job["metadata"]["uid"]) if not pods else ()
        return judge_job(job, pods, refusals)

    def _is_at_rest(self, attempt: StageRun, job: Found) -> bool:
        if is_called_off(job):
            return True
        if not self._judge(attempt, job).phase.ended:
            return False
        return all(map(has_ended, self._pods(attempt, job)))

    def _find(self, attempt: StageRun) -> Found | None:
        """Return the Job; that there is none is believed of the API server alone."""
        view = self._view(attempt.run)
        known = view.job(attempt)
        if known is not None:
            return known
        found = look(self._client, _path(attempt))
        if found is None:
            return None
        self._require_ours(found, attempt)
        view.learn_job(found)
        return found

    def _create(self, attempt: StageRun, manifest: Found) -> Found:
        """Return the Job of that name; one that is being deleted has been the attempt's, too."""

        def decide(found: Found | None) -> Found | None:
            return manifest if found is None else None

        name = manifest["metadata"]["name"]
        jobs = paths.jobs(attempt.namespace)
        made = converge(self._client, jobs, name, decide, None, once=True)
        assert made is not None  # noqa: S101  what is not there was made
        return made

    def _require_ours(self, found: Found, attempt: StageRun) -> None:
        expected = labels.labels_of(attempt)
        labels.require_ours(found, expected)
        owner = self._owner_of(attempt.run)
        if not is_owned_by(found, owner["uid"]):
            raise EngineError(
                f"the Job {found['metadata']['name']} belongs to another record of this run",
                hint="was the record deleted and made anew? Remove that Job",
            )

    def _end(
        self,
        attempt: StageRun,
        job: Found,
        reason: str,
        hint: str = "",
        *,
        another_try: bool = False,
    ) -> None:
        """Let the Job fail now, and note why; the pod first, so that its log stays."""
        told = {labels.VERDICT: reason, **({labels.HINT: hint} if hint else {})}
        told |= {labels.AGAIN: "it may start later"} if another_try else {}
        noted: Found = {"metadata": {"annotations": told}}
        for pod in self._pods(attempt, job):
            if pod["status"].get("startTime") and pod["status"].get("phase") == "Running":
                self._limit(attempt, pod, 1)
                self._patch(attempt, job, noted)
                return
        self._patch(attempt, job, {**noted, "spec": {"activeDeadlineSeconds": 1}})

    def _limit(self, attempt: StageRun, pod: Found, seconds: int) -> None:
        """Let the kubelet end the pod that many seconds after its start."""
        view, metadata = self._view(attempt.run), pod["metadata"]
        path, uid = paths.pod(attempt.namespace, metadata["name"]), str(metadata["uid"])
        change = {"spec": {"activeDeadlineSeconds": seconds}}
        for _ in range(CONFLICTS):
            version = str(metadata["resourceVersion"])
            if merge(self._client, path, uid, change, version=version) is not None:
                return
            again = view.pod_again(uid)
            if again is None or has_ended(again) or is_merged(again, change):
                return
            metadata = again["metadata"]
            self._client.require_ownership()

    def _patch(self, attempt: StageRun, job: Found, change: Found) -> None:
        """Change the Job that was read, or what has become of it; one that has ended stays as it
        is, and so does one that another controller of the run has been told to."""
        view, uid = self._view(attempt.run), str(job["metadata"]["uid"])
        for _ in range(CONFLICTS):
            if is_over(job) or is_merged(job, change):
                return
            version = str(job["metadata"]["resourceVersion"])
            changed = merge(self._client, _path(attempt), uid, change, version=version)
            if changed is not None:
                view.learn_job(changed)
                return
            found = look(self._client, _path(attempt))
            if found is None or found["metadata"]["uid"] != uid:
                view.forget_job(uid)  # it was deleted meanwhile
                return
            view.learn_job(job := found)
            self._client.require_ownership()
        raise EngineError(f"the Job {job['metadata']['name']} changes all the time")


def _verdict(job: Found) -> str:
    return labels.annotation(job, labels.VERDICT)


def _path(attempt: StageRun) -> str:
    name = job_name(attempt.run, attempt.project, attempt.stage, attempt.attempt)
    return paths.job(attempt.namespace, name)
