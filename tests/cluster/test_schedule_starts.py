"""A schedule whose controller cannot start says why, and goes on as soon as that is mended."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.projects import Project
from tests.cluster.schedules import (
    CONTAINER,
    POD,
    Follower,
    Scene,
    containers,
)
from tests.cluster.site import Cluster, Site
from tests.servers.registry import Registry, registry
from tests.servers.secure_http import HttpsServer

pytestmark = pytest.mark.timeout(300)

ACCOUNT = "bodywork-workflow-controller"


@pytest.fixture(scope="module")
def images(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with this project's image."""
    cluster.trusted_authority()  # a node of our own: it reaches this machine's loopback
    folder = tmp_path_factory.mktemp("registry")
    containers(cluster, "export", str(folder / "image.tar"), f"docker.io/library/{cluster.image}")
    with registry(folder / "image.tar", folder / "layout") as served:
        yield served
    pulled = [name for name in containers(cluster, "ls", "-q").split() if served.address in name]
    if pulled:
        containers(cluster, "rm", *pulled)


@pytest.fixture
def scene(
    site: Site, project: Callable[..., Project], server: HttpsServer, images: Registry
) -> Iterator[Scene]:
    shop = project("a")
    shop.batch("a", "print('hello from a')")
    shop.commit()
    images.tags.clear()
    images.password = ""
    yield Scene(site, shop, server, images)
    site.cluster.kubectl("label", "nodes", "--all", "tests-")


@dataclass(frozen=True)
class Case:
    """A way in which a schedule does not start.

    Attributes:
        name: for people.
        break_: creates the schedule, so that it does not start.
        told: what is said of it, as a pattern.
        hint: what the hint names.
        mend: does what the hint says.
        by_itself: whether the Job that waited goes on then; else the next one takes its place.
        fails: whether the Job fails at once, so that nothing waits.
    """

    name: str
    break_: Callable[[Scene], None]
    told: str
    hint: str
    mend: Callable[[Scene], object]
    by_itself: bool = False
    fails: bool = False


def update_image(scene: Scene) -> None:
    said = scene.update(f"--image={scene.image}")
    assert "had not started, and is ended" in said.err
    assert "bodywork cronjob run" in said.err


def patched(*operations: tuple[str, str, object]) -> Callable[[Scene], None]:
    def break_(scene: Scene) -> None:
        scene.create()
        scene.patch(*operations)

    return break_


def never_pulled(scene: Scene) -> None:
    scene.create(image="shop/bodywork:nowhere")
    scene.patch(("add", f"{CONTAINER}/imagePullPolicy", "Never"))


def private(scene: Scene) -> None:
    scene.registry.tags.add("private")
    scene.registry.password = "s3cret"
    scene.create(image=scene.registry.image("private"))


def give_credentials(scene: Scene) -> None:
    scene.kubectl(
        *("create", "secret", "docker-registry", "registry", "--docker-username=ada"),
        f"--docker-server={scene.registry.address}",
        "--docker-password=s3cret",
    )
    secrets = json.dumps({"imagePullSecrets": [{"name": "registry"}]})
    scene.kubectl("patch", "serviceaccount", ACCOUNT, "-p", secrets)


def no_quota(scene: Scene) -> None:
    scene.create()
    scene.kubectl("create", "quota", "none", "--hard=pods=0")


def more_quota(scene: Scene) -> None:
    scene.kubectl("patch", "quota", "none", "--type=merge", "-p", '{"spec":{"hard":{"pods":"9"}}}')


def no_account(scene: Scene) -> None:
    scene.create()
    scene.kubectl("delete", "serviceaccount", ACCOUNT)


def only_on_a_labelled_node(scene: Scene) -> None:
    scene.create()
    scene.patch(("add", f"{POD}/nodeSelector", {"tests": scene.site.namespace}))


def label_the_node(scene: Scene) -> None:
    scene.kubectl("label", "nodes", "--all", "--overwrite", f"tests={scene.site.namespace}")


def make_anew(scene: Scene) -> None:
    scene.bodywork("cronjob", "delete", "--name=shop")
    scene.create()


CASES = (
    Case(
        "registry-not-found",
        lambda scene: scene.create(image="registry.invalid/shop/bodywork:1"),
        r"image registry.invalid/shop/bodywork:1 cannot be pulled: no such host",
        "cronjob update -n {namespace} --name=shop --image=",
        update_image,
    ),
    Case(
        "tag-not-found",
        lambda scene: scene.create(image=scene.registry.image("wrong")),
        r"image localhost:\d+/shop/bodywork:wrong cannot be pulled: not found",
        "cronjob update -n {namespace} --name=shop --image=",
        update_image,
    ),
    Case(
        "image-pushed-later",
        lambda scene: scene.create(image=scene.registry.image("later")),
        r"image localhost:\d+/shop/bodywork:later cannot be pulled: not found",
        "is it pushed?",
        lambda scene: scene.registry.tags.add("later"),
        by_itself=True,
    ),
    Case(
        "private-registry",
        private,
        r"image localhost:\d+/shop/bodywork:private cannot be pulled: .*(?i:authoriz|credential)",
        "create secret docker-registry",
        give_credentials,
    ),
    Case(
        "image-name-not-valid",
        patched(("replace", f"{CONTAINER}/image", "Shop/Bodywork:1")),
        r"the image's name is not valid: Shop/Bodywork:1",
        "cronjob update -n {namespace} --name=shop --image=",
        update_image,
    ),
    Case(
        "never-pulled",
        never_pulled,
        r"image shop/bodywork:nowhere is not on the node, and is never pulled",
        "cronjob update -n {namespace} --name=shop --image=",
        update_image,
    ),
    Case(
        "image-without-bodywork",
        lambda scene: scene.create(image="docker.io/library/pause:test"),
        r'does not hold Bodywork: exec: "bodywork": executable file not found',
        "docs/stage.md",
        lambda scene: scene.update(f"--image={scene.image}"),
        fails=True,
    ),
    Case(
        "quota-on-pods",
        no_quota,
        r"the namespace's quota is exhausted: none, requested: pods=1",
        "kubectl -n {namespace} describe quota",
        more_quota,
        by_itself=True,
    ),
    Case(
        "service-account-missing",
        no_account,
        rf"the service account {ACCOUNT} is missing",
        "bodywork setup-namespace {namespace}",
        lambda scene: scene.administer("setup-namespace", scene.site.namespace),
        by_itself=True,
    ),
    Case(
        "no-node-is-fit",
        only_on_a_labelled_node,
        r"no node is fit for it: .*selector",
        "kubectl get nodes --show-labels",
        label_the_node,
        by_itself=True,
    ),
    Case(
        "no-node-has-room",
        patched(("replace", f"{CONTAINER}/resources", {"requests": {"cpu": "900"}})),
        r"no node has room for it: .*Insufficient cpu",
        "kubectl describe nodes",
        lambda scene: scene.patch(
            ("replace", f"{CONTAINER}/resources", {"requests": {"cpu": "50m"}})
        ),
    ),
    Case(
        "pod-security",
        patched(("add", f"{POD}/hostNetwork", True)),
        r"Pod Security refuses its pod: .*hostNetwork",
        "delete the schedule, create it anew",
        make_anew,
    ),
    Case(
        "secret-missing",
        patched(
            (
                "add",
                f"{CONTAINER}/env/-",
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "store", "key": "TOKEN"}}},
            )
        ),
        r"the secret store is missing",
        "bodywork secret create -n {namespace} --name=store",
        lambda scene: scene.bodywork("secret", "create", "--name=store", "--data", "TOKEN=1"),
        by_itself=True,
    ),
    Case(
        "volume-missing",
        patched(
            ("add", f"{POD}/volumes/-", {"name": "more", "configMap": {"name": "more"}}),
            ("add", f"{CONTAINER}/volumeMounts/-", {"name": "more", "mountPath": "/more"}),
        ),
        r"the ConfigMap more is missing",
        "edit cronjob shop",
        lambda scene: scene.kubectl("create", "configmap", "more", "--from-literal=a=b"),
        by_itself=True,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_keeps_a_controller_from_starting_is_told_and_mended_it_starts(
    scene: Scene, case: Case
) -> None:
    case.break_(scene)
    job = scene.run()
    follower = Follower(scene.site, "shop")
    told = follower.until(case.told)
    assert case.hint.format(namespace=scene.site.namespace) in told
    if case.fails:
        assert scene.verdict(job) == "Failed"
    _assert_told_everywhere(scene, case, job)
    case.mend(scene)
    if not case.by_itself:
        job = scene.run()
    assert scene.verdict(job) == "Complete"
    assert scene.site.status(job)["state"] == "succeeded"
    assert follower.end() == 0
    assert ("hello from a" in follower.text) is case.by_itself
    shown = scene.history()
    assert [(each["name"], each["waits_for"]) for each in shown[:1]] == [(job, "")]
    assert [each["name"] for each in shown if each["state"] == "active"] == []


def _assert_told_everywhere(scene: Scene, case: Case, job: str) -> None:
    """Look with each command that looks; none of them waits."""
    for words in (
        ("cronjob", "logs", "--name=shop"),
        ("cronjob", "logs", f"--name={job}"),
        ("cronjob", "history", "--name=shop"),
        ("cronjob", "display", "--name=shop"),
        ("cronjob", "display", "--output=table"),
    ):
        said = scene.bodywork(*words)
        assert re.search(case.told, said.out + said.err), (words, said)
    if not case.fails:
        assert re.search(case.told, scene.bodywork("status").err)
        listed = scene.bodywork("status", "-o", "json").json["not_begun"]
        assert [each["job"] for each in listed] == [job]
    status = scene.site.run("status", f"--namespace={scene.site.namespace}", job)
    assert status.code == 2
    assert re.search(case.told, status.err), status.err
