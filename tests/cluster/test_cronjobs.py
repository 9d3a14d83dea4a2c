"""Controllers in pods: one that is killed is made anew, and goes on with the same run."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.judging import assert_each_job_was_made_once, live_version
from tests.cluster.projects import Project
from tests.cluster.site import Site
from tests.cluster.stories import batches, replaced_and_restored
from tests.cluster.waiting import Found, wait_for
from tests.servers.secure_http import HttpsServer

pytestmark = pytest.mark.timeout(300)

JOB = "shop-1605214260"
BATCH = "apis/batch/v1"


@pytest.fixture
def schedule(site: Site, server: HttpsServer) -> Callable[..., None]:
    """Return what makes a schedule of the project `shop`; its clock is never waited for."""

    def make(*options: str) -> None:
        made = site.run(
            "cronjob",
            "create",
            f"--namespace={site.namespace}",
            "--name=shop",
            "--schedule=@yearly",
            f"--git-repo-url={server.url('shop/.git')}",
            "--git-repo-branch=main",
            f"--image={site.cluster.image}",
            *options,
        )
        assert made.code == 0, made.err

    return make


def tick(site: Site, name: str = JOB) -> None:
    """Make a Job of the schedule now."""
    site.cluster.kubectl("-n", site.namespace, "create", "job", name, "--from=cronjob/shop")


def wait_for_state(site: Site, state: str) -> None:
    wait_for(
        site,
        "api/v1",
        "configmaps",
        lambda record: record["metadata"]["name"] == JOB and record["data"]["state"] == state,
    )


def wait_for_end(site: Site) -> Found:
    def ended(job: Found) -> bool:
        conditions = (job.get("status") or {}).get("conditions") or ()
        verdicts = [each["type"] for each in conditions if each["status"] == "True"]
        return job["metadata"]["name"] == JOB and bool({"Complete", "Failed"} & {*verdicts})

    return wait_for(site, BATCH, "jobs", ended, seconds=200)


def kill_controller(site: Site) -> None:
    """Kill -9 the process in the controller's pod: the node is this machine."""
    marks = {f"BODYWORK_RUN={JOB}".encode(), f"BODYWORK_NAMESPACE={site.namespace}".encode()}
    killed = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = marks <= {*(folder / "environ").read_bytes().split(b"\0")}
        except OSError:
            continue  # ended meanwhile
        if ours:
            os.kill(int(folder.name), signal.SIGKILL)
            killed += 1
    assert killed


@pytest.mark.parametrize(
    ("prepare", "state"),
    [
        (batches, "created"),
        (batches, "cloned"),
        (batches, "step-1-running"),
        (batches, "step-1-done"),
        (batches, "step-2-running"),
        (replaced_and_restored, "step-2-running"),
        (replaced_and_restored, "rolling-back"),
    ],
    ids=lambda each: each.__name__ if callable(each) else str(each),
)
def test_a_controller_that_is_killed_in_its_pod_is_made_anew_and_ends_the_same_run(
    site: Site,
    project: Callable[..., Project],
    schedule: Callable[..., None],
    prepare: Callable[[Project, Site], str],
    state: str,
) -> None:
    end = prepare(project("a"), site)
    known = site.runs()
    schedule("--adopt")  # the service was deployed from the folder, another repository
    tick(site)
    wait_for_state(site, state)
    kill_controller(site)
    job = wait_for_end(site)
    assert job["status"]["failed"] >= 1
    assert site.runs() == [*known, JOB]
    status = site.status(JOB)
    assert status["state"] == end, json.dumps(status, indent=1)
    assert_each_job_was_made_once(site)
    if end == "rolled-back":
        assert live_version(site, "shop--serve") in known


def test_a_scheduled_run_with_a_service_ends_with_a_complete_job(
    site: Site, project: Callable[..., Project], schedule: Callable[..., None]
) -> None:
    """The pod has the role of controllers and no other."""
    shop = project("train >> serve")
    shop.batch("train", "print('trained')")
    shop.service("serve")
    shop.commit()
    schedule()
    tick(site)
    job = wait_for_end(site)
    verdicts = {each["type"]: each["status"] for each in job["status"]["conditions"]}
    assert verdicts.get("Complete") == "True", job["status"]
    assert (job["status"].get("succeeded"), job["status"].get("failed", 0)) == (1, 0)
    assert site.status(JOB)["state"] == "succeeded"
    assert live_version(site, "shop--serve") == JOB
    logs = site.run("cronjob", "logs", f"--namespace={site.namespace}", f"--name={JOB}").out
    assert "successfully ran workflow" in logs
    assert "error:" not in logs
    assert "forbidden" not in logs
    pods = site.get("pods", "-l", f"job-name={JOB}")["items"]
    [state] = [pod["status"]["containerStatuses"][0]["state"] for pod in pods]
    assert state["terminated"]["exitCode"] == 0


def test_a_failed_run_is_tried_again_and_what_succeeded_is_kept(
    site: Site, project: Callable[..., Project], schedule: Callable[..., None]
) -> None:
    shop = project("good >> bad")
    shop.batch("good", "print('once')")
    shop.batch("bad", "raise SystemExit(7)")
    shop.commit()
    schedule("--retries=1")
    tick(site)
    job = wait_for_end(site)
    assert job["status"]["failed"] == 1
    logs = site.run("cronjob", "logs", f"--namespace={site.namespace}", f"--name={JOB}").out
    assert logs.count("exit code 7") >= 2
    history = site.run("cronjob", "history", f"--namespace={site.namespace}", "--name=shop")
    assert history.out.splitlines()[1].split()[-3:] == ["0", "0", "1"]
    stages = [job["metadata"]["labels"]["bodywork.io/stage"] for job in stage_jobs(site)]
    assert sorted(stages) == ["bad", "bad", "good"]


def test_a_schedule_that_is_deleted_leaves_the_records_of_its_runs(
    site: Site, project: Callable[..., Project], schedule: Callable[..., None]
) -> None:
    shop = project("a")
    shop.batch("a", "print('a')")
    shop.commit()
    schedule()
    tick(site)
    wait_for_end(site)
    namespace = f"--namespace={site.namespace}"
    assert site.run("cronjob", "delete", namespace, "--name=shop").code == 0
    assert site.status(JOB)["state"] == "succeeded"
    nobody = site.run("cronjob", "history", namespace, "--name=shop")
    assert nobody.code != 0
    assert "there is no cronjob shop" in nobody.err


def stage_jobs(site: Site) -> list[Found]:
    return list(site.get("jobs", "-l", "bodywork.io/stage")["items"])
