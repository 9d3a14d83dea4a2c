"""Controllers that are stopped, paused or gone; and those who look on."""

import signal
import subprocess
from collections.abc import Callable

from tests.cluster.judging import assert_each_job_was_made_once
from tests.cluster.projects import Project
from tests.cluster.proxy import Proxy
from tests.cluster.site import Site
from tests.cluster.waiting import wait_for

Make = Callable[..., Project]
SLOW = "import time\nprint('begun', flush=True)\ntime.sleep({seconds})\nprint('finished')"


def begin(site: Site, shop: Project) -> tuple[str, "subprocess.Popen[str]"]:
    """Begin a run and wait until its stage has begun to print."""
    process = site.begin("workflow", f"--namespace={site.namespace}", str(shop.folder), "main")
    assert process.stdout is not None
    for line in process.stdout:
        if line == "begun\n":
            break
    [run] = site.runs()
    return run, process


def slow(project: Make, seconds: int) -> Project:
    shop = project("wait >> after")
    shop.batch("wait", SLOW.format(seconds=seconds))
    shop.batch("after", "print('after')")
    shop.commit()
    return shop


def resume(site: Site, run: str, *more: str) -> tuple[str, ...]:
    return ("workflow", f"--namespace={site.namespace}", "--resume", f"--run={run}", *more)


def test_ctrl_c_leaves_the_stages_running_and_a_resume_adopts_them(
    site: Site, project: Make
) -> None:
    run, process = begin(site, slow(project, 8))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 4, err
    assert f"--resume --run={run}" in err
    resumed = site.run(*resume(site, run))
    assert resumed.code == 0, resumed.err
    assert "finished" in resumed.out
    assert_each_job_was_made_once(site)


def test_a_paused_controller_is_overtaken_and_then_changes_nothing(
    site: Site, project: Make
) -> None:
    run, paused = begin(site, slow(project, 5))
    paused.send_signal(signal.SIGSTOP)
    second = site.run(*resume(site, run))  # waits until the lease has run out
    assert second.code == 0, second.err
    before = site.get("configmap", run), site.get("jobs")["items"]
    paused.send_signal(signal.SIGCONT)
    _, err = paused.communicate(timeout=60)
    assert paused.returncode == 3, err
    assert (site.get("configmap", run), site.get("jobs")["items"]) == before
    assert_each_job_was_made_once(site)


def test_a_controller_that_was_killed_on_this_host_is_known_dead_at_once(
    site: Site, project: Make
) -> None:
    run, process = begin(site, slow(project, 5))
    process.kill()
    process.wait()
    assert ", dead" in site.run("status", f"--namespace={site.namespace}", run).out
    resumed = site.run(*resume(site, run))
    assert resumed.code == 0, resumed.err
    assert "waiting to see whether" not in resumed.out
    assert_each_job_was_made_once(site)


def test_a_controller_that_was_killed_on_another_host_is_known_dead_by_its_lease(
    site: Site, project: Make
) -> None:
    run, process = begin(site, slow(project, 30))
    look = ("status", f"--namespace={site.namespace}", run)
    assert "alive" in site.run(*look).out
    process.kill()
    process.wait()
    site.cluster.kubectl(  # as if it had been elsewhere, and a while ago
        "-n", site.namespace, "patch", "lease", run, "--type=merge",
        '-p={"metadata": {"annotations": {"statemachine/process": "another/host/1"}}, '
        '"spec": {"renewTime": "2020-01-01T00:00:00.000000Z"}}',
    )  # fmt: skip
    said = site.run(*look)
    assert "dead" in said.out
    assert "--resume" in said.out + said.err
    assert site.run("cancel", f"--namespace={site.namespace}", run).code == 0
    assert site.status(run)["state"] == "cancelled"


def test_a_controller_outlasts_an_api_server_that_is_away(site: Site, project: Make) -> None:
    proxy = Proxy(site.kubeconfig)
    shop = slow(project, 6)
    through = proxy.write_kubeconfig(site.folder / "through.conf")
    arguments = ("workflow", f"--namespace={site.namespace}", str(shop.folder), "main")
    process = site.begin(*arguments, kubeconfig=through)
    assert process.stdout is not None
    for line in process.stdout:
        if line == "begun\n":
            proxy.go_down()
        if "trying again" in line:
            proxy.down = False
            break
    out, err = process.communicate(timeout=120)
    proxy.close()
    assert process.returncode == 0, err
    assert "finished" in out
    assert_each_job_was_made_once(site)


def test_logs_can_be_followed_from_elsewhere(site: Site, project: Make) -> None:
    run, process = begin(site, slow(project, 4))
    followed = site.run("logs", f"--namespace={site.namespace}", run, "wait", "--follow")
    assert [word for word in followed.out.split() if word in ("begun", "finished")] == [
        "begun",
        "finished",
    ]
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_cancelled_run_ends_its_pods(site: Site, project: Make) -> None:
    run, process = begin(site, slow(project, 600))
    assert site.run("cancel", f"--namespace={site.namespace}", run).code == 0
    wait_for(
        site,
        "api/v1",
        "pods",
        lambda pod: pod["status"]["phase"] == "Failed",
        selector=f"bodywork.io/run={run}",
        seconds=60,
    )
    process.communicate(timeout=60)
    assert process.returncode == 3


def test_why_a_stage_with_secrets_failed_is_told_without_them(site: Site, project: Make) -> None:
    namespace = f"--namespace={site.namespace}"
    data = "PASSWORD=hunter22"
    assert site.run("secret", "create", namespace, "--name=store", "--data", data).code == 0
    shop = project("spill")
    script = "import os\nprint('not accepted:', os.environ['PASSWORD'])\nraise SystemExit(1)"
    shop.batch("spill", script, more='[secrets]\nPASSWORD="store"\n')
    shop.commit()
    assert site.workflow(shop.folder).code == 1
    [run] = site.runs()
    assert "not accepted: ***" in site.run("status", namespace, run).out
    kept = site.cluster.kubectl("-n", site.namespace, "get", "configmaps,pods", "-o", "json")
    assert "hunter22" not in kept
