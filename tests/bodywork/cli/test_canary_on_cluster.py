"""Secrets are planted in a cluster; commands do their work, and all that they sent is searched.

The cluster is the small API server with scripted controllers. Its pods keep of a failed stage's
output what a kubelet would, or, where the stage has secrets, what `bodywork stage` writes.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bodywork.cluster import labels
from bodywork.model.redaction import hide
from tests.bodywork.cli.conftest import CommandLine, Project
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server
from tests.servers.kubernetes_controllers import Controllers, controllers
from tests.servers.kubernetes_objects import Object
from tests.support.canaries import CORE, FORMS, betrayals, draw_values, is_betrayed

NAMESPACE = "shop"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
ADDRESS = f"https://robot:{CORE} x@proxy.example/simple"
GIT = f"https://ada:{CORE}%2F@git.example/p"
KUBELET_BYTES = 2048


class Betraying(Controllers):
    """Stages print their secrets, and tools addresses with passwords."""

    values: dict[str, str]

    def last_message(self, pod: Object) -> str:
        container = pod["spec"]["containers"][0]
        own = [self.values[each["name"]] for each in container["env"] if "valueFrom" in each]
        told = [f"{name}: {FORMS[name](value)}" for value in own for name in FORMS]
        printed = "\n".join(["x" * 3000, *told, f"no index at {ADDRESS}", "boom"])
        assert bool(own) == (container["terminationMessagePolicy"] == "File")
        return hide(printed, own)[-4096:] if own else printed[-KUBELET_BYTES:]

    def _job(self, job: Object) -> None:
        if labels.STAGE in job["metadata"]["labels"]:  # else it is a schedule's
            super()._job(job)

    def _put(self, collection: str, body: Object) -> None:
        for each in body.get("status", {}).get("containerStatuses") or ():
            if ended := each["state"].get("terminated"):
                ended["message"] = self.last_message(body)
        super()._put(collection, body)


@dataclass
class Site:
    server: ApiServer
    cluster: Betraying
    values: dict[str, str]

    def sent(self) -> str:
        """All that was sent, but for the secrets themselves."""
        return "\n".join(
            f"{each.method} {each.path} {each.query}\n{json.dumps(each.body, ensure_ascii=False)}"
            for each in self.server.requests
            if not each.path.startswith(SECRETS) or each.method == "GET"
        )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Site]:
    values = draw_values(21)
    monkeypatch.setattr("tests.servers.kubernetes_controllers.Controllers", Betraying)
    with api_server() as server, controllers(server) as cluster:
        assert isinstance(cluster, Betraying)
        cluster.values = values
        monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path, server.url)))
        monkeypatch.setenv("BODYWORK_ENGINE", "kubernetes")
        monkeypatch.setenv("BODYWORK_NAMESPACE", NAMESPACE)
        server.objects.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        server.logs = defaultdict(lambda: [b"2026-01-01T00:00:00Z hello\n"])
        yield Site(server, cluster, values)


def said(bodywork: CommandLine, *commands: list[str]) -> str:
    return "\n".join(each.out + each.err for each in (bodywork(*words) for words in commands))


@pytest.mark.parametrize("has_secrets", [True, False])
def test_a_run_that_fails_puts_no_secret_on_record(
    has_secrets: bool, site: Site, bodywork: CommandLine, shop: Project
) -> None:
    if has_secrets:
        config = shop.folder / "two" / "config.ini"
        config.write_text(f"{config.read_text()}\n[secrets]\nTOKEN=s\nPEM=s\nDOCUMENT=s\n")
        shop.commit()
    site.cluster.codes["two"] = 1
    words = [f"--data={name}={value}" for name, value in site.values.items()]
    everything = said(bodywork, ["secret", "create", "--name=s", *words])
    workflow = bodywork("workflow", shop.url, "main")
    assert workflow.code == 1
    everything += (
        workflow.out
        + workflow.err
        + said(
            bodywork,
            ["status"],
            ["status", "-o", "json"],
            ["status", "latest"],
            ["status", "latest", "-o", "json"],
            ["workflow", "--dry-run", shop.url, "main"],
            ["workflow", "--resume", "--dry-run", "-o", "json", shop.url, "main"],
            ["cancel", bodywork.newest()],
            ["service", "display"],
            ["secret", "display"],
            ["doctor"],
        )
    )
    assert "boom" in everything
    assert "https://***@proxy.example/simple" in everything
    assert not betrayals(everything)
    assert is_betrayed(json.dumps(site.server.objects.list(SECRETS, {})[0]))
    assert not betrayals(site.sent())


def test_a_schedule_holds_no_password(site: Site, bodywork: CommandLine) -> None:
    new = ["cronjob", "create", "--schedule=0 1 * * *", "--git-repo-branch=main", "--image=i"]
    refused = bodywork(*new, "--name=x", f"--git-repo-url={GIT}")
    assert refused.code == 2
    assert bodywork(*new, "--name=y", "--git-repo-url=https://git.example/p").code == 0
    everything = (
        refused.out
        + refused.err
        + said(
            bodywork,
            ["cronjob", "update", "--name=y", f"--git-repo-url={GIT}"],
            ["cronjob", "display"],
            ["cronjob", "display", "-o", "json"],
            ["cronjob", "history", "--name=y"],
            ["cronjob", "logs", "--name=y"],
        )
    )
    assert not betrayals(everything + site.sent())


def test_a_schedule_of_another_program_is_shown_without_its_password(
    site: Site, bodywork: CommandLine
) -> None:
    new = ["cronjob", "create", "--schedule=0 1 * * *", "--git-repo-branch=main", "--image=i"]
    assert bodywork(*new, "--name=y", "--git-repo-url=https://git.example/p").code == 0
    path = f"/apis/batch/v1/namespaces/{NAMESPACE}/cronjobs"
    found = site.server.objects.get(path, "y")
    [container] = found["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    container["args"][-2] = GIT
    site.server.objects.replace(path, "y", found)
    everything = said(
        bodywork,
        ["cronjob", "display"],
        ["cronjob", "display", "--name=y"],
        ["cronjob", "display", "-o", "json"],
        ["cronjob", "update", "--name=y", "--retries=2"],
    )
    assert "***@git.example" in everything
    assert not betrayals(everything)


@pytest.mark.parametrize("verb", ["create", "update"])
@pytest.mark.parametrize("form", ["plain", "JSON", "base 64"])
def test_a_server_that_repeats_a_secret_is_not_repeated(
    verb: str, form: str, site: Site, bodywork: CommandLine
) -> None:
    words = [f"--data={name}={value}" for name, value in site.values.items()]
    if verb == "update":
        assert bodywork("secret", "create", "--name=s", *words).code == 0
    told = " ".join(FORMS[form](value) for value in site.values.values())
    method = "POST" if verb == "create" else "PATCH"
    message = f'admission webhook denied the request: data "{told}", see {ADDRESS}'
    site.server.will(Misbehaviour.REFUSE, method, status=422, reason="Invalid", message=message)
    refused = bodywork("secret", verb, "--name=s", *words)
    assert refused.code == 1
    assert "admission webhook denied" in refused.err
    assert not betrayals(refused.out + refused.err)


@pytest.mark.parametrize(
    "line", [f"token: *{CORE}", f"token: !{CORE} x", f"token: @{CORE}", f"[{CORE}"]
)
def test_a_kubeconfig_that_cannot_be_read_is_not_quoted(
    line: str, site: Site, bodywork: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.write_text(f"apiVersion: v1\nusers:\n- {line}\n- :\n")
    monkeypatch.setenv("KUBECONFIG", str(broken))
    said = bodywork("status")
    assert said.code == 2
    assert str(broken) in said.err
    assert not betrayals(said.out + said.err)


def test_the_secrets_of_the_cluster_are_what_was_given(site: Site, bodywork: CommandLine) -> None:
    words = [f"--data={name}={value}" for name, value in site.values.items()]
    assert bodywork("secret", "create", "--name=s", *words).code == 0
    data = site.server.objects.get(SECRETS, "s")["data"]
    assert {key: base64.b64decode(data[key]).decode() for key in data} == site.values
