"""`bodywork doctor` on a real cluster: it names what is amiss, under the least rights, and only it.

The audit log tells that it asks for nothing that those rights do not grant.
"""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster.rights import CONTROLLER, PEOPLE
from tests.cluster.projects import Project
from tests.cluster.site import Said, Site
from tests.servers.secure_http import HttpsServer

PROBES = ("job,pod", "-l", "bodywork.io/kind=doctor")


def doctor(site: Site, *words: str, kubeconfig: str = "") -> Said:
    return site.run(
        "doctor", f"--namespace={site.namespace}", "-o", "json", *words, kubeconfig=kubeconfig
    )


def found(said: Said) -> dict[str, dict[str, Any]]:
    """Return the checks by name; of two of the same name, the worse."""
    order = ["skipped", "ok", "warning", "fail"]
    checks = sorted(said.json["checks"], key=lambda each: order.index(each["status"]))
    return {each["name"]: each for each in checks}


def statuses(said: Said, status: str) -> set[str]:
    return {name for name, each in found(said).items() if each["status"] == status}


def test_a_namespace_that_is_ready_is_said_to_be(site: Site) -> None:
    said = doctor(site, f"--image={site.cluster.image}", kubeconfig=site.cluster.kubeconfig)
    assert (said.code, said.json["ready"]) == (0, True), said.out
    assert {each["status"] for each in said.json["checks"]} == {"ok"}, said.out
    assert "and holds bodywork" in found(said)["image"]["message"]


@pytest.mark.parametrize(
    ("role", "warnings"),
    [
        (CONTROLLER, {"right: secrets", "right: cronjobs", "secret: store"}),
        (
            PEOPLE,
            {f"right: {name}" for name in ("configmaps", "leases", "jobs", "pods")}
            | {f"right: {name}" for name in ("deployments", "replicasets", "services")},
        ),
    ],
)
def test_the_rights_of_one_role_are_enough_and_leave_no_trace(
    site: Site, role: str, warnings: set[str]
) -> None:
    site.run(
        "secret", "create", f"--namespace={site.namespace}", "--name=store", "--data", "USER=ada"
    )
    image = f"--image={site.cluster.image}"
    said = doctor(site, image, "--secret=store", kubeconfig=site.kubeconfigs[role])
    assert said.code == 0, said.out
    assert statuses(said, "warning") == {"service accounts", *warnings}
    assert statuses(said, "skipped") == set()
    site.cluster.kubectl("-n", site.namespace, "wait", "--for=delete", "--timeout=60s", *PROBES)
    if site.cluster.audit_log is not None:
        asked = list(site.audit())
        refused = [each["requestURI"] for each in asked if each["responseStatus"]["code"] == 403]
        assert len(asked) > 5
        assert refused == []


def test_each_missing_right_is_named_with_what_it_breaks(site: Site) -> None:
    site.cluster.kubectl("-n", site.namespace, "delete", "rolebinding", "runner")
    rules = [{"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": ["get", "list"]}]
    metadata = {"name": "little", "namespace": site.namespace}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata}
    site.cluster.kubectl("apply", "-f", "-", stdin=json.dumps({**role, "rules": rules}))
    site.cluster.kubectl(
        *("-n", site.namespace, "create", "rolebinding", "little", "--role=little"),
        f"--serviceaccount={site.namespace}:runner",
    )
    said = doctor(site, "--secret=store")
    checks = found(said)
    assert said.code == 1
    assert {"right: jobs", "right: leases", "right: configmaps"} <= statuses(said, "fail")
    assert "right: secrets" in statuses(said, "warning")
    told = checks["right: configmaps"]["message"]
    assert (
        told
        == "you may not create, update, delete configmaps; breaks: workflow, status, logs, cancel"
    )
    assert "--role=bodywork-workflow-controller" in checks["right: configmaps"]["hint"]
    assert checks["right: secrets"]["message"].endswith("breaks: secret")
    assert "cannot be seen" in checks["secret: store"]["message"]


def test_a_missing_namespace_is_named_with_the_command_that_makes_it(site: Site) -> None:
    said = site.run("doctor", "-n", "there-is-no-such", "-o", "json")
    assert said.code == 1
    assert statuses(said, "fail") == {"namespace"}
    assert "setup-namespace there-is-no-such" in found(said)["namespace"]["hint"]


def test_a_namespace_that_was_not_set_up_lacks_its_accounts(site: Site) -> None:
    site.cluster.kubectl(
        *("-n", site.namespace, "delete", "serviceaccount", "bodywork-jobs-and-deployments")
    )
    said = doctor(site, f"--image={site.cluster.image}", kubeconfig=site.cluster.kubeconfig)
    assert statuses(said, "fail") == {"service accounts", "image"}
    assert "bodywork-jobs-and-deployments" in found(said)["service accounts"]["message"]
    assert "service account is missing" in found(said)["image"]["message"]
    assert "bodywork setup-namespace" in found(said)["image"]["hint"]


def test_the_secrets_of_a_project_are_looked_for_key_by_key(
    site: Site, project: Callable[..., Project]
) -> None:
    shop = project("train")
    shop.batch("train", "print('hello')\n", more="[secrets]\nUSER=store\nTOKEN=vault\n")
    shop.commit()
    site.run(
        "secret", "create", f"--namespace={site.namespace}", "--name=store", "--data", "OTHER=1"
    )
    keeper = site.kubeconfigs[PEOPLE]
    said = doctor(site, str(shop.folder), "--secret=store", kubeconfig=keeper)
    assert said.code == 1, said.out + said.err
    assert statuses(said, "fail") == {"secret: store", "secret: vault"}
    assert found(said)["secret: store"]["message"] == "it lacks USER"
    assert "--name=store --data USER=…" in found(said)["secret: store"]["hint"]
    assert "bodywork secret create" in found(said)["secret: vault"]["hint"]
    assert found(said)["image"]["status"] == "ok"  # the project's own


def test_an_image_that_cannot_be_pulled_is_named(site: Site) -> None:
    said = doctor(site, "--image=localhost:1/nobody/nothing:1")
    assert said.code == 1
    assert statuses(said, "fail") == {"image"}
    assert "localhost:1/nobody/nothing:1" in found(said)["image"]["message"]
    assert "cannot be pulled" in found(said)["image"]["message"]
    assert "imagePullSecret" in found(said)["image"]["hint"]


def test_a_pod_that_is_not_made_in_time_is_given_up_with_the_reason(site: Site) -> None:
    _forbid_pods(site)
    said = doctor(site, f"--image={site.cluster.image}", "--timeout=3")
    assert "has not started within 3s" in found(said)["image"]["message"]
    assert "quota" in found(said)["image"]["message"]
    assert site.get(*PROBES)["items"] == []


def test_ctrl_c_removes_the_pod_that_was_started(site: Site) -> None:
    _forbid_pods(site)
    process = site.begin("doctor", f"--namespace={site.namespace}", f"--image={site.cluster.image}")
    watch = ["kubectl", "--kubeconfig", site.cluster.kubeconfig, "-n", site.namespace]
    with subprocess.Popen([*watch, "get", "job", "--watch"], stdout=subprocess.PIPE) as jobs:
        assert jobs.stdout is not None
        assert jobs.stdout.readline()  # its head: there is one
        jobs.kill()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, "what was started is removed" in told) == (130, True), told
    assert site.get(*PROBES)["items"] == []


def test_credentials_that_the_cluster_does_not_know_are_the_one_thing_said(
    site: Site, tmp_path: Path
) -> None:
    config = json.loads(Path(site.kubeconfig).read_text())
    config["users"][0]["user"] = {"token": "s3cr3t"}
    (tmp_path / "stranger").write_text(json.dumps(config))
    said = doctor(site, kubeconfig=str(tmp_path / "stranger"))
    assert said.code == 5
    assert [each["name"] for each in said.json["checks"]] == ["cluster"]
    assert "does not accept our credentials" in found(said)["cluster"]["message"]
    assert "s3cr3t" not in said.out + said.err


def _forbid_pods(site: Site) -> None:
    site.cluster.kubectl("-n", site.namespace, "create", "quota", "none", "--hard=pods=0")


def cronjob_check(site: Site, *words: str) -> dict[str, Any]:
    kubeconfig = site.kubeconfigs["bodywork-people"]
    said = doctor(site, "--cronjob=shop", *words, kubeconfig=kubeconfig)
    check = found(said)["cronjob: shop"]
    assert site.get(*PROBES)["items"] == [] or all(
        each["metadata"].get("deletionTimestamp") for each in site.get(*PROBES)["items"]
    )
    return check


def test_a_schedule_is_tried_with_its_own_pod(
    site: Site, project: Callable[..., Project], server: HttpsServer
) -> None:
    shop = project("a >> b")
    shop.batch("a", "print('a')")
    shop.batch("b", "print('b')")
    commit = shop.commit()
    namespace = f"--namespace={site.namespace}"
    absent = cronjob_check(site)
    assert (absent["status"], "there is no cronjob shop" in absent["message"]) == ("fail", True)
    made = site.run(
        *("cronjob", "create", namespace, "--name=shop", "--schedule=@yearly"),
        f"--git-repo-url={server.url('shop/.git')}",
        *("--git-repo-branch=main", f"--image={site.cluster.image}"),
    )
    assert made.code == 0, made.err
    fine = cronjob_check(site)
    assert fine["status"] == "ok", fine
    assert f"its project has 2 stages at commit {commit[:12]}" in fine["message"]
    assert site.runs() == []
    history = site.run("cronjob", "history", namespace, "--name=shop", "-o", "json")
    assert history.json["jobs"] == []
    for option, told, cure in (
        ("--git-repo-branch=mian", "mian", "did you mean main?"),
        ("--image=registry.invalid/shop:1", "cannot be pulled: no such host", "--name=shop"),
        ("--image=docker.io/library/pause:test", "does not hold Bodywork", "docs/stage.md"),
    ):
        assert site.run("cronjob", "update", namespace, "--name=shop", option).code == 0
        bad = cronjob_check(site)
        assert (bad["status"], told in bad["message"]) == ("fail", True), bad
        assert bad["hint"], bad
        assert cure in bad["hint"], bad
