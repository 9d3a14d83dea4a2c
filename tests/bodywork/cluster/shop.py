"""A namespace without HTTP: the server's objects, and several runs' views of one service.

Between a run's reading and its writing anything may happen: `between` is called before each write.
"""

import copy
import json
from collections.abc import Callable
from typing import Any, cast

from bodywork.cluster import labels, paths
from bodywork.cluster.claims import ServiceClaims
from bodywork.cluster.client import Client
from bodywork.cluster.deployments import Deployments
from bodywork.cluster.errors import AlreadyExists, Conflict
from bodywork.cluster.faults import Answer
from bodywork.cluster.limits import Limits
from bodywork.cluster.manifests import StageSource
from bodywork.cluster.sources import Sources
from bodywork.cluster.versions import Versions
from bodywork.cluster.views import RunView
from bodywork.cluster.watching import Watched
from bodywork.errors import BodyworkError, NotFound
from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.repository import Deployer
from bodywork.model.run import Claim, Observation, Phase, StageRun
from bodywork.model.stage import Service, Stage
from tests.servers.kubernetes_objects import Objects, Refusal

Found = dict[str, Any]
NAMESPACE = Namespace("shop")
NAME = "shop--serve"
STAGE = Stage(StageName("serve"), Service(30, 1, 5000), "main.py")
DEPLOYMENTS, SETS = paths.deployments(NAMESPACE), paths.replica_sets(NAMESPACE)
SERVICES, MAPS = paths.services(NAMESPACE), paths.config_maps(NAMESPACE)
_ERRORS = {"NotFound": NotFound, "AlreadyExists": AlreadyExists, "Conflict": Conflict}


MOST_TRIES = 100
DEPLOYER = Deployer("host/ada/shop")


def nothing() -> None:
    """Let nothing happen."""


class Direct:
    """The client's methods, straight to the objects."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.between: Callable[[], None] = nothing
        self.before_list: Callable[[], None] = nothing
        self.sent: list[str] = []
        self.require_ownership: Callable[[], None] = nothing

    def get(self, path: str) -> Found:
        return self._do(self.objects.get, *_split(path))

    def list_all(self, path: str, *, label_selector: str = "") -> tuple[list[Found], str]:
        self.before_list()
        wanted = dict(pair.split("=") for pair in label_selector.split(",") if "=" in pair)
        return self.objects.list(path, wanted)[0], "1"

    def endure(self, attempt: Callable[[], Any], judge: Callable[[BodyworkError], Answer]) -> Any:
        for _ in range(MOST_TRIES):
            try:
                return attempt()
            except BodyworkError as error:
                if judge(error) is Answer.FINAL:
                    raise
        raise AssertionError("it is tried again for ever")

    def create(self, path: str, body: Found, *, sure: bool = True) -> Found:
        self._about_to(f"POST {path}")
        return self._do(self.objects.create, path, copy.deepcopy(body))

    def replace(self, path: str, body: Found) -> Found:
        self._about_to(f"PUT {path}")
        return self._do(self.objects.replace, *_split(path), copy.deepcopy(body))

    def patch(self, path: str, body: Found) -> Found:
        self._about_to(f"PATCH {path}")
        return self._do(self.objects.merge, *_split(path), copy.deepcopy(body))

    def delete(self, path: str, *, uid: str = "", version: str = "") -> None:
        assert uid, "each delete names the object that was read"
        assert version, "and its version"
        self._about_to(f"DELETE {path}")
        self._do(self.objects.delete, *_split(path), {"uid": uid, "resourceVersion": version})

    def _about_to(self, request: str) -> None:
        self.sent.append(request)
        self.between()

    def _do(self, call: Callable[..., Found], *arguments: Any) -> Found:
        try:
            return call(*arguments)
        except Refusal as refusal:
            raise _ERRORS[refusal.reason](refusal.message) from refusal


class NoPods:
    """A view in which the pods of old versions are gone, and time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.limits = Limits(lambda: self.now)

    def pods(self) -> list[Found]:
        return []


class Lagging:
    """A watch of Deployments that says nothing: what it has learnt is all that it knows."""

    def __init__(self) -> None:
        self.known: dict[str, Found] = {}

    def objects(self) -> list[Found]:
        return list(self.known.values())

    def learn(self, found: Found) -> None:
        self.known[found["metadata"]["uid"]] = found

    def relist(self) -> None:
        """Learn nothing: the silence lasts."""


class Snapshots(Sources):
    """The source of each run is one snapshot of its own."""

    def of(self, run: RunName, commit: str = "") -> StageSource:
        return StageSource("r", "main", f"commit-of-{run}", "digest", (f"{run}-source-0",))

    def put(self, run: RunName) -> None:
        metadata = {
            "name": f"{run}-source-0",
            "namespace": NAMESPACE,
            "labels": {labels.MANAGED_BY: "bodywork", labels.KIND: "source", labels.RUN: run},
        }
        self._client.create(paths.config_maps(NAMESPACE), {"metadata": metadata})


class Shop:
    """The namespace: what the runs' controllers and Kubernetes' own do to one service."""

    def __init__(self) -> None:
        self.objects = Objects()
        self.over: set[str] = set()

    def desk(self, run: str, number: int = 1, deployer: Deployer = DEPLOYER) -> "Desk":
        attempt = StageRun(NAMESPACE, ProjectName("shop"), RunName(run), STAGE.name, number)
        return Desk(self, attempt, deployer)

    def deployment(self) -> Found | None:
        return self.objects.kept.get((DEPLOYMENTS, NAME))

    def change(self, change: Callable[[Found], None]) -> None:
        """Let somebody change the Deployment."""
        body = self.objects.get(DEPLOYMENTS, NAME)
        change(body)
        self.objects.replace(DEPLOYMENTS, NAME, body)

    def roll_out(self) -> None:
        """Do as Kubernetes' controllers do: a ReplicaSet for each template, and the status."""
        found = self.deployment()
        if found is None or labels.is_reserved(found):
            return
        template, uid = found["spec"]["template"], found["metadata"]["uid"]
        sets = [
            each for each in self._sets() if each["metadata"]["ownerReferences"][0]["uid"] == uid
        ]
        newest = max((_revision(each) for each in sets), default=0)
        mine = next((each for each in sets if each["spec"]["template"] == template), None)
        if mine is None or _revision(mine) < newest:
            name = f"{NAME}-{len(self._sets())}" if mine is None else mine["metadata"]["name"]
            self._put_set(name, uid, template, newest + 1)
        wanted = found["spec"]["replicas"]
        status = {"replicas": wanted, "updatedReplicas": wanted, "availableReplicas": wanted}
        self.change(lambda body: body.update(status=status))

    def versions(self) -> set[str]:
        """Return the versions that can come back, or are there."""
        found = self.deployment()
        sets = [each["spec"]["template"] for each in self._sets()]
        here = [found["spec"]["template"]] if found else []
        return {labels.annotation(each, labels.VERSION) for each in (*here, *sets)} - {""}

    def _sets(self) -> list[Found]:
        return self.objects.list(SETS, {})[0]

    def _put_set(self, name: str, uid: str, template: Found, revision: int) -> None:
        metadata = {
            "name": name,
            "namespace": NAMESPACE,
            "labels": template["metadata"]["labels"],
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": [{"kind": "Deployment", "uid": uid}],
        }
        body = {"metadata": metadata, "spec": {"template": copy.deepcopy(template)}}
        if (SETS, name) in self.objects.kept:
            self.objects.replace(SETS, name, body)
        else:
            self.objects.create(SETS, body)


class Desk:
    """One controller of one run."""

    def __init__(self, shop: Shop, attempt: StageRun, deployer: Deployer) -> None:
        self.shop, self.attempt, self.deployer = shop, attempt, deployer
        self.client = Direct(shop.objects)
        client = cast(Client, self.client)
        self.sources = Snapshots(client, NAMESPACE, lambda run: {"uid": run})
        self.watched = Lagging()
        self.view = NoPods()
        self.services = Deployments(
            client,
            NAMESPACE,
            self.sources,
            lambda run: cast(RunView, self.view),
            cast(Watched, self.watched),
        )
        self.claims = ServiceClaims(client, NAMESPACE, Versions(client, NAMESPACE))

    def claim(self) -> Claim:
        answer = self.services.claim(self.attempt, "image", self.deployer, self.is_over)
        assert isinstance(answer, Claim), answer
        return answer

    def is_over(self, run: RunName) -> bool:
        return run in self.shop.over

    def ensure(self) -> str:
        if (MAPS, f"{self.attempt.run}-source-0") not in self.shop.objects.kept:
            self.sources.put(self.attempt.run)
        return self.services.ensure(self.attempt, STAGE, "commit", "image")

    def deploy(self) -> Claim:
        """Claim, deploy, and accept."""
        claim = self.claim()
        self.ensure()
        self.shop.roll_out()
        self.services.accept(self.attempt)
        return claim

    def restore(self, claim: Claim) -> Observation:
        for _ in range(20):
            seen = self.services.restore(self.attempt, claim)
            if seen.phase is not Phase.RUNNING:
                return seen
            self.shop.roll_out()
        raise AssertionError("it never comes to an end")


def claim_of(deployment: Found | None) -> str:
    """Return the run that the Deployment says has the claim."""
    assert deployment
    return str(json.loads(labels.annotation(deployment, labels.CLAIM))["run"])


def _split(path: str) -> tuple[str, str]:
    collection, _, name = path.rpartition("/")
    return collection, name


def _revision(replica_set: Found) -> int:
    return int(replica_set["metadata"]["annotations"]["deployment.kubernetes.io/revision"])
