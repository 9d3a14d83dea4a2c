"""Objects that Bodywork did not make, under the names that it needs, on a real node.

Wherever they are met, the run ends by itself and says so; they are neither changed nor deleted.
"""

from collections.abc import Callable
from typing import Any

import pytest

from bodywork.model.names import job_name
from tests.cluster.projects import SERVER, Project
from tests.cluster.site import Site
from tests.cluster.waiting import wait_for

Make = Callable[..., Project]
RUN = "foreign"
FOREIGN = "that Bodywork did not make"
POD = ["--image=nowhere.invalid/x", "--", "true"]


def created(site: Site, *arguments: str) -> None:
    site.cluster.kubectl("-n", site.namespace, "create", *arguments)


def identity(site: Site, kind: str, name: str) -> Any:
    """Return what must not change of an object."""
    found = site.get(kind, name)
    return found["metadata"]["uid"], found["metadata"].get("labels"), found.get("spec")


def run_to_its_end(site: Site, shop: Project, *, commit: bool = True) -> Any:
    """Return the status of a run that must end by itself, and must say what is in its way."""
    if commit:
        shop.commit()
    said = site.workflow(shop.folder, "main", "--as", RUN)
    assert said.code == 1, said.err
    assert said.err.count(FOREIGN) == 1, said.err
    assert "hint: rename the project or the stage, or delete that object" in said.err
    status = site.status(RUN)
    assert status["ended"]
    assert FOREIGN in status["verdict"]["reason"]
    assert status["verdict"]["hint"]
    return status


@pytest.mark.parametrize(
    ("kind", "name", "more"),
    [
        ("deployment", "shop--serve", ["--image=nowhere.invalid/x"]),
        ("job", job_name(RUN, "shop", "train", 1), POD),
        ("configmap", f"{RUN}-source-COMMIT", []),
    ],
)
def test_one_that_is_there_before_fails_the_run(
    kind: str, name: str, more: list[str], site: Site, project: Make
) -> None:
    shop = project("train >> serve" if kind == "job" else "serve >> train")
    shop.service("serve")
    shop.batch("train", "")
    name = name.replace("COMMIT", shop.commit()[:12])
    created(site, kind, name, *more)
    before = identity(site, kind, name)
    status = run_to_its_end(site, shop, commit=False)
    assert status["state"] == "failed"
    assert identity(site, kind, name) == before
    first = [each["state"] for each in status["stages"] if each["step"] == 1]
    assert first == ["waiting" if kind == "configmap" else "failed"], "no source, no attempt"


def test_a_service_fails_the_run_and_what_was_made_beside_it_is_removed(
    site: Site, project: Make
) -> None:
    created(site, "service", "clusterip", "shop--serve", "--tcp=80")
    before = identity(site, "service", "shop--serve")
    shop = project("serve")
    shop.service("serve")
    status = run_to_its_end(site, shop)
    assert status["state"] == "rolled-back"
    assert identity(site, "service", "shop--serve") == before
    assert site.get("deployments")["items"] == []


def test_a_deployment_that_takes_the_place_of_ours_is_left_alone(site: Site, project: Make) -> None:
    shop = project("serve")
    late = SERVER.replace("{word}", "v1").replace("{port}", "5000")
    shop.service("serve", f"import time\ntime.sleep(8)\n{late}", seconds=60)
    shop.commit()
    process = site.begin(
        "workflow", f"--namespace={site.namespace}", str(shop.folder), "main", "--as", RUN
    )
    wait_for(site, "apis/apps/v1", "deployments", lambda each: bool(each.get("status")))
    site.cluster.kubectl("-n", site.namespace, "delete", "deployment", "shop--serve")
    created(site, "deployment", "shop--serve", "--image=nowhere.invalid/x")
    before = identity(site, "deployment", "shop--serve")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    status = site.status(RUN)
    assert status["state"] == "failed", status
    assert FOREIGN in status["verdict"]["reason"] + str(status["stages"][0]["restoration_reason"])
    assert status["stages"][0]["restoration"] != "removed"
    assert identity(site, "deployment", "shop--serve") == before


def test_a_service_that_takes_the_place_of_ours_outlives_the_roll_back(
    site: Site, project: Make
) -> None:
    shop = project("serve >> check")
    shop.service("serve")
    shop.batch(
        "check", "import time\nprint('begun', flush=True)\ntime.sleep(6)\nraise SystemExit(3)"
    )
    shop.commit()
    process = site.begin(
        "workflow", f"--namespace={site.namespace}", str(shop.folder), "main", "--as", RUN
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == "begun\n":
            break
    site.cluster.kubectl("-n", site.namespace, "delete", "service", "shop--serve")
    created(site, "service", "clusterip", "shop--serve", "--tcp=80")
    before = identity(site, "service", "shop--serve")
    _, err = process.communicate(timeout=120)
    status = site.status(RUN)
    assert status["state"] == "rolled-back", err
    assert status["verdict"]["reason"] == "exit code 3"
    assert status["stages"][0]["restoration"] == "removed"
    assert "left alone" in status["stages"][0]["restoration_reason"]
    assert identity(site, "service", "shop--serve") == before
    assert site.get("deployments")["items"] == []


def test_a_job_that_was_deleted_is_lost_and_its_log_is_missed(site: Site, project: Make) -> None:
    shop = project("wait")
    shop.batch("wait", "import time\nprint('begun', flush=True)\ntime.sleep(60)")
    shop.commit()
    namespace = f"--namespace={site.namespace}"
    process = site.begin("workflow", namespace, str(shop.folder), "main", "--as", RUN)
    assert process.stdout is not None
    for line in process.stdout:
        if line == "begun\n":
            break
    site.cluster.kubectl("-n", site.namespace, "delete", "jobs", "--all")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "because of stage wait: its Job was deleted" in err
    assert "hint: `bodywork workflow --resume` begins the stage anew" in err
    log = site.run("logs", namespace, RUN, "wait")
    assert (log.code, log.out) == (0, "")
    assert log.err == "note: the log of stage wait is empty: its Job was deleted\n"
