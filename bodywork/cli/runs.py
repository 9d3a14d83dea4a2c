"""`bodywork status`, `logs` and `cancel`: looking at runs, and ending them."""

from typing import TYPE_CHECKING

import click

from bodywork.cli import options
from bodywork.cli.exits import SUCCESS, Ended, tell
from bodywork.cli.parameters import RUN, STAGE
from bodywork.errors import RunNotFound, UsageError

if TYPE_CHECKING:
    from bodywork.cli.wiring import Place

_STATUS_EPILOG = """\b
Examples:
  bodywork status
  bodywork status -A
  bodywork status shop-20260101-120000-1a2b
  bodywork status latest --watch
  bodywork status latest -o json

\b
The JSON document has a `schema` number; fields are only ever added to a
schema. Its times are UTC. The mermaid form draws the run's way through
its states."""
_LOGS_EPILOG = """\b
Examples:
  bodywork logs latest
  bodywork logs shop-20260101-120000-1a2b train --attempt 1
  bodywork logs latest train --tail 20 --follow"""
_CANCEL_EPILOG = """\b
Examples:
  bodywork cancel shop-20260101-120000-1a2b

\b
It takes the run over, also from a controller that is alive: that one
changes nothing more and exits with code 3."""


@click.command(epilog=_STATUS_EPILOG)
@options.place
@click.argument("run", default="", metavar="[RUN]", type=RUN)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@click.option("--watch", is_flag=True, help="Go on showing it until the run has ended.")
@options.output("table", "json", "yaml", "mermaid")
def status(engine: str, namespace: str, run: str, everywhere: bool, watch: bool, form: str) -> None:
    """List the runs of a namespace, or explain one.

    RUN is a run's name, or `latest` for the newest one. For a failed RUN it says why: the exit
    code, the reason, the last lines of the log, what was rolled back to what, and the next command
    to type.
    """
    from bodywork.cli.show import View
    from bodywork.cli.wiring import open_place, resolve_run

    if everywhere and run:
        raise UsageError("-A lists runs: it does not go with a RUN", hint="leave one of them out")
    place = open_place(engine, namespace)
    if not everywhere:
        place.require()
    view = View(place, resolve_run(place, run), form, everywhere)
    if watch:
        from bodywork.cli.show import keep_watching

        keep_watching(view)
        return
    view.look()
    click.echo(view.render())


@click.command(epilog=_LOGS_EPILOG)
@options.place
@click.argument("run", type=RUN)
@click.argument("stage", default="", metavar="[STAGE]", type=STAGE)
@click.option("-f", "--follow", is_flag=True, help="Go on until the stage (or the run) has ended.")
@click.option("--attempt", type=click.IntRange(min=1), help="Which try; else the last one.")
@click.option(
    "--tail", type=click.IntRange(min=1), metavar="N", help="Only the last N lines of each log."
)
def logs(
    engine: str,
    namespace: str,
    run: str,
    stage: str,
    follow: bool,
    attempt: int | None,
    tail: int | None,
) -> None:
    """Show the logs of a run's stages.

    RUN is a run's name, or `latest` for the newest one. With STAGE, the bare lines of one stage;
    else those of all stages, each under its title.
    """
    from bodywork.cli.reading import Reading
    from bodywork.cli.wiring import open_place, resolve_run

    place = open_place(engine, namespace)
    place.require()
    run = resolve_run(place, run)
    Reading(place, run, follow=follow).show(stage, attempt or 0, tail or 0)


@click.command(epilog=_CANCEL_EPILOG)
@options.place
@click.argument("run", type=RUN)
@click.option(
    "--hook",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="Call this function on events of the run; may be repeated.",
)
def cancel(engine: str, namespace: str, run: str, hook: tuple[str, ...]) -> None:
    """End a run: stop its stages, restore services.

    RUN is a run's name, or `latest` for the newest one. The services that it changed are brought
    back to the version before. A run that has ended stays as it is. Of a schedule's job whose
    controller has not started, the job is ended.
    """
    from bodywork.cli.wiring import load_run, open_place, resolve_run
    from bodywork.workflow.lifecycle import TERMINAL

    place = open_place(engine, namespace)
    place.require()
    run = resolve_run(place, run)
    try:
        before = load_run(place, run)
    except RunNotFound:
        if _end_unstarted(place, run):
            tell(f"job {run} is ended; its controller had not started", label="note")
            raise Ended(SUCCESS) from None
        raise
    if before.state in TERMINAL:
        tell(f"run {run} has already ended: {before.state.replace('-', ' ')}", label="note")
        raise Ended(SUCCESS)
    from bodywork.cli.ending import end_run

    raise Ended(end_run(place, run, hook))


def _end_unstarted(place: "Place", run: str) -> bool:
    """End the Job of a schedule that would begin the run; say whether there was one to end."""
    if place.schedules is None:
        return False
    tick = place.schedules.ticks.find(run)
    return tick is not None and run in place.schedules.ticks.end_unstarted(tick.cronjob, run)
