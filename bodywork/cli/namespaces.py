"""`bodywork setup-namespace`: make a namespace ready for projects."""

import click

from bodywork.cli import options

_EPILOG = options.examples(
    "bodywork setup-namespace my-classification-product",
    "bodywork setup-namespace --engine local shop",
)


@click.command("setup-namespace", epilog=_EPILOG)
@options.engine
@click.argument("namespace", metavar="NS")
def setup_namespace(engine: str, namespace: str) -> None:
    """Create what a namespace needs before workflows can run in it.

    Running it again does no harm: what is there already stays as it is.
    """
    from bodywork.cli.wiring import open_place

    place = open_place(engine, namespace)
    for line in place.administration.setup_namespace(place.namespace):
        click.echo(line)
