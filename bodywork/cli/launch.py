"""`bodywork workflow` at work: begin or go on with a run, carry it to its end, say how it went."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from bodywork.cli import advice, exits
from bodywork.cli.choice import Choice, Order
from bodywork.cli.logs import log_to
from bodywork.cli.paper import open_paper
from bodywork.cli.reporter import ConsoleReporter
from bodywork.cli.signals import Stop, stop_on_signals
from bodywork.cli.wiring import Observer, Place
from bodywork.model.names import RunName
from bodywork.workflow import lifecycle
from bodywork.workflow.context import LOG
from bodywork.workflow.hooks import load_hooks
from bodywork.workflow.record import parse_progress
from statemachine.errors import Interrupted, OwnershipHeld, StoreFull

if TYPE_CHECKING:
    from bodywork.workflow.execute import Controller
    from statemachine.checkpoint import Checkpoint
    from statemachine.hooks import Hooks
    from statemachine.ownership import Holder


def launch(place: Place, order: Order, choice: Choice) -> int:
    """Do what was chosen, and return the exit code.

    Raises:
        OwnershipHeld, Fenced: another controller is at work on the run.
        BodyworkError, StateMachineError: as the store and the engine say.
    """
    hooks = load_hooks((*choice.hooks, *order.hook))
    run = choice.earlier.id if choice.earlier else ""
    with stop_on_signals() as stop, open_paper(stop) as (paper, observe):
        log_to(paper)
        try:
            with _controller(place, order, ConsoleReporter(paper), hooks, observe, stop) as works:
                _greet(place, choice)
                run = _record(place, works, order, choice)
                last = works.execute(RunName(run), take_over=order.take_over, waiting=_say_waiting)
                works.prune(order.history)
        except Interrupted as interrupted:
            return _interrupted(place, run, str(interrupted))
        except StoreFull as full:
            if not run:
                raise
            exits.tell(full.message, full.hint, f"then go on: {advice.resume(place, run)}")
            return exits.INTERRUPTED
    return conclude(place, last)


def _controller(
    place: Place,
    order: Order,
    report: ConsoleReporter,
    hooks: "Hooks",
    observe: Observer,
    stop: Stop,
) -> "AbstractContextManager[Controller]":
    return place.controller(
        report, hooks=hooks, observer=observe, stop=stop, credentials=order.git_repo_url
    )


def _greet(place: Place, choice: Choice) -> None:
    request = choice.request or (choice.progress.request if choice.progress else None)
    if request:
        LOG.info(
            "attempting to run workflow for project=%s on branch=%s in %s namespace=%s",
            request.repository,
            request.reference,
            place.engine_name,
            place.namespace,
        )


def _record(place: Place, controller: "Controller", order: Order, choice: Choice) -> str:
    """Return the run to carry on, begun here where it has to be."""
    if choice.request is None:
        return choice.earlier.id if choice.earlier else ""
    if choice.unfinished:
        if not order.take_over:
            refuse_if_held(place, choice.unfinished)
        LOG.info("ending run=%s, which goes on as a new one", choice.unfinished)
        controller.cancel(choice.unfinished, "its resume with other code")
    return controller.begin(choice.request)


def refuse_if_held(place: Place, run: str) -> None:
    """Raise `OwnershipHeld` where a controller is at work on the run, as far as can be known."""
    status = place.who_controls(run)
    if status and status.alive is not False:
        raise OwnershipHeld(
            f"run {run} is at work: {status.holder} controls it",
            holder=status.holder,
            hint="wait for it, or stop it first; --take-over does not ask",
        )


def _say_waiting(holder: "Holder") -> None:
    LOG.info("waiting to see whether %s is still at work", holder)


def _interrupted(place: Place, run: str, why: str) -> int:
    if not run:
        exits.tell(f"{why}; nothing had been started", label="note")
    else:
        exits.tell(
            f"{why}; run {run} is on record, and its stages go on running",
            f"go on with it: {advice.resume(place, run)}",
            f"or end it: {advice.command(place, 'cancel', run)}",
            label="note",
        )
    return exits.INTERRUPTED


def conclude(place: Place, last: "Checkpoint") -> int:
    """Say on stderr how the run ended and what to do next; return the exit code."""
    if last.state == lifecycle.SUCCEEDED:
        return exits.SUCCESS
    verdict = parse_progress(last.data).verdict
    at_fault = f" because of stage {verdict.stage}" if verdict and verdict.stage else ""
    reason = f": {verdict.reason}" if verdict else ""
    state = last.state.replace("-", " ")
    if verdict and verdict.fault in ("config", "source"):
        exits.tell(f"the run could not begin{reason}", verdict.hint)
        return exits.USAGE
    hints = [verdict.hint] if verdict and verdict.hint else []
    if last.state != lifecycle.CANCELLED:
        hints.append(f"what went wrong: {advice.command(place, 'status', last.id)}")
        hints.append(f"run again what failed: {advice.resume(place, last.id)}")
    exits.tell(f"run {last.id} {state}{at_fault}{reason}", *hints)
    return exits.RUN_FAILED
