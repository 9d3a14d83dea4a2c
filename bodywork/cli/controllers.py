"""A controller, put together: the same for each engine."""

import getpass
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from bodywork import __version__
from bodywork.cli import wiring
from bodywork.workflow.context import Context
from bodywork.workflow.execute import Controller, build_runner, earlier_run
from statemachine.ownership import LeaseStore, Ownership, this_process

if TYPE_CHECKING:
    from bodywork.model.run import Checkout
    from bodywork.model.workflow import Workflow
    from bodywork.ports import Engine, Reporter
    from statemachine.hooks import Hooks
    from statemachine.retries import RetryPolicy
    from statemachine.store import CheckpointStore

SOFTWARE = f"bodywork {__version__}"


def build_controller(
    engine: "Engine",
    store: "CheckpointStore",
    leases: LeaseStore,
    report: "Reporter",
    *,
    hooks: "Hooks | None",
    observer: wiring.Observer,
    stop: Callable[[], bool],
    credentials: str,
    load_project: "Callable[[Checkout], Workflow]" = wiring.read_project,
    retry: "RetryPolicy | None" = None,
    max_parallel: int | None = None,
    lease_seconds: tuple[float, float, float] = (10.0, 2.0, 0.1),
) -> Controller:
    """Return a controller of the runs in a store.

    Args:
        load_project: reads a checkout's configuration.
        retry: for a store that does not answer.
        max_parallel: how many stages may run at once.
        lease_seconds: how long a lease protects, how often it is renewed, how often that of
            another is looked at.
    """
    context = Context(
        engine=engine,
        source=wiring.open_source(credentials),
        clock=wiring.SystemClock(),
        report=report,
        load_project=load_project,
        earlier=earlier_run(store, engine),
        pause=wiring.retry_pause,
        max_parallel=max_parallel,
    )
    runner = build_runner(
        context, store, software=SOFTWARE, hooks=hooks, observer=observer, stop=stop, retry=retry
    )
    me = this_process(user_name(), SOFTWARE)
    duration, renewal, look = lease_seconds
    ownership = Ownership(
        leases,
        store,
        runner,
        me,
        duration_seconds=duration,
        renew_seconds=renewal,
        look_seconds=look,
    )
    return Controller(context, store, ownership, runner)


def user_name() -> str:
    """Return the user's name, for people."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user: containers with a bare number
        return str(os.getuid())
