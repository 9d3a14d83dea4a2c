"""What schedules and their controllers have to say: logs on stdout, all else as notes on stderr."""

from collections.abc import Sequence

import click

from bodywork.cli import advice
from bodywork.cli.cluster_place import KubernetesPlace
from bodywork.cli.exits import tell
from bodywork.cli.standard_streams import reader_is_gone
from bodywork.cluster.client import Client
from bodywork.cluster.cron_logs import TickLogs, Waiting
from bodywork.cluster.cronjobs import CronJobs
from bodywork.errors import NotFound
from bodywork.model.names import Namespace


def show_log(client: Client, namespace: Namespace, job: str, *, follow: bool) -> None:
    """Show the log of a schedule's Job, and what its controller waits for. Raises as `TickLogs`."""
    pod = ""
    for told in TickLogs(client, namespace).read(job, follow=follow):
        if isinstance(told, Waiting):
            how = "never started" if told.over else "has not started"
            tell(f"the controller of job {job} {how}: {told.reason}", told.hint, label="note")
            continue
        if pod not in ("", told.pod):
            tell(f"pod {pod} ended; pod {told.pod} went on with the run", label="note")
        pod = told.pod
        click.echo(told.text)
        if reader_is_gone():
            return


def tell_schedule(place: KubernetesPlace, home: Namespace, name: str, job: str) -> None:
    """Say which job of a schedule was shown, or why there is none, or no newer one.

    Args:
        place: the cluster.
        home, name: the schedule.
        job: what was shown; "" where it has none.
    """
    if job:
        tell(f"that was job {job} of cronjob {name}", label="note")
    try:
        refused = CronJobs(place.client, home).refusal(name)
    except NotFound:
        return  # the schedule was deleted while its job was followed
    if refused:
        tell(
            f"cronjob {name} cannot begin its next job: {refused.reason}",
            refused.hint,
            label="note",
        )
    elif not job:
        run_it = advice.command(place, "cronjob", "run", name)
        tell(f"cronjob {name} has begun no job yet", f"begin one: {run_it}", label="note")


def tell_ended(jobs: Sequence[str]) -> None:
    """Say which jobs were deleted because their controllers had never started."""
    for job in jobs:
        tell(f"job {job} had not started, and is ended", label="note")
