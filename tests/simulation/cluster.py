"""The cluster's own controllers and kubelet, one small step at a time, in an order drawn at random.

Each step is what the real one would do next: it looks at the objects and changes one of them. What
stages do is scripted: how long they run, with which code they end, which versions crash.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bodywork.cluster import labels
from bodywork.cluster.manifests import CONTAINER, STEADY_SECONDS
from tests.servers.kubernetes_objects import Object, Refusal
from tests.simulation.canaries import TELLING, last_message
from tests.simulation.server import DEPLOYMENTS, EVENTS, JOBS, PODS, SETS, Server, Write

Step = Callable[[], None]
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
GRACE_SECONDS = 3.0
SLOWEST_SECONDS = 40.0


@dataclass(slots=True)
class Script:
    """What the stages do.

    Attributes:
        codes: stage → exit codes, attempt by attempt; the last one is for all others.
        of_runs: run → stage → the same, where a run has its own.
        sick: commits whose services crash.
        dying: commits whose services become ready, and crash before that counts.
        slow: commits whose services may need longer than they are given.
        longest: seconds that a stage may take.
    """

    codes: dict[str, list[int]] = field(default_factory=dict)
    of_runs: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    sick: frozenset[str] = frozenset()
    dying: frozenset[str] = frozenset()
    slow: frozenset[str] = frozenset()
    longest: float = 20.0


class Cluster:
    """All of it, as one actor."""

    def __init__(self, server: Server, script: Script) -> None:
        self.server = server
        self.script = script
        self.until_up = 0.0
        self._time = server.time
        self._due: dict[tuple[str, str], float] = {}
        self._had_pods: set[str] = set()
        self._digests: dict[str, str] = {}
        self._sorted: dict[str, list[Object]] = {}
        self._sorted_at = -1
        self._uids: set[str] = set()
        self._may_hold_garbage = False
        server.listeners.append(self._notice)

    def work(self) -> None:
        """Go on for ever."""
        while True:
            if self._time.now < self.until_up:
                self._time.sleep(self.until_up - self._time.now)
            steps = list(self._steps())
            if steps:
                try:
                    self._time.random.choice(steps)()
                except Refusal:
                    continue
                self._time.pass_on()
            else:
                later = [due for due in self._due.values() if due > self._time.now]
                self._time.block("cluster", min(later) - self._time.now if later else None)

    def all(self, collection: str) -> list[Object]:
        """Return the objects of a collection, not copied: for reading only."""
        if self._sorted_at != len(self.server.audit):
            self._sorted_at = len(self.server.audit)
            self._sorted = {}
            for key, found in sorted(self.server.kept.items()):
                self._sorted.setdefault(key[0], []).append(found)
        return self._sorted.get(collection, [])

    # -- time -------------------------------------------------------------------------------------

    def _in(self, what: str, uid: str, least: float, most: float) -> bool:
        """Say whether something that takes its time is due by now; draw when it will be."""
        if (what, uid) not in self._due:
            self._due[what, uid] = self._time.now + self._time.random.uniform(least, most)
        return self._is_due(what, uid)

    def _is_due(self, what: str, uid: str) -> bool:
        return self._due[what, uid] <= self._time.now

    def _at(self, what: str, uid: str, seconds: float) -> bool:
        """Say whether so many seconds have passed since this was first asked."""
        return self._in(what, uid, seconds, seconds)

    # -- what could be done next ------------------------------------------------------------------

    def _steps(self) -> Iterator[Step]:
        pods = self.all(PODS)
        owned: dict[str, list[Object]] = {}
        for pod in pods:
            owned.setdefault(_owner(pod), []).append(pod)
        for pod in pods:
            yield from self._kubelet(pod)
        for job in self.all(JOBS):
            yield from self._job(job, owned.get(_uid(job), []))
        sets: dict[str, list[Object]] = {}
        for each in self.all(SETS):
            sets.setdefault(_owner(each), []).append(each)
        for deployment in self.all(DEPLOYMENTS):
            yield from self._deployment(deployment, sets.get(_uid(deployment), []), owned)
        yield from self._garbage()

    def _garbage(self) -> Iterator[Step]:
        """Delete what has owners, all of which are gone."""
        if not self._may_hold_garbage:
            return
        self._may_hold_garbage = False
        for (collection, name), found in list(self.server.kept.items()):
            if self._is_garbage(found):
                self._may_hold_garbage = True
                yield lambda c=collection, n=name: self.server.delete(c, n, {}) and None  # type: ignore[misc]

    def _notice(self, write: Write) -> None:
        """Remember which objects there are, and whether one may have lost its owners."""
        if write.event == "DELETED":
            self._uids.discard(_uid(write.found))
            self._may_hold_garbage = True
        else:
            self._uids.add(_uid(write.found))
            self._may_hold_garbage |= self._is_garbage(write.found)

    def _is_garbage(self, found: Object) -> bool:
        owners = found["metadata"].get("ownerReferences") or ()
        return bool(owners) and all(owner["uid"] not in self._uids for owner in owners)

    # -- pods -------------------------------------------------------------------------------------

    def _kubelet(self, pod: Object) -> Iterator[Step]:
        uid, phase = _uid(pod), pod["status"]["phase"]
        if "deletionTimestamp" in pod["metadata"]:
            if self._in("delete", uid, 0.1, GRACE_SECONDS):
                yield lambda: self._delete(pod)
        elif phase == "Pending":
            if self._in("start", uid, 0.1, 5.0):
                yield lambda: self._start(pod)
        elif phase == "Running" and _is_job(pod):
            if self._in("run", uid, 0.1, self.script.longest) or self._is_late(pod):
                yield lambda: self._end(pod)
        elif phase == "Running":
            yield from self._serve(pod)

    def _start(self, pod: Object) -> None:
        now = self.server.moment(0)
        running = {"name": CONTAINER, "state": {"running": {"startedAt": now}}, "restartCount": 0}
        status = {"phase": "Running", "startTime": now, "containerStatuses": [running]}
        self.server.set_status(PODS, _name(pod), status)

    def _is_late(self, pod: Object) -> bool:
        limit = pod["spec"].get("activeDeadlineSeconds")
        return limit is not None and self._at(f"limit{limit}", _uid(pod), float(limit))

    def _end(self, pod: Object) -> None:
        late = self._is_late(pod)
        code = 143 if late else self._code_of(pod)
        now, began = self.server.moment(0), pod["status"]["startTime"]
        ended = {"exitCode": code, "startedAt": began, "finishedAt": now}
        ended["message"] = last_message(pod["spec"]["containers"][0], _uid(pod))
        status = {
            "phase": "Succeeded" if code == 0 else "Failed",
            "startTime": began,
            "containerStatuses": [{"name": CONTAINER, "state": {"terminated": ended}}],
        }
        if late:
            status["reason"] = "DeadlineExceeded"
        self.server.set_status(PODS, _name(pod), status)

    def _code_of(self, pod: Object) -> int:
        borne = pod["metadata"]["labels"]
        own = self.script.of_runs.get(borne[labels.RUN], self.script.codes)
        codes = own.get(borne[labels.STAGE], [0])
        return codes[min(int(borne[labels.ATTEMPT]), len(codes)) - 1]

    def _serve(self, pod: Object) -> Iterator[Step]:
        """A service's pod becomes ready, or crashes again and again."""
        commit = pod["metadata"].get("annotations", {}).get(labels.COMMIT, "")
        state = pod["status"]["containerStatuses"][0]
        dies = commit in self.script.sick or (commit in self.script.dying and is_ready(pod))
        if dies:
            latest = 0.9 * STEADY_SECONDS if is_ready(pod) else 3.0
            if not state["restartCount"] and self._in("crash", _uid(pod), 0.1, latest):
                yield lambda: self._crash(pod)
        elif not is_ready(pod) and not state["restartCount"]:
            latest = SLOWEST_SECONDS if commit in self.script.slow else 5.0
            if self._in("ready", _uid(pod), 0.1, latest):
                now = str(self._time.now)
                ready = {"type": "Ready", "status": "True", "lastTransitionTime": now}
                status = {**pod["status"], "conditions": [ready]}
                yield lambda: self.server.set_status(PODS, _name(pod), status)

    def _crash(self, pod: Object) -> None:
        message = last_message(pod["spec"]["containers"][0], _uid(pod))
        crashed = {
            "name": CONTAINER,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "restartCount": 1,
            "lastState": {"terminated": {"exitCode": 1, "message": message}},
        }
        status = {**pod["status"], "containerStatuses": [crashed], "conditions": []}
        self.server.set_status(PODS, _name(pod), status)

    # -- Jobs -------------------------------------------------------------------------------------

    def _job(self, job: Object, pods: list[Object]) -> Iterator[Step]:
        uid, status = _uid(job), job.get("status", {})
        if status.get("conditions") or job["spec"].get("suspend"):
            return
        limit = job["spec"].get("activeDeadlineSeconds")
        if limit is not None and self._at(f"limit{limit}", uid, float(limit)):
            yield lambda: self._fail_late(job, pods)
            return
        counting = [pod for pod in pods if not was_disrupted(pod)]
        ended = [pod for pod in counting if pod["status"]["phase"] in ("Succeeded", "Failed")]
        disrupted = len(pods) > len(counting) or f"disrupted {uid}" in self._had_pods
        if not counting and uid in self._had_pods and not disrupted:
            if self._in("missed", uid, 0.1, 2.0):
                yield lambda: self._conclude(job, "Failed", "BackoffLimitExceeded")
        elif not counting:
            yield lambda: self._make_pod(job)
        elif ended and self._in("conclude", uid, 0.1, 4.0):
            good = ended[0]["status"]["phase"] == "Succeeded"
            kind = ("Complete", "") if good else ("Failed", "BackoffLimitExceeded")
            yield lambda: self._conclude(job, *kind)

    def _make_pod(self, job: Object) -> None:
        if PODS in self.server.full:
            self._refuse_pod(job)
            return
        uid = _uid(job)
        self._had_pods.add(uid)
        count = sum(1 for pod in self.all(PODS) if _owner(pod) == uid)
        self._pod(f"{_name(job)}-{count}", job, "Job", job["spec"]["template"])

    def _refuse_pod(self, job: Object) -> None:
        """Say once that a quota refuses the pod, and look again later."""
        uid = _uid(job)
        event = {
            "kind": "Event",
            "metadata": {"name": f"{_name(job)}.{len(self.server.audit)}"},
            "reason": "FailedCreate",
            "message": f"Error creating: exceeded quota: small, says {TELLING}",
            "involvedObject": {"uid": uid, "kind": "Job", "name": _name(job)},
            "lastTimestamp": self.server.moment(0),
        }
        self.server.create(EVENTS, event)
        self._time.sleep(10.0)

    def _fail_late(self, job: Object, pods: list[Object]) -> None:
        for pod in pods:
            if pod["status"]["phase"] in ("Pending", "Running"):
                self._take_away(pod)
        self._conclude(job, "Failed", "DeadlineExceeded")

    def _conclude(self, job: Object, kind: str, reason: str) -> None:
        now = self.server.moment(0)
        condition = {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": now}
        status = {"conditions": [condition], "completionTime": now}
        self.server.set_status(JOBS, _name(job), status)

    # -- Deployments ------------------------------------------------------------------------------

    def _deployment(
        self, deployment: Object, sets: list[Object], owned: dict[str, list[Object]]
    ) -> Iterator[Step]:
        digest = self._digest(deployment)
        current = next((each for each in sets if each["metadata"]["labels"][HASH] == digest), None)
        top = max((revision_of(each) for each in sets), default=0)
        if not deployment["spec"].get("paused"):
            if current is None:
                yield lambda: self._replica_set(deployment, digest, top + 1)
                return
            if revision_of(current) < top:
                yield lambda: self._raise(current, top + 1)
        pods = {_uid(each): owned.get(_uid(each), []) for each in sets}
        if current is not None and not deployment["spec"].get("paused"):
            yield from self._scale(deployment, current, sets, pods)
        if (status := self._status(deployment, current, pods)) != deployment.get("status"):
            yield lambda: self.server.set_status(DEPLOYMENTS, _name(deployment), status)

    def _digest(self, deployment: Object) -> str:
        """Return the hash of the template; a Deployment of one generation has one template."""
        key = f"{_uid(deployment)}/{deployment['metadata'].get('generation', 1)}"
        if key not in self._digests:
            text = json.dumps(deployment["spec"]["template"], sort_keys=True)
            self._digests[key] = hashlib.sha256(text.encode()).hexdigest()[:8]
        return self._digests[key]

    def _scale(
        self, deployment: Object, current: Object, sets: list[Object], pods: dict[str, list[Object]]
    ) -> Iterator[Step]:
        """Add pods of the current template first; take old ones away when those are available."""
        wanted = deployment["spec"].get("replicas", 1)
        ours = [pod for pod in pods[_uid(current)] if not is_leaving(pod)]
        others = [
            pod
            for each in sets
            if each is not current
            for pod in pods[_uid(each)]
            if not is_leaving(pod)
        ]
        if len(ours) < wanted:
            if len(ours) + len(others) <= wanted and PODS not in self.server.full:
                yield lambda: self._service_pod(current)
        elif len(ours) > wanted:
            yield lambda: self._take_away(ours[-1])
        available = [pod for pod in ours if self._is_available(pod)]
        if others and (len(available) >= wanted or len(ours) + len(others) > wanted + 1):
            yield lambda: self._take_away(next((p for p in others if not is_ready(p)), others[0]))
        elif others and any(not is_ready(pod) for pod in others):
            yield lambda: self._take_away(next(p for p in others if not is_ready(p)))

    def _is_available(self, pod: Object) -> bool:
        return is_ready(pod) and self._at("steady", _uid(pod), STEADY_SECONDS)

    def _status(
        self, deployment: Object, current: Object | None, pods: dict[str, list[Object]]
    ) -> Object:
        everything = [pod for each in pods.values() for pod in each if not is_leaving(pod)]
        ours = [] if current is None else pods[_uid(current)]
        ours = [pod for pod in ours if not is_leaving(pod)]
        generation = deployment["metadata"].get("generation", 1)
        status = {
            "observedGeneration": generation,
            "replicas": len(everything),
            "updatedReplicas": len(ours),
            "availableReplicas": sum(self._is_available(pod) for pod in everything),
        }
        limit = float(deployment["spec"].get("progressDeadlineSeconds", 600))
        wanted = deployment["spec"].get("replicas", 1)
        complete = status["availableReplicas"] >= wanted and len(everything) == len(ours)
        uid = f"{_uid(deployment)}/{generation}"
        if not complete and not deployment["spec"].get("paused") and self._at("late", uid, limit):
            late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
            status["conditions"] = [late]
        return status

    def _replica_set(self, deployment: Object, digest: str, revision: int) -> None:
        template = deployment["spec"]["template"]
        borne = {**template["metadata"]["labels"], HASH: digest}
        body = {
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{_name(deployment)}-{digest}",
                "labels": borne,
                "annotations": {REVISION: str(revision)},
                "ownerReferences": [_reference(deployment, "Deployment")],
            },
            "spec": {
                "template": {**template, "metadata": {**template["metadata"], "labels": borne}}
            },
        }
        self.server.create(SETS, body)

    def _raise(self, replica_set: Object, revision: int) -> None:
        noted = {"metadata": {"annotations": {REVISION: str(revision)}}}
        self.server.merge(SETS, _name(replica_set), noted)

    def _service_pod(self, replica_set: Object) -> None:
        number = self.server.version
        name = f"{_name(replica_set)}-{number}"
        self._pod(name, replica_set, "ReplicaSet", replica_set["spec"]["template"])

    # -- writing ----------------------------------------------------------------------------------

    def _pod(self, name: str, owner: Object, kind: str, template: Object) -> None:
        body = {
            "kind": "Pod",
            "metadata": {
                "name": name,
                "labels": template["metadata"]["labels"],
                "annotations": template["metadata"].get("annotations", {}),
                "ownerReferences": [_reference(owner, kind)],
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
        self.server.create(PODS, body)

    def _take_away(self, pod: Object) -> None:
        """Begin to delete a pod, gracefully."""
        leaving = {"metadata": {"deletionTimestamp": self.server.moment(0)}}
        self.server.merge(PODS, _name(pod), leaving)

    def _delete(self, pod: Object) -> None:
        if was_disrupted(pod):
            self._had_pods.add(f"disrupted {_owner(pod)}")
        self.server.delete(PODS, _name(pod), {})


def is_ready(pod: Object) -> bool:
    """Say whether a service's pod answers."""
    conditions = pod["status"].get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def is_leaving(pod: Object) -> bool:
    """Say whether a pod is being deleted, or has ended."""
    ended = pod["status"]["phase"] in ("Succeeded", "Failed")
    return ended or "deletionTimestamp" in pod["metadata"]


def was_disrupted(pod: Object) -> bool:
    """Say whether a pod was evicted."""
    conditions = pod["status"].get("conditions") or ()
    return any(each["type"] == "DisruptionTarget" for each in conditions)


def revision_of(replica_set: Object) -> int:
    """Return the number of a ReplicaSet's revision."""
    return int(replica_set["metadata"]["annotations"][REVISION])


def _is_job(pod: Object) -> bool:
    return any(owner["kind"] == "Job" for owner in pod["metadata"]["ownerReferences"])


def _owner(found: Object) -> str:
    owners = found["metadata"].get("ownerReferences") or ()
    return str(owners[0]["uid"]) if owners else ""


def _uid(found: Object) -> str:
    return str(found["metadata"]["uid"])


def _name(found: Object) -> str:
    return str(found["metadata"]["name"])


def _reference(owner: Object, kind: str) -> Object:
    return {"kind": kind, "name": _name(owner), "uid": _uid(owner), "controller": True}
