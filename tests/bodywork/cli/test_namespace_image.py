"""The image for those who name none is the one that is set for the namespace, and never a guess."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster import settings
from bodywork.cluster.client import Client
from bodywork.errors import EngineError, UsageError
from bodywork.model.workflow import Workflow
from statemachine.retries import RetryPolicy
from tests.bodywork.cli.conftest import CommandLine, Said
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, api_server

MAPS = "/api/v1/namespaces/shop/configmaps"
CRONJOBS = "/apis/batch/v1/namespaces/shop/cronjobs"
OURS = {"app.kubernetes.io/managed-by": "bodywork", "bodywork.io/kind": "settings"}
Run = Callable[..., Said]


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as served:
        served.objects.create("/api/v1/namespaces", {"metadata": {"name": "shop"}})
        yield served


@pytest.fixture
def run(bodywork: CommandLine, server: ApiServer, tmp_path: Path) -> Run:
    kubeconfig = write_kubeconfig(tmp_path, server.url, namespace="shop")

    def on_cluster(*words: str) -> Said:
        return bodywork(*words, "--engine=kubernetes", f"--kubeconfig={kubeconfig}")

    return on_cluster


@pytest.fixture
def client(server: ApiServer, tmp_path: Path) -> Client:
    kubeconfig = str(write_kubeconfig(tmp_path, server.url))
    return Client.connect(kubeconfig=kubeconfig, policy=RetryPolicy(attempts=1))


def create_cronjob(run: Run, *more: str) -> Said:
    return run(
        "cronjob",
        "create",
        "--name=nightly",
        "--schedule=@daily",
        "--git-repo-url=https://github.com/ada/shop",
        "--git-repo-branch=main",
        *more,
    )


def kept(server: ApiServer, collection: str, name: str) -> dict[str, Any]:
    return server.objects.get(collection, name)


def image_of_cronjob(server: ApiServer) -> str:
    template = kept(server, CRONJOBS, "nightly")["spec"]["jobTemplate"]["spec"]["template"]
    return str(template["spec"]["containers"][0]["image"])


def test_setting_up_a_namespace_sets_its_image_and_without_one_leaves_it(
    run: Run, server: ApiServer
) -> None:
    assert (
        "setting image=shop:1 in namespace=shop"
        in run("setup-namespace", "shop", "--image=shop:1").out
    )
    found = kept(server, MAPS, "bodywork-settings")
    assert (found["data"], found["metadata"]["labels"]) == ({"image": "shop:1"}, OURS)
    server.objects.merge(MAPS, "bodywork-settings", {"data": {"other": "kept"}})
    assert "image" not in run("setup-namespace", "shop").out
    again = run("setup-namespace", "shop", "--image=shop:2")
    assert again.out.splitlines()[-1] == "setting image=shop:2 in namespace=shop"
    changed = {"image": "shop:2", "other": "kept"}
    assert kept(server, MAPS, "bodywork-settings")["data"] == changed
    same = run("setup-namespace", "shop", "--image=shop:2").out
    assert same == "namespace=shop is set up already\n"


def test_the_manifests_for_an_administrator_have_the_image(run: Run, server: ApiServer) -> None:
    shown = run("setup-namespace", "shop", "--image=shop:1", "--dry-run", "-o", "json").json
    assert shown["items"][-1] == settings.build_settings("shop", "shop:1")
    assert "bodywork-settings" not in run("setup-namespace", "shop", "--dry-run").out
    assert server.requests == []


@pytest.mark.parametrize("image", ["Shop", "shop:", "a b", "https://host/shop", "-shop", "s" * 600])
@pytest.mark.parametrize("command", ["setup", "create", "update"])
def test_what_cannot_be_an_image_is_refused_at_once(
    run: Run, server: ApiServer, command: str, image: str
) -> None:
    option = f"--image={image}"
    said = {
        "setup": lambda: run("setup-namespace", "shop", option),
        "create": lambda: create_cronjob(run, option),
        "update": lambda: run("cronjob", "update", "--name=nightly", option),
    }[command]()
    assert said.code == 2
    assert "is not the name of an image\nhint: write it as name:tag" in said.err
    assert server.sent("POST") == []


def test_the_local_engine_has_no_image_to_set(bodywork: CommandLine) -> None:
    said = bodywork("setup-namespace", "--engine=local", "shop", "--image=shop:1")
    assert said.code == 2
    assert "needs no image" in said.err


def test_a_cronjob_without_any_image_is_refused_with_both_ways_out(
    run: Run, server: ApiServer
) -> None:
    said = create_cronjob(run)
    assert said.code == 2
    assert "namespace shop has none set" in said.err
    assert "--image=REGISTRY/IMAGE:TAG" in said.err
    assert "bodywork setup-namespace shop --image=REGISTRY/IMAGE:TAG" in said.err
    assert server.sent("POST") == []


def test_a_cronjob_takes_what_is_named_then_the_variable_then_the_namespaces(
    run: Run, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("setup-namespace", "shop", "--image=of-namespace:1")
    monkeypatch.setenv("BODYWORK_IMAGE", "of-variable:1")
    for options, image in ((["--image=named:1"], "named:1"), ([], "of-variable:1")):
        assert create_cronjob(run, *options).code == 0
        assert image_of_cronjob(server) == image
        assert run("cronjob", "delete", "--name=nightly").code == 0
    monkeypatch.delenv("BODYWORK_IMAGE")
    assert create_cronjob(run).code == 0
    assert image_of_cronjob(server) == "of-namespace:1"


def test_an_update_takes_no_image_that_nobody_named(
    run: Run, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_cronjob(run, "--image=named:1")
    monkeypatch.setenv("BODYWORK_IMAGE", "of-variable:1")
    assert run("cronjob", "update", "--name=nightly", "--retries=1").code == 0
    assert image_of_cronjob(server) == "named:1"


def test_a_project_keeps_its_own_image_and_else_gets_the_namespaces(
    server: ApiServer, client: Client
) -> None:
    own, none = (Workflow("shop", image, (), {}) for image in ("own:1", ""))  # type: ignore[arg-type]
    assert settings.with_image(client, "shop", own) is own
    with pytest.raises(UsageError, match="names no DOCKER_IMAGE") as refused:
        settings.with_image(client, "shop", none)
    assert "bodywork setup-namespace shop --image=" in refused.value.hint
    settings.write_image(client, "shop", "namespace:1")
    assert settings.with_image(client, "shop", none).image == "namespace:1"


def test_settings_that_are_not_ours_are_neither_read_nor_changed(
    server: ApiServer, client: Client
) -> None:
    body = {"metadata": {"name": "bodywork-settings"}, "data": {"image": "foreign:1"}}
    server.objects.create(MAPS, body)
    with pytest.raises(EngineError, match="Bodywork did not make"):
        settings.read_image(client, "shop")
    with pytest.raises(EngineError, match="Bodywork did not make"):
        settings.write_image(client, "shop", "shop:1")
    assert kept(server, MAPS, "bodywork-settings")["data"] == {"image": "foreign:1"}
