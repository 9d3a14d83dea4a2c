"""Jobs of schedules: those that fail at once, those that wait too long, and those at work."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.projects import Project
from tests.cluster.schedules import BATCH, Follower, Scene, verdict_of
from tests.cluster.site import Site
from tests.cluster.waiting import Found, wait_for
from tests.servers.registry import Registry
from tests.servers.secure_http import HttpsServer
from tests.servers.secure_shell import SshServer, find_sshd, ssh_server

pytestmark = pytest.mark.timeout(400)

MISSING = "registry.invalid/shop/bodywork:1"
NOT_PULLED = rf"image {MISSING} cannot be pulled: no such host"
KEY = "ssh-github-private-key"


@pytest.fixture
def scene(
    site: Site, project: Callable[..., Project], server: HttpsServer, tmp_path: Path
) -> Scene:
    shop = project("a")
    shop.batch("a", "print('hello from a')")
    shop.commit()
    return Scene(site, shop, server, Registry(tmp_path))


@pytest.fixture
def ssh(site: Site, tmp_path: Path) -> Iterator[SshServer]:
    if find_sshd() is None:
        pytest.skip("needs an OpenSSH server that lets us in")
    site.cluster.trusted_authority()  # pods that reach this machine
    with ssh_server(tmp_path / "ssh", address=site.cluster.gateway) as served:
        yield served


def set_deadline(scene: Scene, seconds: int) -> None:
    spec = {"spec": {"jobTemplate": {"spec": {"activeDeadlineSeconds": seconds}}}}
    scene.kubectl("patch", "cronjob", "shop", "--type=merge", "-p", json.dumps(spec))


def secret(scene: Scene, command: str, **values: str) -> None:
    data = [f"{key}={value}" for key, value in values.items()]
    scene.bodywork("secret", command, f"--name={KEY}", "--data", *data)


@dataclass(frozen=True)
class Failing:
    """A controller that starts and cannot go on; `told` is what its log says."""

    name: str
    create: Callable[[Scene, SshServer], None]
    told: str
    mend: Callable[[Scene, SshServer], object]


def of_ssh(scene: Scene, ssh: SshServer) -> None:
    scene.create(url=ssh.url(scene.project.folder))


def with_wrong_key(scene: Scene, ssh: SshServer) -> None:
    secret(
        scene,
        "create",
        BODYWORK_GITHUB_SSH_PRIVATE_KEY=ssh.stranger,
        BODYWORK_SSH_KNOWN_HOSTS=ssh.known_hosts,
    )
    of_ssh(scene, ssh)


def without_rights(scene: Scene, ssh: SshServer) -> None:
    scene.create()
    scene.kubectl("delete", "rolebinding", "bodywork-workflow-controller")


def give_key(scene: Scene, ssh: SshServer) -> None:
    secret(
        scene,
        "create",
        BODYWORK_GITHUB_SSH_PRIVATE_KEY=ssh.key,
        BODYWORK_SSH_KNOWN_HOSTS=ssh.known_hosts,
    )


def right_url(scene: Scene, ssh: SshServer) -> None:
    scene.update(f"--git-repo-url={scene.server.url('shop/.git')}")


FAILING = (
    Failing(
        "repository-not-found",
        lambda scene, ssh: scene.create(url=scene.server.url("shopp/.git")),
        r"error: .*shopp",
        right_url,
    ),
    Failing(
        "branch-not-found",
        lambda scene, ssh: scene.create(branch="mian"),
        r"error: .*'?mian'?",
        lambda scene, ssh: scene.update("--git-repo-branch=main"),
    ),
    Failing(
        "host-not-found",
        lambda scene, ssh: scene.create(url="https://git.invalid/shop"),
        r"error: .*git\.invalid",
        right_url,
    ),
    Failing("ssh-host-not-known", of_ssh, r"error: .*(?i:host key|known)", give_key),
    Failing(
        "ssh-key-not-accepted",
        with_wrong_key,
        r"error: .*(?i:key|permission|denied|accept)",
        lambda scene, ssh: secret(scene, "update", BODYWORK_GITHUB_SSH_PRIVATE_KEY=ssh.key),
    ),
    Failing(
        "rights-missing",
        without_rights,
        r"error: .*forbidden",
        lambda scene, ssh: scene.administer("setup-namespace", scene.site.namespace),
    ),
)


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.name)
def test_a_controller_that_cannot_go_on_fails_its_job_at_once_and_its_log_says_why(
    scene: Scene, ssh: SshServer, case: Failing
) -> None:
    case.create(scene, ssh)
    job = scene.run()
    Follower(scene.site, job).until(case.told)
    assert scene.verdict(job) == "Failed"
    assert scene.job(job)["status"]["failed"] == 1  # no second pod: it could do no better
    said = scene.bodywork("cronjob", "logs", "--name=shop")
    assert re.search(case.told, said.out), said
    assert scene.history()[0]["waits_for"] == ""
    case.mend(scene, ssh)
    assert scene.verdict(scene.run()) == "Complete"


def test_a_job_whose_controller_never_starts_is_ended_by_its_deadline(scene: Scene) -> None:
    scene.create(image=MISSING)
    set_deadline(scene, 8)
    job = scene.run()
    follower = Follower(scene.site, job)
    assert scene.verdict(job) == "Failed"
    assert follower.end() == 0
    ended = rf"{job} never started: it did not start within 8 s: the {NOT_PULLED}"
    assert re.search(NOT_PULLED, follower.text), follower.text
    for words in (("cronjob", "logs"), ("cronjob", "history"), ("cronjob", "display")):
        said = scene.bodywork(*words, "--name=shop")
        assert "did not start within 8 s" in said.out + said.err, said
    assert re.search(ended, scene.bodywork("cronjob", "logs", "--name=shop").err)
    status = scene.site.run("status", f"--namespace={scene.site.namespace}", job)
    assert (status.code, bool(re.search(NOT_PULLED, status.err))) == (2, True)
    scene.update(f"--image={scene.image}")
    set_deadline(scene, 1800)
    assert scene.verdict(scene.run()) == "Complete"


def test_a_controller_at_work_raises_its_deadline_and_outlives_the_one_it_began_with(
    scene: Scene,
) -> None:
    scene.project.batch("a", "import time\ntime.sleep(35)\nprint('hello from a')")
    scene.project.commit()
    scene.create()
    set_deadline(scene, 25)
    job = scene.run()
    raised = wait_for(
        scene.site,
        BATCH,
        "jobs",
        lambda found: found["metadata"]["name"] == job and _deadline(found) > 25,
    )
    assert 25 + 1800 <= _deadline(raised) <= 25 + 1800 + 60
    assert raised["metadata"]["annotations"]["bodywork.io/started"] == "true"
    assert scene.verdict(job) == "Complete"


def _deadline(job: Found) -> int:
    return int(job["spec"]["activeDeadlineSeconds"])


def test_after_an_update_of_the_image_the_next_time_of_the_schedule_is_not_blocked(
    scene: Scene,
) -> None:
    scene.create("--schedule=* * * * *", image=MISSING)
    stuck = wait_for(scene.site, BATCH, "jobs", lambda job: True)["metadata"]["name"]
    Follower(scene.site, "shop").until(NOT_PULLED)
    said = scene.update(f"--image={scene.image}")
    assert f"job {stuck} had not started, and is ended" in said.err
    done = wait_for(scene.site, BATCH, "jobs", lambda job: verdict_of(job) == "Complete")
    assert done["metadata"]["name"] != stuck


def test_a_quota_on_jobs_is_told_and_without_it_the_schedule_goes_on(scene: Scene) -> None:
    scene.kubectl("create", "quota", "none", "--hard=count/jobs.batch=0")
    scene.create("--schedule=* * * * *")
    wait_for(
        scene.site,
        "api/v1",
        "events",
        lambda event: event["involvedObject"]["kind"] == "CronJob" and event["type"] == "Warning",
    )
    told = r"the namespace's quota is exhausted: none, requested: count/jobs"
    for words in (("logs", "--name=shop"), ("logs", "--name=shop", "--follow"), ("display",)):
        said = scene.bodywork("cronjob", *words)
        assert re.search(told, said.out + said.err), (words, said)
    scene.kubectl("delete", "quota", "none")
    wait_for(scene.site, BATCH, "jobs", lambda job: verdict_of(job) == "Complete")
    assert "quota" not in scene.bodywork("cronjob", "display").out


def test_a_job_that_has_not_started_can_be_cancelled(scene: Scene) -> None:
    scene.create(image=MISSING)
    job = scene.run()
    said = scene.bodywork("cancel", job)
    assert said.err == f"note: job {job} is ended; its controller had not started\n"
    assert scene.history() == []
    assert scene.site.run("cancel", f"--namespace={scene.site.namespace}", job).code == 2


def test_a_schedule_is_run_at_once_also_where_it_is_suspended(scene: Scene) -> None:
    scene.create("--suspend")
    said = scene.bodywork("cronjob", "run", "--name=shop", "--follow")
    assert "hello from a" in said.out
    [job] = scene.history()
    assert (job["name"] in said.out, job["name"].startswith("shop-run-")) == (True, True)
    assert scene.site.status(job["name"])["state"] == "succeeded"
    owner = scene.job(job["name"])["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("CronJob", "shop", True)
