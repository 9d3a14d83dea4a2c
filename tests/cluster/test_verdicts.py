"""What others do while a stage starts, on a real node: waited for, and told."""

from collections.abc import Callable

from tests.cluster.projects import SERVER, Project
from tests.cluster.site import Site
from tests.cluster.waiting import wait_for

Make = Callable[..., Project]
RUN = "patient"


def test_a_quota_on_jobs_is_waited_for_and_the_stage_goes_on(site: Site, project: Make) -> None:
    shop = project("train")
    shop.batch("train", "print('trained')")
    shop.commit()
    kubectl = site.cluster.kubectl
    kubectl("-n", site.namespace, "create", "quota", "none", "--hard=count/jobs.batch=0")
    wait_for(
        site, "api/v1", "resourcequotas", lambda each: bool(each.get("status", {}).get("hard"))
    )
    namespace = f"--namespace={site.namespace}"
    process = site.begin("workflow", namespace, str(shop.folder), "main", "--as", RUN)
    assert process.stdout is not None
    for line in process.stdout:
        if "is waiting: the namespace's quota is exhausted" in line:
            assert "count/jobs.batch=1" in line
            break
    attempt = site.status(RUN)["stages"][0]["attempts"][0]
    assert "quota is exhausted" in attempt["reason"]
    kubectl("-n", site.namespace, "delete", "quota", "none")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "trained" in out
    assert len(site.status(RUN)["stages"][0]["attempts"]) == 1


def test_a_pod_that_is_deleted_while_its_version_is_proven_is_no_crash(
    site: Site, project: Make
) -> None:
    shop = project("serve")
    late = SERVER.replace("{word}", "v1").replace("{port}", "5000")
    shop.service("serve", f"import time\ntime.sleep(5)\n{late}", seconds=90)
    shop.commit()
    namespace = f"--namespace={site.namespace}"
    process = site.begin("workflow", namespace, str(shop.folder), "main", "--as", RUN)
    wait_for(site, "api/v1", "pods", lambda each: each.get("status", {}).get("phase") == "Running")
    site.cluster.kubectl("-n", site.namespace, "delete", "pods", "--all")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert site.status(RUN)["state"] == "succeeded"
