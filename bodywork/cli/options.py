"""Options that several commands share."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from bodywork.cli.contexts import chosen_cluster
from bodywork.cli.parameters import NAMESPACE
from bodywork.cli.wiring import ENGINES

F = TypeVar("F", bound=Callable[..., Any])


def place(command: F) -> F:
    """Add --namespace to what `engine` adds; the command gets `namespace` and `engine`."""
    namespace = click.option(
        "-n",
        "--namespace",
        metavar="NS",
        type=NAMESPACE,
        envvar="BODYWORK_NAMESPACE",
        default="",
        help="Namespace to work in; else $BODYWORK_NAMESPACE, else the context's, else `default`.",
    )
    return namespace(engine(command))


def engine(command: F) -> F:
    """Add --engine, given to the command; and --context and --kubeconfig, which hold for it."""

    @wraps(command)
    def on_chosen_cluster(*, context: str, kubeconfig: str | None, **given: Any) -> Any:
        with chosen_cluster(given["engine"], context, kubeconfig or ""):
            return command(**given)

    for decorate in (
        click.option(
            "--kubeconfig",
            type=click.Path(exists=True, dir_okay=False, readable=True),
            metavar="PATH",
            help="Configuration of clusters; else $KUBECONFIG, else ~/.kube/config, else the "
            "pod's own account.",
        ),
        click.option(
            "--context",
            default="",
            metavar="NAME",
            help="Which cluster of the kubeconfig, and as whom; else $BODYWORK_CONTEXT, else its "
            "current context.",
        ),
        click.option(
            "--engine",
            type=click.Choice(ENGINES, case_sensitive=False),
            envvar="BODYWORK_ENGINE",
            default=ENGINES[0],
            help="Where stages run: on a cluster, or as processes on this machine; "
            "else $BODYWORK_ENGINE, else kubernetes.",
        ),
    ):
        command_with_options = decorate(on_chosen_cluster)
    return cast(F, command_with_options)


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


def _check_path(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    from bodywork.model.repository import check_path

    return check_path(value)


def path(command: F) -> F:
    """Add --path, for a project that is not the whole of its repository."""
    return click.option(
        "--path",
        default="",
        metavar="FOLDER",
        callback=_check_path,
        help="The project's folder in the repository, such as services/iris; else its root.",
    )(command)
