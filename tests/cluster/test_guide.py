"""The user guide, command by command, on a real node and under the least rights.

Its chapters in its order; what it shows is compared with what is printed. Its repository on GitHub
is one of two servers on this machine: HTTPS where it is public, SSH where it is private.
"""

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bodywork.cli.demo_project import demo_project
from bodywork.model.repository import identify_repository
from tests.cluster.projects import Project
from tests.cluster.site import Site
from tests.cluster.waiting import wait_for
from tests.servers.buckets import bucket_server
from tests.servers.repositories import git
from tests.servers.secure_http import https_server
from tests.servers.secure_shell import ssh_server

pytestmark = pytest.mark.timeout(600)

PROJECT = "my-classification-product"
CREDENTIALS = f"{PROJECT}-cloud-storage-credentials"
STAGES = (
    "prepare-data",
    "train-svm",
    "train-random-forest",
    "choose-model",
    "model-scoring-service",
)
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00"


def classification_product(folder: Path, image: str) -> Path:
    """Make the guide's project: the example, with its data in a bucket."""
    shutil.copytree(demo_project(), folder)
    settings = folder / "bodywork.ini"
    text = settings.read_text().replace("iris-classifier", PROJECT)
    settings.write_text(text.replace("[default]", f'[default]\nDOCKER_IMAGE="{image}"'))
    keys = ("ARTEFACT_STORE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
    for stage in STAGES:
        requirements = folder / stage / "requirements.txt"
        requirements.write_text(f"{requirements.read_text()}s3fs>=2024.6\n")
        config = folder / stage / "config.ini"
        head = config.read_text().partition("[secrets]")[0]
        config.write_text(f"{head}[secrets]\n" + "".join(f'{k}="{CREDENTIALS}"\n' for k in keys))
    git(folder, "init", "-q", "-b", "master")
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "My classification product")
    return folder


@contextmanager
def proxied(site: Site) -> Iterator[str]:
    """Run `kubectl proxy` and yield its address."""
    command = ["kubectl", "--kubeconfig", site.cluster.kubeconfig, "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield "http://" + process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def test_private_project_from_namespace_to_deleted_service(site: Site, tmp_path: Path) -> None:
    namespace = f"--namespace={site.namespace}"
    site.cluster.trusted_authority()  # pods reach the servers below on a cluster of our own
    product = classification_product(tmp_path / PROJECT, site.cluster.image)
    gateway = site.cluster.gateway
    with (
        ssh_server(tmp_path / "ssh", address=gateway) as private,
        bucket_server(tmp_path / "buckets.log", gateway) as buckets,
    ):
        buckets.make_bucket("iris")
        # Managing Secrets
        data = (
            "ARTEFACT_STORE=s3://iris/models",
            "AWS_ACCESS_KEY_ID=bodywork",
            "AWS_SECRET_ACCESS_KEY=bodywork123!",
            f"AWS_ENDPOINT_URL={buckets.url}",
        )
        made = site.run("secret", "create", namespace, f"--name={CREDENTIALS}", "--data", *data)
        assert made.code == 0, made.err
        shown = site.run("secret", "display", namespace)
        assert "bodywork123!" not in made.out + made.err + shown.out + shown.err

        # Working with Private Git Repositories using SSH
        key = (
            f"BODYWORK_GITHUB_SSH_PRIVATE_KEY={private.key}",
            f"BODYWORK_SSH_KNOWN_HOSTS={private.known_hosts}",
        )
        name = "--name=ssh-github-private-key"
        made = site.run("secret", "create", namespace, name, "--data", *key)
        assert made.code == 0, made.err

        # Testing Workflows Locally
        site.variables |= dict(each.split("=", 1) for each in key)
        said = site.run("workflow", namespace, private.url(product), "master")
        assert said.code == 0, said.out + said.err
        check_log(said.out, private.url(product), site.namespace)
        assert "model.joblib" in buckets.keys("iris")
        assert private.key.splitlines()[1] not in said.out + said.err

        # Testing Service Deployments
        with proxied(site) as proxy:
            where = f"api/v1/namespaces/{site.namespace}/services"
            answer = urllib.request.urlopen(
                urllib.request.Request(
                    f"{proxy}/{where}/{PROJECT}--model-scoring-service/proxy/",
                    data=b'{"x": 5.1, "y": 3.5}',
                    headers={"Content-Type": "application/json"},
                    method="POST",
                ),
                timeout=30,
            ).read()
        assert json.loads(answer)["species"] == "setosa"

    # Deleting Service Deployments
    shown = site.run("service", "display", namespace)
    assert [re.split(r"\s{2,}", line) for line in shown.out.splitlines()] == [
        ["SERVICE_URL", "EXPOSED", "AVAILABLE_REPLICAS", "UNAVAILABLE_REPLICAS", "REPOSITORY"],
        [
            f"http://{PROJECT}--model-scoring-service:5000",
            *("true", "1", "0"),
            identify_repository(private.url(product)),
        ],
    ]
    gone = site.run("service", "delete", namespace, f"--name={PROJECT}--model-scoring-service")
    assert gone.code == 0, gone.err
    assert site.get("deployments,services")["items"] == []


def check_log(log: str, repository: str, namespace: str) -> None:
    """The controller's log has the guide's shape, and in it that of each stage."""
    lines = log.splitlines()
    head = "attempting to run workflow for project"
    where = re.escape(f"{repository} on branch=master in kubernetes namespace={namespace}")
    assert re.fullmatch(rf"{TIME} - INFO - workflow.run_workflow - {head}={where}", lines[0])
    assert lines[1].startswith("git version ")
    assert lines[2].startswith("Cloning into '")
    steps = [line.partition("DAG step=")[2] for line in lines if "to execute DAG step=" in line]
    assert steps == [
        "['prepare-data']",
        "['train-svm', 'train-random-forest']",
        "['choose-model']",
        "['model-scoring-service']",
    ]
    rule = "-" * 100
    for stage in STAGES[:-1]:
        assert re.search(rf"creating job=\S*{stage}\S* in namespace={namespace}", log)
        title = next(n for n, line in enumerate(lines) if is_title(line, stage))
        assert lines[title - 1] == rule
        assert lines[title + 1] == rule
        ran = f"attempting to run stage={stage} from master branch of repo at {repository}"
        assert re.fullmatch(
            rf"{TIME} - INFO - stage.run_stage - {re.escape(ran)}", lines[title + 2]
        )
    assert "prepared 105 flowers to train with" in log


def is_title(line: str, stage: str) -> bool:
    return line.startswith(f"---- pod logs for {PROJECT}--{stage}")


def test_namespace_is_set_up_as_the_guide_shows_and_again_without_harm(site: Site) -> None:
    namespace = f"{site.namespace}-2"
    admin = site.cluster.kubeconfig
    try:
        first = site.run("setup-namespace", namespace, kubeconfig=admin)
        again = site.run("setup-namespace", namespace, kubeconfig=admin)
        ready = site.run("doctor", f"--namespace={namespace}", kubeconfig=admin)
    finally:
        site.cluster.kubectl("delete", "namespace", namespace, "--wait=false")
        binding = f"bodywork-workflow-controller--{namespace}"
        site.cluster.kubectl("delete", "clusterrolebinding", binding)
    assert first.out.splitlines() == [
        f"creating namespace={namespace}",
        f"creating service-account=bodywork-workflow-controller in namespace={namespace}",
        f"creating cluster-role-binding=bodywork-workflow-controller--{namespace}",
        f"creating service-account=bodywork-jobs-and-deployments in namespace={namespace}",
    ]
    assert (first.code, again.code, ready.code) == (0, 0, 0)
    assert "creating" not in again.out


def test_branch_of_a_folder_on_this_machine(site: Site, tmp_path: Path) -> None:
    shop = Project(tmp_path / "shop", site.cluster.image, "train", "shop")
    shop.batch("train", "print('this is main')")
    shop.commit()
    git(shop.folder, "checkout", "-q", "-b", "dev")
    shop.batch("train", "print('this is dev')")
    shop.commit()
    git(shop.folder, "checkout", "-q", "main")
    said = site.workflow(f"file://{shop.folder}", "dev")
    assert said.code == 0, said.err
    assert "this is dev" in said.out
    assert "this is main" not in said.out


def test_scheduled_workflow_with_history_and_logs(site: Site, tmp_path: Path) -> None:
    authority = site.cluster.trusted_authority()
    namespace = f"--namespace={site.namespace}"
    root = tmp_path / "repositories"
    shop = Project(root / "shop", site.cluster.image, "train", "shop")
    shop.batch("train", "print('trained by the clock')")
    shop.commit()
    certificates = tmp_path / "certificates"
    with https_server(root, certificates, site.cluster.gateway, authority) as public:
        made = site.run(
            "cronjob",
            "create",
            namespace,
            f"--name={PROJECT}",
            "--schedule=* * * * *",
            f"--git-repo-url={public.url('shop/.git')}",
            "--git-repo-branch=main",
            "--retries=2",
            f"--image={site.cluster.image}",
        )
        assert made.code == 0, made.err
        wait_for(
            site,
            "apis/batch/v1",
            "jobs",
            lambda job: (
                job["metadata"]["name"].startswith(PROJECT)
                and bool((job.get("status") or {}).get("succeeded"))
            ),
            seconds=150,
        )
        site.run("cronjob", "update", namespace, f"--name={PROJECT}", "--suspend")
    history = site.run("cronjob", "history", namespace, f"--name={PROJECT}")
    head, *rows = history.out.splitlines()
    assert head.split() == [
        "JOB_NAME", "START_TIME", "COMPLETION_TIME", "ACTIVE", "SUCCEEDED", "FAILED",
    ]  # fmt: skip
    row = re.fullmatch(rf"({PROJECT}-\d+)\s+{MOMENT}\s+{MOMENT}\s+0\s+1\s+0", rows[-1])
    assert row is not None, history.out
    job = row[1]

    # The guide gives the job's name for the namespace too.
    logs = site.run("cronjob", "logs", f"--namespace={job}", f"--name={job}")
    assert logs.code == 0, logs.err
    assert re.match(rf"{TIME} - INFO - workflow.run_workflow - attempting to run", logs.out)
    assert "trained by the clock" in logs.out
    assert site.run("cronjob", "logs", namespace, f"--name={job}").out == logs.out

    status = site.status(job)
    assert status["state"] == "succeeded"
    gone = site.run("cronjob", "delete", namespace, f"--name={PROJECT}")
    assert gone.code == 0, gone.err
    assert site.run("cronjob", "display", namespace).out == "no cronjobs\n"
