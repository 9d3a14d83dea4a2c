"""Services on a real node: what fails is rolled back, and nobody who asks notices."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.cluster.judging import live_version
from tests.cluster.projects import Project
from tests.cluster.site import Site
from tests.cluster.visitor import Visitor
from tests.cluster.waiting import wait_for

Make = Callable[..., Project]


def answers(counted: Counter[str]) -> set[str]:
    return set(counted)


@pytest.fixture
def live(site: Site, project: Make) -> Project:
    """A service whose first version is live."""
    shop = project("serve")
    shop.service("serve", word="v1", replicas=2)
    shop.commit()
    said = site.workflow(shop.folder)
    assert said.code == 0, said.err
    return shop


def test_a_first_version_is_deployed_shown_and_deleted(site: Site, live: Project) -> None:
    shown = site.run("service", "display", f"--namespace={site.namespace}")
    head, row = shown.out.splitlines()
    assert head.split() == [
        "SERVICE_URL", "EXPOSED", "AVAILABLE_REPLICAS", "UNAVAILABLE_REPLICAS", "REPOSITORY",
    ]  # fmt: skip
    assert row.split() == ["http://shop--serve:5000", "true", "2", "0", str(live.folder)]
    assert answers(Visitor(site, "http://shop--serve:5000").counted()) == {"v1"}
    free = '{"metadata": {"ownerReferences": null}}'  # as an earlier release has left it
    site.cluster.kubectl("-n", site.namespace, "patch", "service", "shop--serve", "-p", free)
    gone = site.run("service", "delete", f"--namespace={site.namespace}", "--name=shop--serve")
    assert gone.code == 0, gone.err
    assert site.get("deployments,services")["items"] == []


def break_by_crash(shop: Project, site: Site) -> None:
    shop.service("serve", "raise SystemExit(3)", replicas=2)


def break_by_hanging(shop: Project, site: Site) -> None:
    shop.service("serve", "import time\ntime.sleep(600)", seconds=6, replicas=2)


def break_by_image(shop: Project, site: Site) -> None:
    shop.workflow("serve", image="nowhere.invalid/bodywork:1")
    shop.service("serve", word="v2", replicas=2)


def break_by_secret(shop: Project, site: Site) -> None:
    shop.service("serve", word="v2", replicas=2, more='[secrets]\nTOKEN="nowhere"\n')


def break_by_quota(shop: Project, site: Site) -> None:
    quota = "spec: {hard: {pods: '3'}}"
    name = f"apiVersion: v1\nkind: ResourceQuota\nmetadata: {{name: few}}\n{quota}\n"
    site.cluster.kubectl("-n", site.namespace, "apply", "-f", "-", stdin=name)
    shop.service("serve", word="v2", seconds=6, replicas=2)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (break_by_crash, "exit code 3"),
        (break_by_hanging, "did not answer on port 5000 within MAX_STARTUP_TIME_SECONDS=6"),
        (break_by_image, "the image cannot be pulled"),
        (break_by_secret, 'secret "nowhere" not found'),
        (break_by_quota, "quota is exhausted"),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_a_bad_version_is_rolled_back_and_nobody_notices(
    site: Site, live: Project, spoil: Callable[[Project, Site], None], reason: str
) -> None:
    visitor = Visitor(site, "http://shop--serve:5000")
    spoil(live, site)
    live.commit()
    said = site.workflow(live.folder)
    assert said.code == 1
    assert "rolled back" in said.err
    assert reason in said.err
    assert_only(visitor, "v1")
    first, second = site.runs()
    assert site.status(second)["state"] == "rolled-back"
    deployment = site.get("deployment", "shop--serve")
    template = deployment["spec"]["template"]["metadata"]
    assert template["annotations"]["bodywork.io/version"] == f"{first}/1"
    assert deployment["status"]["availableReplicas"] == 2


def test_a_version_that_dies_after_it_has_answered_is_rolled_back(
    site: Site, live: Project
) -> None:
    script = (
        "import socket, time\nsocket.create_server(('0.0.0.0', 5000))\ntime.sleep(1.5)\nexit(4)"
    )
    live.service("serve", script, replicas=2)
    live.commit()
    said = site.workflow(live.folder)
    assert "exit code 4" in said.err
    assert "rolled back" in said.err
    assert_only(Visitor(site, "http://shop--serve:5000"), "v1", 0)


def test_the_tenth_deployment_is_rolled_back_to_the_ninth(site: Site, live: Project) -> None:
    for number in range(2, 10):
        live.service("serve", word=f"v{number}")
        live.commit()
        said = site.workflow(live.folder)
        assert said.code == 0, said.err
    visitor = Visitor(site, "http://shop--serve:5000")
    live.service("serve", "raise SystemExit(3)")
    live.commit()
    said = site.workflow(live.folder)
    assert "rolled back" in said.err
    assert_only(visitor, "v9")


def test_a_new_version_takes_over_without_a_failed_request(site: Site, live: Project) -> None:
    visitor = Visitor(site, "http://shop--serve:5000")
    live.service("serve", word="v2", replicas=2)
    live.commit()
    said = site.workflow(live.folder)
    assert said.code == 0, said.err
    assert answers(visitor.counted()) == {"v1", "v2"}


def test_what_a_failed_run_deployed_for_the_first_time_is_removed(
    site: Site, project: Make
) -> None:
    shop = project("serve >> check")
    shop.service("serve")
    shop.batch("check", "raise SystemExit(1)")
    shop.commit()
    said = site.workflow(shop.folder)
    assert said.code == 1
    assert site.get("deployments,services")["items"] == []
    [run] = site.runs()
    assert site.status(run)["state"] == "rolled-back"


def test_an_object_that_is_not_ours_is_left_alone(site: Site, project: Make) -> None:
    kubectl = site.cluster.kubectl
    kubectl("-n", site.namespace, "create", "deployment", "shop--serve", "--image=x")
    before = site.get("deployment", "shop--serve")["metadata"]["uid"]
    shop = project("serve")
    shop.service("serve")
    shop.commit()
    said = site.workflow(shop.folder)
    assert said.code == 1
    assert "that Bodywork did not make" in said.err
    assert site.get("deployment", "shop--serve")["metadata"]["uid"] == before


def test_a_service_starts_again_from_its_snapshot_when_its_run_is_forgotten(
    site: Site, live: Project
) -> None:
    kubectl = site.cluster.kubectl
    [run] = site.runs()
    kubectl("-n", site.namespace, "delete", "configmap", run)
    chosen = "-l", "bodywork.io/stage=serve"
    kubectl("-n", site.namespace, "delete", "pods", *chosen, "--wait=true")
    kubectl("-n", site.namespace, "wait", "pods", *chosen, "--for=condition=Ready", "--timeout=60s")


def test_a_service_that_moves_to_another_port_is_found_there(site: Site, live: Project) -> None:
    live.service("serve", word="v2", port=5001)
    live.commit()
    said = site.workflow(live.folder)
    assert said.code == 0, said.err
    assert_only(Visitor(site, "http://shop--serve:5001"), "v2", 0)
    shown = site.run("service", "display", f"--namespace={site.namespace}")
    assert "http://shop--serve:5001" in shown.out


def test_a_controller_killed_during_the_roll_back_costs_nobody_a_request(
    site: Site, live: Project
) -> None:
    visitor = Visitor(site, "http://shop--serve:5000")
    [first] = site.runs()
    live.workflow("serve >> check")
    live.service("serve", word="v2", replicas=2)
    live.batch("check", "raise SystemExit(1)")
    live.commit()
    namespace = f"--namespace={site.namespace}"
    process = site.begin("workflow", namespace, str(live.folder), "main")
    record = wait_for(
        site,
        "api/v1",
        "configmaps",
        lambda each: each.get("data", {}).get("state") == "rolling-back",
    )
    process.kill()
    run = record["metadata"]["name"]
    resumed = site.run("workflow", namespace, "--resume", f"--run={run}", "--take-over")
    assert "rolled back" in resumed.err
    assert site.status(run)["state"] == "rolled-back"
    assert live_version(site, "shop--serve") == first
    settled = visitor.counted()
    assert answers(settled) == {"v1", "v2"}, settled
    assert answers(Visitor(site, "http://shop--serve:5000", "later").counted()) == {"v1"}


def assert_only(visitor: Visitor, word: str, at_least: int = 20) -> None:
    counted = visitor.counted()
    assert answers(counted) == {word}, counted
    assert counted[word] > at_least
