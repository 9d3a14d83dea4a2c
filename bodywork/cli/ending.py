"""`bodywork cancel` at work."""

from bodywork.cli import advice, exits
from bodywork.cli.conclusion import describe_end, describe_leftovers
from bodywork.cli.controllers import user_name
from bodywork.cli.logs import log_to
from bodywork.cli.paper import PlainPaper
from bodywork.cli.reporter import ConsoleReporter
from bodywork.cli.signals import stop_on_signals
from bodywork.cli.wiring import Place, load_run
from bodywork.model.names import RunName
from bodywork.workflow import lifecycle
from bodywork.workflow.hooks import find_unnamed, load_hooks
from bodywork.workflow.record import parse_progress
from statemachine.errors import Interrupted


def end_run(place: Place, run: str, named: tuple[str, ...] = ()) -> int:
    """Cancel the run and return the exit code; `named` are the hooks to call."""
    hooks = load_hooks(named)
    recorded = parse_progress(load_run(place, run).data).request.hooks
    exits.tell_unnamed_hooks(run, find_unnamed(recorded, named))
    paper = PlainPaper()
    log_to(paper)
    with stop_on_signals() as stop:
        try:
            with place.controller(
                ConsoleReporter(paper, place), hooks=hooks, stop=stop
            ) as controller:
                last = controller.cancel(RunName(run), user_name())
        except Interrupted as interrupted:
            again = advice.command(place, "cancel", run)
            exits.tell(str(interrupted), f"it is not over yet: {again}", label="note")
            return exits.INTERRUPTED
    if last.state == lifecycle.CANCELLED:
        left = list(describe_leftovers(last))
        rest = "" if left else "; nothing of it runs any more"
        exits.tell(f"{describe_end(last).text}{rest}", label="note")
        for each in left:
            exits.tell(each.text, each.hint, label=each.label)
        return exits.SUCCESS
    exits.tell(f"run {run} ended otherwise: {last.state.replace('-', ' ')}")
    return exits.RUN_FAILED
