"""`bodywork workflow`: run a project, or resume a run."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from bodywork.cli import options
from bodywork.cli.exits import INTERRUPTED, SUCCESS, Ended, tell
from bodywork.cli.parameters import LABEL, RUN, STAGE
from bodywork.model.names import MOST_RETRIES

if TYPE_CHECKING:
    from bodywork.cli.choice import Order

_EPILOG = """\b
Examples:
  bodywork workflow -n shop https://github.com/ada/shop main
  bodywork workflow --engine local file:///home/ada/shop dev
  bodywork workflow --path services/iris https://github.com/ada/mono main
  bodywork workflow --resume
  bodywork workflow --resume --run shop-20260101-120000-1a2b
  bodywork workflow --resume --branch fix --from train --dry-run

\b
Ctrl-C leaves the stages running, and tells how to resume; a second one
exits at once. Exit codes: 0 success, 1 the run failed or was rolled back,
2 usage or configuration, 3 another controller is at work, 4 interrupted
and resumable, 5 the engine cannot be reached."""


@click.command(epilog=_EPILOG)
@options.place
@click.argument("git_repo_url", default="", metavar="[GIT_REPO_URL]")
@click.argument("git_repo_branch", default="", metavar="[GIT_REPO_BRANCH]")
@options.path
@click.option("--resume", is_flag=True, help="Go on with a run instead of beginning one.")
@click.option(
    "--run",
    default="",
    metavar="RUN",
    type=RUN,
    help="The run to resume, or `latest`; else the newest that is unfinished or failed.",
)
@click.option("--branch", default="", metavar="B", help="Resume with this branch's newest code.")
@click.option("--commit", default="", metavar="C", help="Run exactly this commit.")
@click.option(
    "--from",
    "from_stage",
    default="",
    metavar="STAGE",
    type=STAGE,
    help="Run it and all after it again.",
)
@click.option("--dry-run", is_flag=True, help="Only print what each stage would do, and why.")
@click.option("--take-over", is_flag=True, help="Do not ask whether another controller is at work.")
@click.option(
    "--adopt",
    is_flag=True,
    help="Take over services of the project that another repository has deployed: it has moved.",
)
@click.option(
    "--refresh-environments",
    is_flag=True,
    help="Make the Python environments of this machine's engine anew, with the newest packages.",
)
@click.option(
    "--max-parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help="Let at most N stages of the run go on at once.",
)
@click.option(
    "--hook",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="Call this function on events of the run; may be repeated.",
)
@click.option(
    "--as",
    "name",
    default="",
    metavar="RUN",
    type=LABEL,
    envvar="BODYWORK_RUN",
    help="Begin the run of this name, or go on with it; else $BODYWORK_RUN.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, MOST_RETRIES),
    default=0,
    help="Try a run that failed so often again (with --as).",
)
@click.option(
    "--on-unfinished",
    type=click.Choice(["resume", "skip", "supersede"]),
    help="What to do if the branch's last run is unfinished; else a second one is begun.",
)
@click.option(
    "--history",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many ended runs of a project to keep on record.",
)
@options.output("table", "json")
def workflow(**given: Any) -> None:
    """Run a project's workflow, or resume one.

    Clones the branch of the Git repository and runs its stages, step by step, as bodywork.ini
    says. Each move is on record before it is made, so whatever stops this command, --resume goes
    on from there: it re-attaches to what still runs, keeps what succeeded and retries what failed.

    --resume takes the newest unfinished or failed run (of GIT_REPO_URL and GIT_REPO_BRANCH, where
    they are given, and of --path).

    --as is for whoever starts this command again and again, such as Kubernetes or cron: the same
    command begins the run, goes on with it after a crash, and ends as the run ended. A retry of it
    is a run of its own, RUN-retry-1, that takes over what succeeded.
    """
    from bodywork.cli.choice import Order
    from bodywork.cli.signals import stop_on_signals
    from statemachine.errors import Interrupted

    order = Order(**given).check()
    try:
        with stop_on_signals():
            code = _carry_out(order)
    except Interrupted as stopped:  # before a run was taken up, or between its tries
        tell(str(stopped), "the same command goes on from here", label="note")
        code = INTERRUPTED
    raise Ended(code)


def _carry_out(order: "Order") -> int:
    """Do what was ordered, and return the exit code. Raises `Interrupted`, and as `launch`."""
    from bodywork.cli.choice import choose
    from bodywork.cli.wiring import open_place, resolve_run

    place = open_place(order.engine, order.namespace)
    place.require()
    if order.refresh_environments:
        place.refresh_environments()
    if order.run:
        order = replace(order, run=resolve_run(place, order.run))
    choice = choose(place, order)
    if order.dry_run:
        from bodywork.cli.rehearsal import rehearse

        rehearse(place, order, choice)
        return SUCCESS
    if choice.finished:
        click.echo(f"run {order.run} has succeeded; there is nothing to resume", err=True)
        return SUCCESS
    if choice.skipped and choice.earlier:
        from bodywork.cli import advice

        run = choice.earlier.id
        resume = f"go on with it: {advice.resume(place, run)}"
        tell(f"run {run} is unfinished, so none was begun", resume, label="note")
        return SUCCESS
    if order.name:
        from bodywork.cli.named import carry_named

        return carry_named(place, order, choice)
    from bodywork.cli.launch import launch

    return launch(place, order, choice)
