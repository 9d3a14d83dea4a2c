"""Stages of a project without DOCKER_IMAGE run in the namespace's image, which a run reads once."""

from collections.abc import Callable
from pathlib import Path

from tests.cluster.projects import Project
from tests.cluster.site import Site


def without_image(project: Callable[..., Project]) -> Path:
    shop = project("a")
    settings = shop.folder / "bodywork.ini"
    lines = settings.read_text().splitlines(keepends=True)
    settings.write_text("".join(line for line in lines if "DOCKER_IMAGE" not in line))
    shop.batch("a", "print('a')")
    shop.commit()
    return shop.folder


def set_image(site: Site, image: str) -> None:
    words = ("setup-namespace", site.namespace, f"--image={image}")
    said = site.run(*words, kubeconfig=site.cluster.kubeconfig)
    assert said.code == 0, said.err


def test_a_run_without_any_image_starts_nothing_and_with_the_namespaces_it_goes_on(
    site: Site, project: Callable[..., Project]
) -> None:
    folder = without_image(project)
    namespace = f"--namespace={site.namespace}"
    failed = site.workflow(folder)
    assert failed.code == 2
    hint = f"bodywork setup-namespace {site.namespace} --image="
    assert "names no DOCKER_IMAGE" in failed.err
    assert hint in failed.err
    assert site.get("jobs")["items"] == []
    [run] = site.runs()
    assert site.status(run)["verdict"]["fault"] == "config"
    rehearsed = site.workflow(folder, "main", "--dry-run")
    assert (rehearsed.code, hint in rehearsed.err) == (2, True)
    checked = site.run("doctor", namespace, str(folder), "-o", "json")
    [image] = [each for each in checked.json["checks"] if each["name"] == "image"]
    assert (image["status"], hint in image["hint"]) == ("fail", True)

    set_image(site, site.cluster.image)
    resumed = site.run("workflow", namespace, "--resume")
    assert resumed.code == 0, resumed.err
    [job] = site.get("jobs")["items"]
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == site.cluster.image
    checked = site.run("doctor", namespace, str(folder), "-o", "json")
    [image] = [each for each in checked.json["checks"] if each["name"] == "image"]
    assert image["status"] == "ok", image


def test_a_run_keeps_the_image_that_it_has_read_and_the_next_one_reads_anew(
    site: Site, project: Callable[..., Project]
) -> None:
    folder = without_image(project)
    set_image(site, "registry.example/missing:1")
    assert site.workflow(folder).code == 1
    set_image(site, site.cluster.image)
    words = ("workflow", f"--namespace={site.namespace}", "--resume")
    rehearsed = site.run(*words, "--dry-run", "-o", "json").json
    resumed = site.run(*words)
    assert resumed.code == 0, resumed.err
    [stage] = rehearsed["stages"]
    assert stage["action"] == "run"
    images = [
        job["spec"]["template"]["spec"]["containers"][0]["image"]
        for job in site.get("jobs")["items"]
    ]
    assert sorted(images) == sorted(["registry.example/missing:1", site.cluster.image])
