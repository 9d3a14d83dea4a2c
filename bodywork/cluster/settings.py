"""What an administrator has set for a namespace: the image for whoever names none.

It is a key of the ConfigMap `bodywork-settings`, written by `bodywork setup-namespace --image`.
Schedules take it when they are made, and a run when it reads its project, once: what is on record
then holds until the end.
"""

from dataclasses import replace
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.errors import NotFound, UsageError
from bodywork.model.workflow import Workflow

Manifest = dict[str, Any]

NAME = "bodywork-settings"
IMAGE = "image"


def build_settings(namespace: str, image: str) -> Manifest:
    """Return the ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": NAME,
            "namespace": namespace,
            "labels": {labels.MANAGED_BY: labels.BODYWORK, labels.KIND: "settings"},
        },
        "data": {IMAGE: image},
    }


def read_image(client: Client, namespace: str) -> str:
    """Return the namespace's image, "" where none is set.

    Raises:
        EngineError: somebody else's ConfigMap has that name, or it may not be read.
    """
    try:
        settings = client.get(paths.config_map(namespace, NAME))
    except NotFound:
        return ""
    labels.require_ours(settings)
    return str((settings.get("data") or {}).get(IMAGE, "")).strip()


def write_image(client: Client, namespace: str, image: str) -> bool:
    """Set the namespace's image; return whether that changed anything. Raises as `read_image`."""
    before = read_image(client, namespace)
    if before == image:
        return False
    try:
        client.patch(paths.config_map(namespace, NAME), {"data": {IMAGE: image}})
    except NotFound:
        client.create(paths.config_maps(namespace), build_settings(namespace, image))
    return True


def with_image(client: Client, namespace: str, workflow: Workflow) -> Workflow:
    """Return the project with an image: its own, else the namespace's.

    Raises:
        UsageError: it has neither.
    """
    if workflow.image:
        return workflow
    image = read_image(client, namespace)
    if not image:
        raise UsageError(
            f"the project names no DOCKER_IMAGE, and namespace {namespace} has no image set",
            hint=f"set one for all projects: {setup_command(namespace)} "
            "(docs/stage.md: how to build it), or DOCKER_IMAGE in bodywork.ini",
        )
    return replace(workflow, image=image)


def setup_command(namespace: str) -> str:
    """Return the command that sets a namespace's image, for people to fill in."""
    return f"bodywork setup-namespace {namespace} --image=REGISTRY/IMAGE:TAG"
