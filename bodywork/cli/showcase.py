"""`bodywork demo`: the command around the demonstration."""

from pathlib import Path

import click

from bodywork.cli.exits import Ended

_EPILOG = """\b
Examples:
  bodywork demo
  bodywork demo --home /tmp/bodywork-demo

\b
It needs Git, and for the first time a package index to install
scikit-learn from; after that it takes seconds."""


@click.command(epilog=_EPILOG)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to work in; else one in your cache folder.",
)
def demo(home: Path | None) -> None:
    """Watch a real project run, die and resume.

    Trains two models on this machine, kills the controller with kill -9, resumes the run, deploys
    the better model as a service, asks it something, and leaves nothing running.
    """
    from bodywork.cli.demo import run_demo

    raise Ended(run_demo(home, click.echo))
