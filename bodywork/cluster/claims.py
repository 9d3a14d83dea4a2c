"""Claims on services: an annotation of the service's Deployment, written by compare-and-swap.

Where there is no Deployment, one that runs nothing is created first: of several runs that try, one
succeeds. From then on every change is a write to that one object at the version at which the claim
was seen, and no version is ever created by a POST: what a controller that has lost its run sends
late meets a newer resourceVersion, or no object at all.
"""

import json
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.exposed_services import identity_of, name_of
from bodywork.cluster.labels import annotation, claim_on, claimant_of, holder_of, is_reserved
from bodywork.cluster.manifests import build_reservation
from bodywork.cluster.versions import Versions, repository_of, run_of, version_in
from bodywork.cluster.writes import CONFLICTS, converge, discard_unchanged, look_staying, merge
from bodywork.errors import EngineError, NotClaimed
from bodywork.model.names import RunName
from bodywork.model.repository import Deployer, check_owner
from bodywork.model.run import Claim, HeldBy, ServiceVersion, StageRun, Unresolved
from bodywork.ports import IsOver

Found = dict[str, Any]


class ServiceClaims:
    """The claims on the services of one namespace."""

    def __init__(self, client: Client, namespace: str, versions: Versions) -> None:
        self._client = client
        self._namespace = namespace
        self._versions = versions

    def take(
        self, attempt: StageRun, image: str, deployer: Deployer, is_over: IsOver
    ) -> Claim | HeldBy:
        """Take the claim for the attempt's run, unless another unfinished run has it.

        Raises:
            OtherRepository: the service is another repository's.
        """
        for _ in range(CONFLICTS):
            found = self._find(attempt)
            if found is None:
                _refuse_ended(attempt.run, is_over)
                self._reserve(attempt, image, _claim_marks(attempt, deployer, None, first=True))
                continue
            holder = holder_of(found)
            if holder == attempt.run and not was_rolled_back(found, attempt.run):
                return Claim(str(found["metadata"]["uid"]), self._claimed_previous(found))
            others = holder is not None and holder != attempt.run and not is_over(holder)
            held = holder if others else None
            previous = self._versions.to_come_back_to(found)
            check_owner(name_of(attempt), _owner(found, previous, held), deployer, held or "")
            if held:
                return HeldBy(held)
            _refuse_ended(attempt.run, is_over)
            marks = _claim_marks(attempt, deployer, previous, first=is_reserved(found))
            if self.mark(found, marks) is not None:
                return Claim(str(found["metadata"]["uid"]), previous)
        raise _restless(name_of(attempt))

    def owner(self, deployment: Found, is_over: IsOver) -> str:
        """Return the repository that a Deployment belongs to, "" where none is known."""
        holder = holder_of(deployment)
        held = None if holder is None or is_over(holder) else holder
        return _owner(deployment, self._versions.to_come_back_to(deployment), held)

    def abandon(self, attempt: StageRun, image: str) -> None:
        """Give up a claim that may have been taken, and keep a late request for it from landing.

        That always writes: to the Deployment, so that older resourceVersions are spent, or by
        holding the name where there is none. Where another run has, or had, the claim, the mark of
        its roll-back stays.
        """
        for _ in range(CONFLICTS):
            found = self._find(attempt)
            self._client.require_ownership()
            if found is None:
                self._reserve(attempt, image, {labels.ROLLED_BACK_BY: str(attempt.run)})
                continue
            marks: dict[str, str | None] = {labels.ABANDONED_BY: attempt.run}
            if holder_of(found) in (None, attempt.run):
                marks = {labels.ROLLED_BACK_BY: attempt.run, labels.CLAIM: None}
            if self.mark(found, marks) is not None:
                return
        raise _restless(name_of(attempt))

    def require(self, attempt: StageRun) -> Found:
        """Return the Deployment, freshly read, that the attempt's run has the claim on.

        Raises:
            NotClaimed: another run has it, or this run has begun to roll the service back.
            Foreign: the Deployment is not ours.
        """
        found = self._find(attempt)
        if found is None:
            raise NotClaimed(f"the Deployment {name_of(attempt)} was deleted meanwhile")
        self.check(attempt, found)
        return found

    def check(self, attempt: StageRun, found: Found) -> None:
        """Check that the attempt's run has the claim on the Deployment. Raises as `require`."""
        labels.require_ours(found, identity_of(attempt))
        name = name_of(attempt)
        holder = holder_of(found)
        if was_rolled_back(found, attempt.run):
            raise NotClaimed(f"run {attempt.run} has begun to roll {name} back")
        if holder != attempt.run and (holder is not None or run_of(found) != attempt.run):
            whose = f"run {holder} has" if holder else "no run has"
            raise NotClaimed(f"{whose} the claim on {name}, and not run {attempt.run}")

    def mark(self, deployment: Found, marks: dict[str, str | None]) -> Found | None:
        """Write annotations to exactly the Deployment that was read; None where it has changed."""
        seen = deployment["metadata"]
        path, version = paths.deployment(self._namespace, seen["name"]), seen["resourceVersion"]
        noted = {"metadata": {"annotations": marks}}
        return merge(self._client, path, str(seen["uid"]), noted, version=version)

    def forget(self, run: RunName) -> None:
        """Delete the names that the run has reserved, and that no run has claimed since."""
        selector = f"{labels.KIND}={labels.RESERVED},{labels.MANAGED_BY}={labels.BODYWORK}"
        path = paths.deployments(self._namespace)
        for each in self._client.list_all(path, label_selector=selector)[0]:
            holder = holder_of(each)
            makers = (annotation(each, labels.CREATED_BY), annotation(each, labels.ROLLED_BACK_BY))
            if holder == run or (holder is None and run in makers):
                name = each["metadata"]["name"]
                discard_unchanged(self._client, paths.deployment(self._namespace, name), each)

    def _find(self, attempt: StageRun) -> Found | None:
        """Return the Deployment, freshly read; the end of one that is being deleted is awaited."""
        found = look_staying(self._client, paths.deployment(self._namespace, name_of(attempt)))
        if found is not None:
            labels.require_ours(found, identity_of(attempt))
        return found

    def _reserve(self, attempt: StageRun, image: str, marks: dict[str, Any]) -> None:
        borne = {key: value for key, value in marks.items() if value is not None}
        body = build_reservation(attempt, image, borne)
        place = paths.deployments(self._namespace)

        def decide(found: Found | None) -> Found | None:
            return None if found else body  # whose it is, the caller reads

        converge(self._client, place, name_of(attempt), decide, None)

    def _claimed_previous(self, deployment: Found) -> ServiceVersion | Unresolved | None:
        """Return what was decided when the claim was taken, by a controller that died since."""
        version = claim_on(deployment).get("previous")
        if version is None or is_reserved(deployment):
            return self._versions.to_come_back_to(deployment)
        template = self._versions.template_of(deployment, str(version))
        if template is None:
            return Unresolved(f"the cluster has kept nothing of version {version}")
        return version_in(template)


def was_rolled_back(deployment: Found, run: RunName) -> bool:
    """Say whether the run has begun to roll the Deployment back."""
    return annotation(deployment, labels.ROLLED_BACK_BY) == run


def _owner(
    deployment: Found, previous: ServiceVersion | Unresolved | None, held: RunName | None
) -> str:
    """Return the repository of the unfinished run that has the claim, and has not begun to roll
    back, else of what is deployed."""
    deployed = previous.repository if isinstance(previous, ServiceVersion) else ""
    deployed = deployed or repository_of(deployment["spec"]["template"])
    decides = held is not None and not was_rolled_back(deployment, held)
    return (claimant_of(deployment) if decides else "") or deployed


def _claim_marks(
    attempt: StageRun,
    deployer: Deployer,
    previous: ServiceVersion | Unresolved | None,
    *,
    first: bool,
) -> dict[str, str | None]:
    claim: dict[str, str | int] = {
        "run": attempt.run,
        "attempt": attempt.attempt,
        "repository": deployer.repository,
    }
    if isinstance(previous, ServiceVersion):
        claim["previous"] = previous.id
    marks: dict[str, str | None] = {labels.CLAIM: json.dumps(claim), labels.ROLLED_BACK_BY: None}
    if first:
        marks[labels.CREATED_BY] = attempt.run
    return marks


def _refuse_ended(run: RunName, is_over: IsOver) -> None:
    if is_over(run):
        raise NotClaimed(f"run {run} has ended")


def _restless(name: str) -> EngineError:
    return EngineError(f"the Deployment {name} changes all the time")
