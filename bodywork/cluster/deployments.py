"""Service stages: one Deployment and one Service a stage; a version is a pod template.

The live version goes on answering while the next one proves itself (no pod of it is taken away
before). Which version was accepted last is an annotation; its template is kept by the cluster in a
ReplicaSet, from which it comes back.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.claims import ServiceClaims, was_rolled_back
from bodywork.cluster.client import Client
from bodywork.cluster.exposed_services import (
    ExposedServices,
    identity_of,
    name_of,
    owner_reference,
)
from bodywork.cluster.labels import annotation, claimant_of, holder_of, is_reserved
from bodywork.cluster.manifests import build_deployment, version_id
from bodywork.cluster.rollouts import end_standstill, judge_rollout, rolled_out, standstill
from bodywork.cluster.sources import Sources
from bodywork.cluster.verdicts import is_being_deleted, stuck_pods, waiting
from bodywork.cluster.versions import (
    Versions,
    has_settled,
    put_back,
    put_version,
    run_of,
    template_among,
    version_in,
    version_of,
)
from bodywork.cluster.views import RunView
from bodywork.cluster.watching import Watched
from bodywork.cluster.writes import CONFLICTS, change, discard_unchanged, look
from bodywork.errors import EngineError, NotFound
from bodywork.model.names import ProjectName, RunName, StageName, service_name
from bodywork.model.repository import Deployer
from bodywork.model.run import (
    Claim,
    HeldBy,
    Observation,
    Phase,
    ServiceVersion,
    StageRun,
    Unresolved,
)
from bodywork.model.stage import Stage
from bodywork.ports import IsOver

Found = dict[str, Any]
SETTLE_SECONDS = 5.0
"""How long a roll-back waits for Kubernetes to have counted the pods that it has ended."""


class Deployments:
    """The services of one namespace."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        sources: Sources,
        view: Callable[[RunName], RunView],
        watched: Watched,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._sources = sources
        self._view = view
        self._watched = watched
        self._exposed = ExposedServices(client, namespace)
        self._versions = Versions(client, namespace)
        self._claims = ServiceClaims(client, namespace, self._versions)

    def live_version(self, project: ProjectName, stage: StageName) -> ServiceVersion | None:
        """Return the version that was accepted last; None if there is none, or it does not run."""
        deployment = self._get(service_name(project, stage))
        if deployment is None:
            return None
        labels.require_ours(deployment, {labels.PROJECT: project, labels.STAGE: stage})
        if not deployment.get("status", {}).get("availableReplicas"):
            return None
        return self._versions.accepted(deployment)

    def owner(self, project: ProjectName, stage: StageName, is_over: IsOver) -> str:
        """Return the repository that the service belongs to, "" where none is known."""
        deployment = self._get(service_name(project, stage))
        mine = {labels.PROJECT: project, labels.STAGE: stage}
        if deployment is None or not labels.are_borne(deployment, mine):
            return ""  # what is not ours, the claim refuses
        return self._claims.owner(deployment, is_over)

    def claim(
        self, attempt: StageRun, image: str, deployer: Deployer, is_over: IsOver
    ) -> Claim | HeldBy:
        """Take the claim on the service for the attempt's run."""
        return self._claims.take(attempt, image, deployer, is_over)

    def abandon_claim(self, attempt: StageRun, image: str) -> None:
        """Give up a claim under which nothing was changed."""
        self._claims.abandon(attempt, image)

    def forget(self, run: RunName) -> None:
        """Delete what a run holds without having deployed anything."""
        self._claims.forget(run)

    def ensure(self, attempt: StageRun, stage: Stage, commit: str, image: str) -> str:
        """Begin to roll the version out, unless that was ever begun; return the service's uid."""
        found = self._claims.require(attempt)
        source = self._sources.of(attempt.run, commit)
        wanted = build_deployment(attempt, stage, image, source, claimant_of(found))
        if version_of(found) != version_id(attempt):
            if self._was_begun(found, attempt):
                found = self._claims.require(attempt)  # another controller may just have begun it
            else:
                found = self._replace(attempt, found, wanted)
        self._watched.learn(found)
        self._sources.keep_for(attempt.run, owner_reference(found))
        self._exposed.ensure(attempt, _port_in(wanted["spec"]["template"]), found)
        return str(found["metadata"]["uid"])

    def observe(self, attempt: StageRun) -> Observation:
        """Look at the version: do its pods run, answer, and stay?"""
        deployment = self._known(attempt)
        if deployment is None or is_reserved(deployment):
            return Observation(Phase.ABSENT, reason="its Deployment was deleted")
        labels.require_ours(deployment, identity_of(attempt))
        uid = str(deployment["metadata"]["uid"])
        if version_of(deployment) != version_id(attempt):
            other = version_of(deployment)
            reason = f"version {other} has been deployed since"
            return Observation(Phase.LOST, uid=uid, reason=reason)
        pods = self._pods_of(attempt)
        refusals = [] if pods else _refusals_of(deployment)
        seen = self._bounded(attempt, deployment, judge_rollout(deployment, pods, refusals))
        address = f"http://{name_of(attempt)}:{_port_in(deployment['spec']['template'])}"
        return replace(seen, uid=uid, address=address if seen.phase is Phase.READY else "")

    def accept(self, attempt: StageRun) -> None:
        """Note that the version is the live one, and send the service's requests to its port."""
        for _ in range(CONFLICTS):
            deployment = self._claims.require(attempt)
            if version_of(deployment) != version_id(attempt):
                raise EngineError(f"version {version_id(attempt)} has been replaced meanwhile")
            if self._note_accepted(deployment):
                port = _port_in(deployment["spec"]["template"])
                self._exposed.ensure_port(attempt, port, deployment)
                return
        raise EngineError(f"the Deployment {name_of(attempt)} changes all the time")

    def restore(self, attempt: StageRun, claim: Claim) -> Observation:
        """Take the next step towards the version before being live and nothing of `attempt`."""
        deployment = self._get(name_of(attempt))  # fresh: the watch may lag, and this destroys
        if deployment is None:
            return self._without_deployment(attempt, claim.previous)
        if reason := self._why_not_ours(deployment, attempt, claim):
            return Observation(Phase.READY, reason=reason)
        if claim.previous is None:
            return self._remove(deployment, attempt, claim)
        if isinstance(claim.previous, Unresolved):
            return self._keep(deployment, attempt, claim.previous.reason)
        if not was_rolled_back(deployment, attempt.run) or run_of(deployment) == attempt.run:
            return self._turn_back(deployment, attempt, claim.previous, claim)
        return self._restored(attempt, deployment)

    def settle(self, attempt: StageRun, keep: Sequence[str]) -> None:
        """Drop the snapshots that no version which can come back starts from.

        What is dropped was listed before the Deployment was read, and is dropped unchanged: a
        version that another run deploys meanwhile has its snapshot in neither.
        """
        listed = self._sources.of_services()
        deployment = self._get(name_of(attempt))
        if deployment is None or not labels.are_borne(deployment, identity_of(attempt)):
            return
        if holder_of(deployment) not in (None, attempt.run):
            return  # what its roll-back needs, that run knows
        kept = {*keep, annotation(deployment, labels.ACCEPTED), version_of(deployment)}
        for each in self._versions.replica_sets(deployment)[-2:]:
            kept.add(annotation(each["spec"]["template"], labels.VERSION))
        runs = {version.partition("/")[0] for version in kept}
        self._sources.drop_unused(listed, runs, str(deployment["metadata"]["uid"]))

    # -- steps --------------------------------------------------------------------------------

    def _replace(self, attempt: StageRun, found: Found, wanted: Found) -> Found:
        """Put the version into the Deployment, as it is now."""

        def decide(found: Found) -> Found | None:
            self._claims.check(attempt, found)
            return None if version_of(found) == version_id(attempt) else put_version(found, wanted)

        return self._change(found, decide)

    def _why_not_ours(self, deployment: Found, attempt: StageRun, claim: Claim) -> str:
        """Return why the Deployment is left alone, "" where this run may roll it back."""
        if not labels.are_borne(deployment, identity_of(attempt)):
            return labels.describe_foreign(deployment)
        holder = holder_of(deployment)
        if holder is not None and holder != attempt.run:
            return f"run {holder} has claimed it since"
        if claim.uid and deployment["metadata"]["uid"] != claim.uid:
            return f"the Deployment {name_of(attempt)} was deleted and made again meanwhile"
        previous = claim.previous.id if isinstance(claim.previous, ServiceVersion) else ""
        current = version_of(deployment)
        if run_of(deployment) != attempt.run and current != previous and current:
            return f"version {current} has been deployed since"
        return ""

    def _remove(self, deployment: Found, attempt: StageRun, claim: Claim) -> Observation:
        """Delete what this run has created; its Service goes last."""
        creator, uid = annotation(deployment, labels.CREATED_BY), deployment["metadata"]["uid"]
        if creator != attempt.run and (creator or claim.uid != uid):
            return self._keep(deployment, attempt, "this run did not create it")
        self._client.require_ownership()
        discard_unchanged(self._client, self._path(name_of(attempt)), deployment)
        self._watched.relist()
        return Observation(Phase.RUNNING)

    def _keep(self, deployment: Found, attempt: StageRun, reason: str) -> Observation:
        """Leave what is there, and see to it that nothing of this run is put over it."""
        begun = was_rolled_back(deployment, attempt.run)
        mine = {labels.ROLLED_BACK_BY: str(attempt.run)}
        if not begun:
            self._client.require_ownership()
            if self._claims.mark(deployment, {**mine}) is None:
                return Observation(Phase.RUNNING)
        self._exposed.keep(attempt)
        return Observation(Phase.FAILED, reason=f"it was kept as it is: {reason}")

    def _turn_back(
        self, deployment: Found, attempt: StageRun, previous: ServiceVersion, claim: Claim
    ) -> Observation:
        """Put the previous version's template back; always a write, also where it is there."""
        sets = self._versions.replica_sets(deployment)
        template = template_among([deployment, *sets], previous.id)
        if template is None:
            reason = f"the cluster has kept nothing of version {previous.id}"
            return self._keep(deployment, attempt, reason)
        limits = self._view(attempt.run).limits
        if not has_settled(sets) and not limits.is_over((attempt, "settled"), SETTLE_SECONDS):
            return Observation(Phase.RUNNING)
        seen = deployment["metadata"]["resourceVersion"]

        def decide(found: Found) -> Found | None:
            again = found["metadata"]["resourceVersion"] != seen
            done = was_rolled_back(found, attempt.run) and run_of(found) != attempt.run
            if again and (done or self._why_not_ours(found, attempt, claim)):
                return None
            return put_back(found, template, attempt.run)

        try:
            self._watched.learn(self._change(deployment, decide))
        except NotFound:
            self._watched.relist()  # it was deleted meanwhile: look again
        return Observation(Phase.RUNNING)

    def _restored(self, attempt: StageRun, deployment: Found) -> Observation:
        halt = standstill(deployment)
        if not rolled_out(deployment):
            return waiting(Observation(Phase.RUNNING), halt)
        left = self._pods_of(attempt)
        if left and not self._do_not_end(attempt, left):
            return waiting(Observation(Phase.RUNNING), stuck_pods(left))
        if not self._note_accepted(deployment):
            return Observation(Phase.RUNNING)
        port = _port_in(deployment["spec"]["template"])
        self._exposed.restore_port(attempt, port, deployment)
        told = stuck_pods(left) if left else halt
        return Observation(
            Phase.READY,
            address=f"http://{name_of(attempt)}:{port}",
            hint=f"{told.reason}; {told.hint}" if told else "",
        )

    def _without_deployment(
        self, attempt: StageRun, previous: ServiceVersion | Unresolved | None
    ) -> Observation:
        if previous is not None:
            return Observation(Phase.FAILED, reason="its Deployment was deleted")
        pods = self._pods_of(attempt)
        stuck = stuck_pods(pods) if pods else None
        if stuck and not self._do_not_end(attempt, pods):
            return waiting(Observation(Phase.RUNNING), stuck)
        left = self._exposed.delete(attempt)
        return Observation(
            Phase.ABSENT,
            reason=f"{left}; it was left alone" if left else "",
            hint=f"{stuck.reason}; {stuck.hint}" if stuck else "",
        )

    def _bounded(self, attempt: StageRun, deployment: Found, seen: Observation) -> Observation:
        """Bound what Kubernetes keeps no deadline for: a pause, or no replicas at all."""
        limits, what = self._view(attempt.run).limits, (attempt, "standstill")
        if seen.phase not in (Phase.PENDING, Phase.RUNNING) or not standstill(deployment):
            limits.begin_anew(what)
            return seen
        late = limits.is_over(what, deployment["spec"]["progressDeadlineSeconds"])
        return end_standstill(deployment, seen) if late else seen

    def _do_not_end(self, attempt: StageRun, pods: Sequence[Found]) -> bool:
        """Say whether all that is left are pods that nobody ends, although they should have."""
        view = self._view(attempt.run)
        return all(map(is_being_deleted, pods)) and view.limits.is_over(
            (attempt, "end"), view.patience
        )

    # -- reading and writing --------------------------------------------------------------------

    def _known(self, attempt: StageRun) -> Found | None:
        """Return the Deployment; that there is none is believed of the API server alone."""
        for each in self._watched.objects():
            if each["metadata"]["name"] == name_of(attempt):
                return each
        found = self._get(name_of(attempt))
        if found is not None and labels.is_ours(found):
            self._watched.learn(found)
        return found

    def _pods_of(self, attempt: StageRun) -> list[Found]:
        return [pod for pod in self._view(attempt.run).pods() if _is_of(pod, attempt)]

    def _get(self, name: str) -> Found | None:
        return look(self._client, self._path(name))

    def _change(self, deployment: Found, decide: Callable[[Found], Found | None]) -> Found:
        """Bring the Deployment that was read to what `decide` wants of it.

        Who controls the run is asked between each look and its write: what a later roll-back writes
        spends the version that was read.

        Raises:
            Fenced: another controller has taken the run over.
            NotFound: it was deleted.
        """

        def decide_as_owner(found: Found) -> Found | None:
            wanted = decide(found)
            if wanted is not None:
                self._client.require_ownership()
            return wanted

        place, name = paths.deployments(self._namespace), deployment["metadata"]["name"]
        return change(self._client, place, name, decide_as_owner, deployment)

    def _note_accepted(self, deployment: Found) -> bool:
        """Note on exactly the Deployment that was read that its version is the live one."""
        version = version_of(deployment)
        if annotation(deployment, labels.ACCEPTED) == version:
            return True
        self._client.require_ownership()  # after the look: a later roll-back spends it
        noted = self._claims.mark(deployment, {labels.ACCEPTED: version})
        if noted is not None:
            self._watched.learn(noted)
        return noted is not None

    def _was_begun(self, deployment: Found, attempt: StageRun) -> bool:
        return self._versions.template_of(deployment, version_id(attempt)) is not None

    def _path(self, name: str) -> str:
        return paths.deployment(self._namespace, name)


def accepted_version(deployment: Found) -> ServiceVersion | None:
    """Return the version that was accepted last, where the Deployment still holds it."""
    template = deployment["spec"]["template"]
    accepted = annotation(deployment, labels.ACCEPTED)
    return version_in(template) if accepted and accepted == version_of(deployment) else None


def _port_in(template: Found) -> int:
    return int(template["spec"]["containers"][0]["ports"][0]["containerPort"])


def _is_of(pod: Found, attempt: StageRun) -> bool:
    borne = pod["metadata"].get("labels") or {}
    wanted = labels.labels_of(attempt)
    return all(borne.get(key) == value for key, value in wanted.items())


def _refusals_of(deployment: Found) -> list[str]:
    """Return why the Deployment's pods are refused, as its own condition says."""
    conditions = deployment.get("status", {}).get("conditions") or ()
    return [
        str(each.get("message", ""))
        for each in conditions
        if each["type"] == "ReplicaFailure" and each["status"] == "True"
    ]
