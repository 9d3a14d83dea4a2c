"""What is sent to the API server, held to the rules that Kubernetes documents."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cluster import labels
from bodywork.cluster.cron_manifests import CronJob, build_cron_job, parse_cron_job
from bodywork.cluster.manifests import (
    StageSource,
    build_deployment,
    build_job,
    build_service,
)
from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.run import StageRun
from bodywork.model.stage import Batch, SecretVariable, Service, Stage

Manifest = dict[str, Any]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GIT = StageSource("https://github.com/ada/shop", "main", COMMIT)
SNAPSHOT = StageSource("file:///home/ada/shop", "main", COMMIT, "f" * 64, ("r-source-0",))
SSH = StageSource("git@github.com:ada/shop.git", "main", COMMIT)
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "r", "uid": "u"}
DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
TRAIN = Stage(
    StageName("train"),
    Batch(30, 2),
    "main.py",
    ("--depth", "3"),
    cpu_request=0.25,
    memory_request_mb=100,
    secrets=(SecretVariable("PASSWORD", "store"),),
)
SERVE = Stage(StageName("serve"), Service(30, 2, 5000), "app.py")


def attempt(stage: str = "train", number: int = 1, project: str = "shop") -> StageRun:
    return StageRun(
        namespace=Namespace("ns"),
        project=ProjectName(project),
        run=RunName("shop-20261123-170000-abcd"),
        stage=StageName(stage),
        attempt=number,
    )


def job(source: StageSource = GIT, stage: Stage = TRAIN) -> Manifest:
    return build_job(attempt(), stage, "image:1", source, OWNER)


def deployment() -> Manifest:
    return build_deployment(attempt("serve"), SERVE, "image:1", GIT, "host/shop")


def cron_job() -> Manifest:
    schedule = CronJob("shop", "0 3 * * *", "https://github.com/ada/shop", "main", "shop:1")
    return build_cron_job(schedule, "ns")


def pod_of(manifest: Manifest) -> Manifest:
    spec: Manifest = manifest["spec"]
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    pod: Manifest = spec["template"]["spec"]
    return pod


@pytest.mark.parametrize("make", [job, deployment, cron_job])
def test_each_pod_passes_the_restricted_profile(make: Any) -> None:
    # https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    pod = pod_of(make())
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    allowed = {"configMap", "emptyDir", "projected", "secret", "downwardAPI"}
    assert all(volume.keys() <= allowed | {"name"} for volume in pod["volumes"])
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] != 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
        assert "privileged" not in context
        assert all("hostPort" not in port for port in container.get("ports", ()))


def test_stages_get_no_token() -> None:
    for manifest in (job(), deployment()):
        assert pod_of(manifest)["automountServiceAccountToken"] is False
        assert pod_of(manifest)["serviceAccountName"] == "bodywork-jobs-and-deployments"


def test_a_job_is_one_try_of_one_pod_within_its_time() -> None:
    spec = job()["spec"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (1, 1, 0)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["template"]["spec"]["activeDeadlineSeconds"] == 30
    assert spec["activeDeadlineSeconds"] > 30  # of last resort: the pod may have to wait
    assert spec["podReplacementPolicy"] == "Failed"


def test_a_job_goes_with_its_run() -> None:
    assert job()["metadata"]["ownerReferences"] == [OWNER]


def test_a_stage_runs_the_pinned_commit() -> None:
    [container] = pod_of(job())["containers"]
    assert container["args"] == [
        *("stage", "--commit", COMMIT, "--"),
        *("https://github.com/ada/shop", "main", "train"),
    ]


@pytest.mark.parametrize("source", [GIT, SNAPSHOT])
def test_a_stage_of_a_project_in_a_folder_is_told_its_path(source: StageSource) -> None:
    [container] = job(source, replace(TRAIN, path="services/iris"))["spec"]["template"]["spec"][
        "containers"
    ]
    words = [*container["command"], *container["args"]]
    assert words[words.index("--path") + 1] == "services/iris"
    assert words.index("--path") < words.index("--")
    [container] = job(source)["spec"]["template"]["spec"]["containers"]
    assert "--path" not in container["args"]


@pytest.mark.parametrize("path", ["", "services/iris", "a=b/c d"])
def test_a_schedule_keeps_its_path(path: str) -> None:
    schedule = CronJob("shop", "@daily", "https://h/mono", "main", "shop:1", path=path)
    assert parse_cron_job(build_cron_job(schedule, "ns")).cronjob == schedule


def test_a_snapshot_is_mounted_and_its_digest_told() -> None:
    pod = pod_of(job(SNAPSHOT))
    [container] = pod["containers"]
    digest = container["args"].index("--digest")
    assert container["args"][digest + 1] == "f" * 64
    folder = container["args"][container["args"].index("--snapshot") + 1]
    assert folder in [mount["mountPath"] for mount in container["volumeMounts"]]
    [volume] = [each for each in pod["volumes"] if each["name"] == "source"]
    assert "r-source-0" in str(volume)


def test_resources_are_requests_and_no_limits() -> None:
    [container] = pod_of(job())["containers"]
    assert container["resources"] == {"requests": {"cpu": "250m", "memory": "100Mi"}}


def test_secrets_are_references_and_the_key_for_git_only_where_it_is_needed() -> None:
    def references(source: StageSource) -> dict[str, tuple[str, bool]]:
        [container] = pod_of(job(source))["containers"]
        found = [each for each in container["env"] if "valueFrom" in each]
        refs = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in found}
        return {name: (ref["name"], ref["optional"]) for name, ref in refs.items()}

    assert references(GIT) == {"PASSWORD": ("store", False)}
    assert references(SSH) == {
        "PASSWORD": ("store", False),
        "BODYWORK_GITHUB_SSH_PRIVATE_KEY": ("ssh-github-private-key", True),
        "BODYWORK_SSH_KNOWN_HOSTS": ("ssh-github-private-key", True),
    }


def test_the_end_of_the_log_is_not_copied_where_it_may_hold_a_secret() -> None:
    def policy(stage: Stage) -> str:
        return str(pod_of(job(stage=stage))["containers"][0]["terminationMessagePolicy"])

    assert policy(TRAIN) == "File"
    assert policy(Stage(StageName("train"), Batch(30, 0), "main.py")) == "FallbackToLogsOnError"


def test_a_new_version_starts_beside_the_one_that_answers() -> None:
    spec = deployment()["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["progressDeadlineSeconds"] == 30
    assert spec["minReadySeconds"] < 30
    [container] = pod_of(deployment())["containers"]
    [port] = container["ports"]
    assert container["readinessProbe"]["tcpSocket"]["port"] == port["name"]
    assert "livenessProbe" not in container  # it would hide a crash loop, and cause some


def test_a_service_leads_to_all_versions_by_the_name_of_the_port() -> None:
    service = build_service(attempt("serve", 7), 5000)
    assert service["metadata"]["name"] == "shop--serve"
    assert service["spec"]["ports"] == [{"port": 5000, "targetPort": "stage"}]
    template = deployment()["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= template.items()
    assert not service["spec"]["selector"].keys() & {labels.RUN, labels.ATTEMPT}
    assert deployment()["spec"]["selector"]["matchLabels"].items() <= template.items()


NAMES = st.from_regex(r"[A-Za-z]([A-Za-z0-9_-]{0,60}[A-Za-z0-9])?", fullmatch=True)


@given(project=NAMES, stage=NAMES, number=st.integers(1, 999))
def test_any_project_and_stage_give_names_and_labels_that_kubernetes_takes(
    project: str, stage: str, number: int
) -> None:
    made = attempt(stage, number, project)
    manifest = build_job(
        made, Stage(StageName(stage), Batch(30, 0), "main.py"), "image:1", GIT, OWNER
    )
    assert re.fullmatch(DNS_LABEL, manifest["metadata"]["name"])
    for value in manifest["metadata"]["labels"].values():
        assert re.fullmatch(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", value)
        assert len(value) <= 63


def test_each_attempt_has_a_name_of_its_own() -> None:
    names = {
        build_job(attempt(number=number), TRAIN, "i", GIT, OWNER)["metadata"]["name"]
        for number in range(1, 50)
    }
    assert len(names) == 49
