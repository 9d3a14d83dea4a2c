"""`bodywork service`: show and delete deployed services."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from bodywork.cli import options

if TYPE_CHECKING:
    from bodywork.model.run import ServiceStatus


@click.group()
def service() -> None:
    """Show and delete deployed services."""


@service.command(
    epilog=options.examples(
        "bodywork service display --namespace=shop",
        "bodywork service display --namespace=shop -o json",
    )
)
@options.place
@options.output("table", "json", "yaml")
def display(namespace: str, engine: str, form: str) -> None:
    """List the services of a namespace.

    SERVICE_URL is how stages reach a service; ADDRESS, on the local engine, is how this machine's
    browser does.
    """
    from bodywork.cli.render import render_json
    from bodywork.cli.wiring import open_place
    from bodywork.cli.yaml import render_yaml

    place = open_place(engine, namespace)
    place.require()
    found = place.administration.services(place.namespace)
    if form == "table":
        click.echo(render_services(found))
        if not found:
            click.echo(f"there are no services in namespace {place.namespace}", err=True)
        return
    whole = {"schema": 1, "services": [_document(each) for each in found]}
    click.echo(render_json(whole) if form == "json" else render_yaml(whole))


@service.command(
    epilog=options.examples(
        "bodywork service delete --namespace=shop --name=shop--model-scoring-service"
    )
)
@options.place
@click.option("--name", required=True, metavar="SERVICE", help="As `service display` shows it.")
def delete(namespace: str, engine: str, name: str) -> None:
    """End a service and remove it, with its old versions."""
    from bodywork.cli.wiring import open_place

    place = open_place(engine, namespace)
    place.administration.delete_service(place.namespace, name)
    click.echo(f"deleted service={name} in namespace={place.namespace}")


def render_services(found: "Sequence[ServiceStatus]") -> str:
    """Return the guide's table; ADDRESS only where a service has one."""
    from bodywork.cli.render import render_table

    headers = ["SERVICE_URL", "EXPOSED", "AVAILABLE_REPLICAS", "UNAVAILABLE_REPLICAS"]
    rows = [
        [
            each.url,
            str(each.exposed).lower(),
            str(each.available_replicas),
            str(each.unavailable_replicas),
        ]
        for each in found
    ]
    if any(each.address for each in found):
        headers.append("ADDRESS")
        rows = [[*row, each.address] for row, each in zip(rows, found, strict=True)]
    return render_table(headers, rows)


def _document(each: "ServiceStatus") -> Mapping[str, Any]:
    version = each.version
    return {
        "name": each.name,
        "url": each.url,
        "address": each.address or None,
        "exposed": each.exposed,
        "available_replicas": each.available_replicas,
        "unavailable_replicas": each.unavailable_replicas,
        "version": {"id": version.id, "run": version.run, "commit": version.commit}
        if version
        else None,
    }
