"""`bodywork cronjob`: schedules, which only a cluster keeps."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from bodywork.cli import advice, options
from bodywork.cli.exits import tell
from bodywork.cli.parameters import CRONJOB
from bodywork.errors import NotFound, Unsupported, UsageError
from bodywork.model.images import check_image
from bodywork.model.names import MOST_RETRIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bodywork.cli.cluster_place import KubernetesPlace
    from bodywork.cluster.cron_manifests import CronJob

_EPILOG = """\b
Examples:
  bodywork cronjob create -n shop --name=shop --schedule="0 3 * * mon-fri" \\
    --git-repo-url=https://github.com/ada/shop --git-repo-branch=main \\
    --image=registry.example/bodywork:1
  bodywork cronjob display -n shop
  bodywork cronjob update -n shop --name=shop --time-zone=Europe/Berlin
  bodywork cronjob run -n shop shop --follow
  bodywork cronjob history -n shop --name=shop
  bodywork cronjob logs -n shop --name=shop-29389821 --follow
  bodywork cronjob delete -n shop --name=shop

\b
Without a cluster, let this machine's own cron run
  bodywork workflow --engine local GIT_REPO_URL GIT_REPO_BRANCH"""
_HINT = (
    "this machine's own cron can run `bodywork workflow --engine local GIT_REPO_URL "
    "GIT_REPO_BRANCH`; on a cluster, cronjobs are Kubernetes CronJobs"
)
_FIELDS = {"git_repo_url": "repository", "git_repo_branch": "reference"}
"""What an option is called in a `CronJob`, where it is not the same."""


def _settings(*, needed: bool) -> "Callable[[options.F], options.F]":
    """Add the options that describe a schedule, given to the command as a mapping."""
    made = (
        click.option(
            "--schedule",
            required=needed,
            metavar="CRON",
            help='Five fields, such as "0,15,30,45 * * * *", or @hourly, @daily, @weekly, …',
        ),
        click.option("--git-repo-url", required=needed, metavar="URL", help="The project."),
        click.option("--git-repo-branch", required=needed, metavar="BRANCH", help="Or a tag."),
        click.option(
            "--path",
            metavar="FOLDER",
            help="The project's folder in it, such as services/iris. Default: its root.",
        ),
        click.option(
            "--retries",
            type=click.IntRange(0, MOST_RETRIES),
            help="How often a run that failed is tried again; what succeeded is kept. Default: 0.",
        ),
        click.option(
            "--time-zone", metavar="ZONE", help="Such as Europe/Berlin. Default: Etc/UTC."
        ),
        click.option(
            "--on-unfinished",
            type=click.Choice(["resume", "skip", "supersede"]),
            help="What a tick does where the branch's last run is unfinished: go on with it, leave "
            "it, or cancel it and begin a new one. Default: resume.",
        ),
        click.option(
            "--adopt/--no-adopt",
            "adopt",
            default=None,
            help="Whether its runs take over services that another repository has deployed.",
        ),
        click.option(
            "--suspend/--no-suspend", "suspended", default=None, help="Keep it, but do not tick."
        ),
        click.option(
            "--image",
            metavar="IMAGE",
            envvar="BODYWORK_IMAGE" if needed else None,
            help="The controller's."
            + (" Default: $BODYWORK_IMAGE, else the namespace's." if needed else ""),
        ),
    )

    def decorate(command: options.F) -> options.F:
        for each in reversed(made):
            command = each(command)
        return command

    return decorate


_NAME = click.option("--name", required=True, type=CRONJOB, help="The cronjob's name.")


@click.group(epilog=_EPILOG)
def cronjob() -> None:
    """Schedule workflows (on a cluster)."""


@cronjob.command(epilog=_EPILOG)
@options.place
@_NAME
@_settings(needed=True)
def create(engine: str, namespace: str, name: str, **given: Any) -> None:
    """Run a workflow at certain times.

    The controller runs in the cluster; where its pod dies, a new one goes on with the same run.
    """
    from bodywork.cli.cron_shapes import checked
    from bodywork.cluster.cron_manifests import CronJob

    place = _open(engine, namespace)
    settings = _given(given)
    settings["image"] = settings.get("image") or _image(place)
    new = checked(CronJob(name=name, **settings))
    place.schedules.create(new)
    click.echo(f"cronjob={name} created in namespace={place.namespace}")
    _tell_next_times(new)


@cronjob.command(epilog=_EPILOG)
@options.place
@_NAME
@_settings(needed=False)
def update(engine: str, namespace: str, name: str, **given: Any) -> None:
    """Change a schedule; what is not named stays, and so does a run that is at work.

    A job whose controller never started is ended where the change makes other pods, as another
    --image does: it would wait with the old one, and hold back the next.
    """
    from bodywork.cli.cron_shapes import checked
    from bodywork.cli.cron_telling import tell_ended

    changes = _given(given)
    if not changes:
        raise click.UsageError("nothing to change: give --schedule, --retries, --suspend, …")
    place = _open(engine, namespace)
    new, ended = place.schedules.update(name, lambda old: checked(replace(old, **changes)))
    click.echo(f"cronjob={name} updated in namespace={place.namespace}")
    tell_ended(ended)
    if ended:
        tell(f"start it now: {advice.command(place, 'cronjob', 'run', name)}", label="hint")
    _tell_next_times(new)


@cronjob.command(epilog=_EPILOG)
@options.place
@click.option(
    "--name", default="", type=CRONJOB, help="Only this cronjob, with all that there is to say."
)
@options.output("table", "json")
def display(engine: str, namespace: str, name: str, form: str) -> None:
    """List the schedules of a namespace."""
    from bodywork.cli.cron_shapes import render_cronjob, render_cronjobs

    schedules = _open(engine, namespace).schedules
    if name:
        click.echo(render_cronjob(schedules.get(name), form, _now()))
        return
    found = schedules.all(lambda text: tell(text, label="warning"))
    click.echo(render_cronjobs(found, form, _now()))


@cronjob.command(epilog=_EPILOG)
@options.place
@_NAME
@options.output("table", "json")
def history(engine: str, namespace: str, name: str, form: str) -> None:
    """List the runs that a schedule has begun, the newest first.

    JOB_NAME is the run's name as well: `bodywork status JOB_NAME` tells all about it.
    """
    from bodywork.cli.cron_shapes import render_history

    click.echo(render_history(_open(engine, namespace).schedules.history(name), form))


@cronjob.command(epilog=_EPILOG)
@options.place
@click.argument("cronjob_name", default="", metavar="[NAME]")
@click.option("--name", default="", help="The cronjob's name, in place of NAME.")
@click.option("-f", "--follow", is_flag=True, help="Show its log until the run has ended.")
def run(engine: str, namespace: str, cronjob_name: str, name: str, follow: bool) -> None:
    """Start a run of a schedule now.

    It is the job that the schedule would make at its time, also where it is suspended. A job of the
    schedule whose controller never started is ended: the new one takes its place.
    """
    import time

    from bodywork.cli.cron_telling import show_log, tell_ended

    if bool(name) == bool(cronjob_name) and name != cronjob_name:
        raise UsageError("two names are given", hint="give the cronjob's name once")
    name = name or cronjob_name
    if not name:
        raise UsageError("a cronjob's name is needed", hint="bodywork cronjob display lists them")
    place = _open(engine, namespace)
    job, ended = place.schedules.run(name, int(time.time()))
    tell_ended(ended)
    click.echo(f"job={job} created in namespace={place.namespace}")
    if follow:
        show_log(place.client, place.namespace, job, follow=True)
    else:
        log = advice.command(place, "cronjob", "logs", f"--name={job}", "--follow")
        tell(f"see how it goes: {log}", label="hint")


@cronjob.command(epilog=_EPILOG)
@options.place
@click.option(
    "--name",
    required=True,
    help="The job's, as `bodywork cronjob history` shows it; or the cronjob's, for its newest job.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
def logs(engine: str, namespace: str, name: str, follow: bool) -> None:
    """Show the controller's log of a scheduled run, with those of its stages.

    Where the controller has not started, it says what it waits for, and what to do about it.

    Where there is no namespace of the name given, but a job of the name in another one, that is
    shown.
    """
    from bodywork.cli.cron_telling import show_log, tell_schedule
    from bodywork.cluster.cron_logs import TickLogs, namespace_of
    from bodywork.model.names import Namespace

    place = _open(engine, namespace, require=False)
    home = place.namespace
    try:
        place.require()
    except NotFound:
        home = Namespace(namespace_of(place.client, home, name))
        tell(f"the job is in namespace {home}", label="note")
    job = TickLogs(place.client, home).find(name)
    if job:
        show_log(place.client, home, job, follow=follow)
    if job != name:
        tell_schedule(place, home, name, job)


@cronjob.command(epilog=_EPILOG)
@options.place
@_NAME
def delete(engine: str, namespace: str, name: str) -> None:
    """Remove a schedule and its jobs; the records of its runs stay."""
    place = _open(engine, namespace)
    active = place.schedules.delete(name)
    click.echo(f"cronjob={name} deleted from namespace={place.namespace}")
    for tick in active:
        if tick.started:
            end = advice.command(place, "cancel", tick.name)
            tell(f"its job {tick.name} was at work; `{end}` ends its stages", label="note")
        else:
            tell(f"its job {tick.name} had not started", label="note")


def _open(engine: str, namespace: str, *, require: bool = True) -> "KubernetesPlace":
    if engine != "kubernetes":
        raise Unsupported("the local engine keeps no schedules", hint=_HINT)
    from bodywork.cli.cluster_place import KubernetesPlace

    place = KubernetesPlace(namespace)
    if require:
        place.require()
    return place


def _image(place: "KubernetesPlace") -> str:
    """Return the namespace's image. Raises `UsageError` where none is set."""
    from bodywork.cluster.settings import read_image, setup_command

    image = read_image(place.client, place.namespace)
    if not image:
        raise UsageError(
            f"the cronjob needs an image for its controller, and namespace {place.namespace} has "
            "none set",
            hint="give one: --image=REGISTRY/IMAGE:TAG, or set it for all: "
            f"{setup_command(place.namespace)} (docs/stage.md: how to build it)",
        )
    return image


def _given(options_given: dict[str, Any]) -> dict[str, Any]:
    """Return what was given, by the names of a `CronJob`. Raises `UsageError`."""
    given = {
        _FIELDS.get(name, name): value for name, value in options_given.items() if value is not None
    }
    if "image" in given:
        check_image(given["image"])
    return given


def _tell_next_times(cronjob: "CronJob") -> None:
    from bodywork.cli.cron_shapes import next_times, render_times

    if times := next_times(cronjob, _now()):
        click.echo(f"next times: {render_times(times)}")
    elif cronjob.suspended:
        click.echo("suspended: it does not tick until `bodywork cronjob update … --no-suspend`")


def _now() -> "datetime":
    from datetime import UTC, datetime

    return datetime.now(UTC)
