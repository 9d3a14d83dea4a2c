"""`bodywork service`: what is deployed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from bodywork.cli import options
from bodywork.cli.parameters import SERVICE

if TYPE_CHECKING:
    from bodywork.model.run import ServiceStatus

SCHEMA = 1
_EPILOG = """\b
Examples:
  bodywork service display -n shop
  bodywork service delete -n shop --name=shop--model-scoring-service"""


@click.group(epilog=_EPILOG)
def service() -> None:
    """Show and delete deployed services."""


@service.command(epilog=_EPILOG)
@options.place
@options.output("table", "json")
def display(engine: str, namespace: str, form: str) -> None:
    """Show the services of a namespace.

    SERVICE_URL is where stages reach a service; ADDRESS, on the local engine, where the programs
    of this machine do: its browser, or curl. REPOSITORY is what it was deployed from: no other
    one may deploy it (`bodywork workflow --adopt` does).
    """
    from bodywork.cli.wiring import open_place

    place = open_place(engine, namespace)
    place.require()
    found = place.administration.services(place.namespace)
    click.echo(_as_json(found) if form == "json" else table(found))


@service.command(epilog=_EPILOG)
@options.place
@click.option(
    "--name",
    required=True,
    type=SERVICE,
    help="The service's name, as in its URL: project--stage.",
)
def delete(engine: str, namespace: str, name: str) -> None:
    """End a service and remove it, with its old versions."""
    from bodywork.cli.wiring import open_place

    place = open_place(engine, namespace)
    place.require()
    place.administration.delete_service(place.namespace, name)
    click.echo(f"service={name} deleted from namespace={place.namespace}")


def _as_json(services: "Sequence[ServiceStatus]") -> str:
    from dataclasses import asdict

    from bodywork.cli.render import render_json

    return render_json({"schema": SCHEMA, "services": [asdict(each) for each in services]})


def table(services: "Sequence[ServiceStatus]") -> str:
    """Return the guide's table; ADDRESS is added where an engine has addresses, and REPOSITORY
    where it is known what a service was deployed from."""
    from bodywork.cli.paper import screen_width
    from bodywork.cli.render import render_table

    if not services:
        return "no services"
    headers = ["SERVICE_URL", "EXPOSED", "AVAILABLE_REPLICAS", "UNAVAILABLE_REPLICAS"]
    rows = [
        [
            each.url,
            str(each.exposed).lower(),
            str(each.available_replicas),
            str(each.unavailable_replicas),
        ]
        for each in services
    ]
    if any(each.address for each in services):
        headers.append("ADDRESS")
        rows = [[*row, each.address] for row, each in zip(rows, services, strict=True)]
    if any(each.repository for each in services):
        headers.append("REPOSITORY")
        rows = [[*row, each.repository] for row, each in zip(rows, services, strict=True)]
    return render_table(headers, rows, screen_width())
