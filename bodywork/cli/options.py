"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def place(command: F) -> F:
    """Add --namespace and --engine, given to the command as `namespace` and `engine`."""
    namespace = click.option(
        "-n",
        "--namespace",
        metavar="NS",
        envvar="BODYWORK_NAMESPACE",
        default="",
        help="Namespace to work in; else $BODYWORK_NAMESPACE, else `default` with --engine local.",
    )
    return namespace(engine(command))


def engine(command: F) -> F:
    """Add --engine alone."""
    return click.option(
        "--engine",
        type=click.Choice(["kubernetes", "local"]),
        envvar="BODYWORK_ENGINE",
        default="kubernetes",
        help="Where stages run: on a cluster, or as processes on this machine; "
        "else $BODYWORK_ENGINE, else kubernetes.",
    )(command)


def output(*forms: str) -> Callable[[F], F]:
    """Add -o/--output with these forms; the first is the default."""
    return click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help="Form of what is printed.",
    )


def examples(*lines: str) -> str:
    """Return an epilog that shows examples, each on a line of its own."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
