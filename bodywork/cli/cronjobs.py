"""`bodywork cronjob`: schedules, which only a cluster keeps."""

from typing import NoReturn

import click

from bodywork.cli import options
from bodywork.errors import Unsupported

_EPILOG = """\b
Examples:
  bodywork cronjob create -n shop --name=shop --schedule="0 3 * * *" \\
    --git-repo-url=https://github.com/ada/shop --git-repo-branch=main
  bodywork cronjob display -n shop
  bodywork cronjob history -n shop --name=shop
  bodywork cronjob logs -n shop --name=shop-1605214260
  bodywork cronjob delete -n shop --name=shop

\b
Without a cluster, let this machine's own cron run
  bodywork workflow --engine local GIT_REPO_URL GIT_REPO_BRANCH"""
_ANYTHING = {"ignore_unknown_options": True, "allow_extra_args": True}
_HINT = (
    "this machine's own cron can run `bodywork workflow --engine local GIT_REPO_URL "
    "GIT_REPO_BRANCH`; on a cluster, cronjobs are Kubernetes CronJobs"
)


@click.group(epilog=_EPILOG)
def cronjob() -> None:
    """Schedule workflows (on a cluster)."""


def _refuse(engine: str) -> NoReturn:
    """Say that this cannot be done, and what can."""
    from bodywork.cli.wiring import open_place

    open_place(engine, "")
    raise Unsupported("the local engine keeps no schedules", hint=_HINT)


@cronjob.command("create", epilog=_EPILOG, context_settings=_ANYTHING)
@options.place
def create(engine: str, namespace: str) -> None:
    """Run a workflow at certain times."""
    _refuse(engine)


@cronjob.command("display", epilog=_EPILOG, context_settings=_ANYTHING)
@options.place
def display(engine: str, namespace: str) -> None:
    """List the schedules of a namespace."""
    _refuse(engine)


@cronjob.command("history", epilog=_EPILOG, context_settings=_ANYTHING)
@options.place
def history(engine: str, namespace: str) -> None:
    """List the runs that a schedule has begun."""
    _refuse(engine)


@cronjob.command("logs", epilog=_EPILOG, context_settings=_ANYTHING)
@options.place
def logs(engine: str, namespace: str) -> None:
    """Show the controller's log of a scheduled run."""
    _refuse(engine)


@cronjob.command("delete", epilog=_EPILOG, context_settings=_ANYTHING)
@options.place
def delete(engine: str, namespace: str) -> None:
    """Remove a schedule."""
    _refuse(engine)
