"""`bodywork workflow` at work: begin or go on with a run, carry it to its end, say how it went."""

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from bodywork.cli import advice, exits
from bodywork.cli.choice import Choice, Order
from bodywork.cli.conclusion import describe_end, describe_leftovers
from bodywork.cli.heads import log_kept_commit
from bodywork.cli.logs import log_to
from bodywork.cli.overtaken import newest_record, report_take_over
from bodywork.cli.reporter import ConsoleReporter
from bodywork.cli.screen import open_paper
from bodywork.cli.signals import stop_on_signals
from bodywork.cli.wiring import Place
from bodywork.errors import BodyworkError
from bodywork.model.names import RunName, service_name
from bodywork.workflow import lifecycle
from bodywork.workflow.context import LOG
from bodywork.workflow.hooks import find_unnamed, load_hooks
from bodywork.workflow.record import parse_progress
from statemachine.errors import (
    CheckpointConflict,
    CheckpointSealed,
    Interrupted,
    OwnershipHeld,
    StateMachineError,
    StoreFull,
)

if TYPE_CHECKING:
    from bodywork.cli.wiring import Observer
    from bodywork.workflow.execute import Controller
    from statemachine.checkpoint import Checkpoint
    from statemachine.ownership import Holder

LOOK_SECONDS = 0.4
"""How long to look, after a signal, whether the run had ended before it."""


def launch(place: Place, order: Order, choice: Choice) -> int:
    """Do what was chosen, and return the exit code.

    Raises:
        BodyworkError, StateMachineError: as the store and the engine say.
    """
    work = Work(place, order, choice)
    try:
        last = work.carry_through()
    except OwnershipHeld as held:
        return _refused(place, work.run, held.holder)
    except (CheckpointConflict, CheckpointSealed):
        return report_take_over(place, work.run)
    except (Interrupted, StoreFull) as stopped:
        return account(place, work, stopped)
    return conclude(place, last)


def account(place: Place, work: "Work", stopped: Interrupted | StoreFull) -> int:
    """Say how the run can be gone on with; return the exit code."""
    if isinstance(stopped, Interrupted):
        return _interrupted(place, work.run, str(stopped))
    if not work.run:
        raise stopped
    exits.tell(stopped.message, stopped.hint, f"then go on: {advice.resume(place, work.run)}")
    return exits.INTERRUPTED


class Work:
    """One run, from its record to its end.

    `run` is its name as soon as it is known, `last` its final record as soon as it is sealed.
    """

    def __init__(self, place: Place, order: Order, choice: Choice) -> None:
        self.run = choice.earlier.id if choice.earlier else ""
        self.last: Checkpoint | None = None
        self._executed = ""
        self._place = place
        self._order = order
        self._choice = choice

    def carry_through(self) -> "Checkpoint":
        """Carry the run to its end, and return its final record.

        Once that record is sealed, it alone decides the exit code. Whatever goes wrong afterwards
        (pruning old runs, closing connections, a late signal) is reported and not raised.
        """
        try:
            return self._carry_through()
        except (Exception, Interrupted) as error:
            if isinstance(error, Interrupted):
                self._look_for_the_end()
            if self.last is None:
                raise
            exits.report_after_end(error)
            return self.last

    def _carry_through(self) -> "Checkpoint":
        """The terminal is tidy again when this returns or raises."""
        place, order = self._place, self._order
        hooks = load_hooks(order.hook)
        if earlier := self._choice.progress:
            unnamed = find_unnamed(earlier.request.hooks, order.hook)
            exits.tell_unnamed_hooks(earlier.run, unnamed)
        with (
            stop_on_signals() as stop,
            open_paper(stop) as (paper, observe),
            place.controller(
                ConsoleReporter(paper, place),
                hooks=hooks,
                observer=self._noting_the_end(observe),
                stop=stop,
                credentials=order.git_repo_url,
                max_parallel=order.max_parallel,
            ) as controller,
        ):
            log_to(paper)
            _greet(place, self._choice)
            self.run = self._executed = _record(place, controller, order, self._choice)
            try:
                last = controller.execute(
                    RunName(self.run), take_over=order.take_over, waiting=_say_waiting
                )
            except (CheckpointConflict, CheckpointSealed):
                if now := newest_record(place, self.run, stop):
                    observe(now)
                raise
            self.last = last
            controller.prune_after_end(order.history)
        return last

    def _noting_the_end(self, observe: "Observer") -> "Observer":
        """Return an observer that keeps the run's sealed record, and then calls the given one."""

        def note(checkpoint: "Checkpoint") -> None:
            if checkpoint.id == self._executed and is_sealed(checkpoint):
                self.last = checkpoint
            observe(checkpoint)

        return note

    def _look_for_the_end(self) -> None:
        """Look whether the signal came after the run's end, before this process could note it."""
        if self.last is None and self._executed:
            looking = threading.Thread(target=self._look, name="look for the end", daemon=True)
            looking.start()
            looking.join(LOOK_SECONDS)  # a user who interrupts us does not wait for a server

    def _look(self) -> None:
        with suppress(BodyworkError, StateMachineError, Interrupted):
            found = self._place.store.load(self._executed).checkpoint
            self.last = found if is_sealed(found) else None


def is_sealed(checkpoint: "Checkpoint") -> bool:
    """Say whether the run has ended and nothing of it is due any more."""
    return checkpoint.state in lifecycle.TERMINAL and not checkpoint.outbox


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
    earlier = choice.progress
    if earlier and (choice.request is None or choice.request.commit == earlier.commit):
        log_kept_commit(earlier)


def _record(place: Place, controller: "Controller", order: Order, choice: Choice) -> str:
    """Return the run to carry on, begun here where it has to be."""
    if choice.request is None:
        return choice.earlier.id if choice.earlier else ""
    if choice.unfinished:
        if not (order.take_over or order.on_unfinished):
            refuse_if_held(place, choice.unfinished)
        LOG.info("ending run=%s because of %s", choice.unfinished, choice.why_ended)
        controller.cancel(choice.unfinished, choice.why_ended)
    return controller.begin(choice.request, choice.name)


def refuse_if_held(place: Place, run: str) -> None:
    """Raise `OwnershipHeld` where a controller is at work on the run, as far as can be known."""
    status = place.who_controls(run)
    if status and status.alive is not False:
        raise OwnershipHeld(
            f"run {run} is at work: {status.holder} controls it",
            holder=status.holder,
            hint="wait for it, or stop it first; --take-over does not ask",
        )


def _say_waiting(holder: "Holder", seconds: float) -> None:
    LOG.info(
        "waiting up to %.0f seconds to see whether %s is still at work: its end cannot be seen "
        "from here, and --take-over does not wait",
        seconds,
        holder,
    )


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


def _refused(place: Place, run: str, holder: str) -> int:
    exits.tell(
        f"run {run} is at work: {holder} controls it",
        "wait for it, or stop it first; the run can then be resumed at once",
        f"see how it goes: {advice.command(place, 'status', run)}",
        f"where you know that it is gone: {advice.resume(place, run)} --take-over",
    )
    return exits.HELD


def conclude(place: Place, last: "Checkpoint") -> int:
    """Say on stderr how the run ended and what to do next; return the exit code.

    The code follows from the record alone, whatever happens while it is told.
    """
    try:
        _tell_end(place, last)
    except (Exception, Interrupted) as error:
        exits.report_after_end(error)
    return code_of(last)


def code_of(last: "Checkpoint") -> int:
    """Return the exit code of a run that has ended."""
    if last.state == lifecycle.SUCCEEDED:
        return exits.SUCCESS
    verdict = parse_progress(last.data).verdict
    began = verdict is None or verdict.fault not in ("config", "source")
    return exits.RUN_FAILED if began else exits.USAGE


def _tell_end(place: Place, last: "Checkpoint") -> None:
    if last.state == lifecycle.SUCCEEDED:
        _tell_addresses(place, last)
        return
    end = describe_end(last)
    hints = [end.hint]
    if last.state != lifecycle.CANCELLED and code_of(last) != exits.USAGE:
        hints.append(f"what went wrong: {advice.command(place, 'status', last.id)}")
        hints += advice.after_failure(place, parse_progress(last.data))
    exits.tell(end.text, *hints, label=end.label)
    tell_leftovers(last)


def tell_leftovers(last: "Checkpoint") -> None:
    """Tell what the end of the run could not put in order."""
    for left in describe_leftovers(last):
        exits.tell(left.text, left.hint, label=left.label)


def _tell_addresses(place: Place, last: "Checkpoint") -> None:
    """Tell where the run's services answer, if programs of this machine can reach them."""
    workflow = parse_progress(last.data).workflow
    if workflow is None or not place.services_answer_here:
        return
    kinds = {stage.type for stage in workflow.stages.values()}
    if "service" not in kinds:
        return
    ours = {service_name(workflow.project, name) for name in workflow.stages}
    for service in place.administration.services(place.namespace):
        if service.name in ours and service.address:
            exits.tell(f"service {service.name} answers at {service.address}", label="note")
