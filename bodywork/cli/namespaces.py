"""`bodywork setup-namespace`."""

import click

from bodywork.cli import options

_EPILOG = """\b
Examples:
  bodywork setup-namespace my-classification-product
  bodywork setup-namespace --engine local shop"""


@click.command("setup-namespace", epilog=_EPILOG)
@options.engine
@click.argument("namespace")
def setup_namespace(engine: str, namespace: str) -> None:
    """Make a namespace ready for projects.

    Creates what is missing, and nothing that is there already.
    """
    from bodywork.cli.wiring import open_place

    place = open_place(engine, namespace)
    for line in place.administration.setup_namespace(place.namespace):
        click.echo(line)
