"""`bodywork setup-namespace`."""

import click

from bodywork.cli import options
from bodywork.cli.exits import tell
from bodywork.cli.parameters import NAMESPACE
from bodywork.errors import UsageError
from bodywork.model.images import check_image
from bodywork.model.names import problem_with_label

_EPILOG = """\b
Examples:
  bodywork setup-namespace my-classification-product
  bodywork setup-namespace shop --image=registry.example/bodywork:1
  bodywork setup-namespace shop --dry-run | kubectl apply -f -
  bodywork setup-namespace --engine local shop"""


@click.command("setup-namespace", epilog=_EPILOG)
@options.engine
@click.argument("namespace", type=NAMESPACE)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the manifests, for an administrator; reach no cluster and change nothing.",
)
@click.option(
    "--image",
    default="",
    metavar="IMAGE",
    help="The namespace's image, with Bodywork in it: for stages of projects without DOCKER_IMAGE, "
    "and for cronjobs made without --image.",
)
@options.output("yaml", "json")
def setup_namespace(engine: str, namespace: str, dry_run: bool, image: str, form: str) -> None:
    """Make a namespace ready for projects.

    Creates what is missing, and nothing that is there already. On a cluster that is a namespace,
    two service accounts, and the least rights for them: `bodywork-workflow-controller` for what
    runs workflows, `bodywork-jobs-and-deployments`, which may do nothing, for stages. The role
    `bodywork-people` is for those who keep secrets and schedules; bind it to them.
    """
    if image:
        check_image(image)
    if dry_run:
        click.echo(_manifests(engine, namespace, image, form))
        return
    from bodywork.cli.wiring import open_place

    place = open_place(engine, namespace)
    for line in place.administration.setup_namespace(place.namespace, image):
        click.echo(line)
    if note := place.administration.describe_enforcement(place.namespace):
        tell(note, label="note")


def _manifests(engine: str, namespace: str, image: str, form: str) -> str:
    if engine != "kubernetes":
        raise UsageError("--dry-run is for a cluster; here, a namespace is a folder")
    if fault := problem_with_label(namespace):
        raise UsageError(f"the namespace {namespace!r} {fault}")
    import json

    from bodywork.cli.yaml import render_yaml
    from bodywork.cluster.rights import namespace_manifests
    from bodywork.cluster.settings import build_settings

    manifests = namespace_manifests(namespace)
    if image:
        manifests.append(build_settings(namespace, image))
    if form == "json":
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=2)
    return "---\n".join(f"{render_yaml(each).rstrip()}\n" for each in manifests).rstrip()
