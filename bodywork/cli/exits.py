"""Errors → one line, hints and an exit code; the only place where every exception is caught.

The codes are documented and kept: scripts and Kubernetes act on them.
"""

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from bodywork import errors as ours
from bodywork.cli.standard_streams import finish_stdout, open_standard_streams
from bodywork.model.redaction import redact
from statemachine import errors as machine

if TYPE_CHECKING:
    from collections.abc import Sequence

SUCCESS = 0
RUN_FAILED = 1
USAGE = 2
HELD = 3
INTERRUPTED = 4
UNREACHABLE = 5
KEYBOARD = 130  # what shells expect of a program that Ctrl-C ended, where nothing can be resumed

_CODES: "Sequence[tuple[type[BaseException], int]]" = (
    (ours.UsageError, USAGE),
    (ours.RunNotFound, USAGE),
    (ours.NotFound, USAGE),
    (ours.Unsupported, USAGE),
    (ours.EngineUnavailable, UNREACHABLE),
    (ours.BodyworkError, RUN_FAILED),
    (machine.OwnershipHeld, HELD),
    (machine.CheckpointConflict, HELD),
    (machine.CheckpointSealed, HELD),  # somebody else brought it to its end
    (machine.StoreUnavailable, UNREACHABLE),
    (machine.CheckpointNotFound, USAGE),
    (machine.DefinitionError, USAGE),
    (machine.TerminalError, RUN_FAILED),
    (machine.TransientError, UNREACHABLE),
    (machine.Interrupted, INTERRUPTED),
)
"""The first class that fits decides."""


class Ended(Exception):
    """A command has said all there is to say, and ends with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def exit_code(error: BaseException) -> int | None:
    """Return the code for an error; None where it is not one that a user can cause."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            # An illegal move is the program's own mistake, not the user's.
            return None if isinstance(error, machine.IllegalTransition) else code
    return RUN_FAILED if isinstance(error, OSError) else None


def tell(message: str, *hints: str, label: str = "error") -> None:
    """Write a message and its hints to stderr, each on one line (or as many as it brings)."""
    lines = [f"{label}: {message}", *(f"hint: {hint}" for hint in hints if hint)]
    try:
        click.echo(redact("\n".join(lines)), err=True)
    except (OSError, ValueError):
        return  # nobody is listening


def tell_unnamed_hooks(run: str, hooks: "Sequence[str]") -> None:
    """Say which hooks of a run's record are not imported, since nobody here has named them."""
    if hooks:
        names, options = ", ".join(hooks), " ".join(f"--hook {each}" for each in hooks)
        tell(
            f"the record of run {run} names hooks that this command does not: {names}; they are "
            "not imported, and not called",
            f"where you trust them: {options}",
            label="note",
        )


def report_after_end(error: BaseException) -> None:
    """Report what went wrong after a run had ended; its exit code stays what the run's end says."""
    message = getattr(error, "message", "") or f"{type(error).__name__}: {error}"
    hint = getattr(error, "hint", "")
    if exit_code(error) is None and (where := _write_traceback(error)):
        hint = f"this is a bug in Bodywork; the traceback is in {where}"
    tell(f"after the run's end: {message}", hint, label="warning")


def run_and_exit(program: click.Command) -> NoReturn:
    """Run the command line and end the process."""
    open_standard_streams()
    code = run(program, sys.argv[1:])
    finish_stdout()
    sys.exit(code)


def run(program: click.Command, arguments: "Sequence[str]") -> int:
    """Run the command line and return its exit code; whatever is raised is told, not passed on.

    Success is only what a command itself calls its end: no exception stands for it, of whatever
    kind. A reader of stdout that has gone raises nothing (`standard_streams`).
    """
    try:
        result = program.main(list(arguments), prog_name="bodywork", standalone_mode=False)
        sys.stdout.flush()  # what a command shows is its work: it has to arrive
        return result if isinstance(result, int) else SUCCESS
    except Ended as ended:
        return ended.code
    except click.ClickException as error:
        return _refuse(error)
    except BaseException as error:
        if isinstance(error, SystemExit) and "_BODYWORK_COMPLETE" in os.environ:
            return int(error.code or 0)  # click has answered the shell; no code of others ran
        return _explain_any(_before_click(error))


def _before_click(error: BaseException) -> BaseException:
    """Return what was raised before click put an exception of its own in its place."""
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        return error.__cause__
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
        return error.__context__
    return error


def _explain_any(error: BaseException) -> int:
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        tell("interrupted", label="note")
        return KEYBOARD
    return _explain(error)


def _refuse(error: click.ClickException) -> int:
    """Say what is wrong with the words of a command."""
    if type(error).__name__ == "NoArgsIsHelpError":  # nothing was typed: the help, as it is
        error.show()
        return USAGE
    from bodywork.cli.usage import explain_usage

    message, hints = explain_usage(error)
    tell(message, *hints)
    return USAGE


def _explain(error: BaseException) -> int:
    code = exit_code(error)
    if code is None:
        return _report_bug(error)
    if isinstance(error, ours.ConfigError):
        from bodywork.cli.render import render_problems

        click.echo(redact(render_problems(error.problems)), err=True)
    if isinstance(error, OSError):
        tell(f"{error.filename or 'the system'}: {error.strerror or error}")
    else:
        tell(getattr(error, "message", str(error)), getattr(error, "hint", ""))
    if os.environ.get("BODYWORK_DEBUG"):
        _print_traceback(error)
    return code


def _report_bug(error: BaseException) -> int:
    name = type(error).__name__
    if os.environ.get("BODYWORK_DEBUG"):
        _print_traceback(error)
        tell(f"{name}: {error}; this is a bug in Bodywork")
        return RUN_FAILED
    where = _write_traceback(error)
    hints = [f"the traceback is in {where}; please report it"] if where else []
    tell(f"{name}: {error}; this is a bug in Bodywork", *hints, "BODYWORK_DEBUG=1 shows more")
    return RUN_FAILED


def _print_traceback(error: BaseException) -> None:
    click.echo(_render_traceback(error), err=True, nl=False)


def _render_traceback(error: BaseException) -> str:
    """Return the traceback; what libraries say in it may hold an address with a password."""
    import traceback

    return redact("".join(traceback.format_exception(error)))


def _write_traceback(error: BaseException) -> str:
    """Write the traceback to a private file; return its path, or "" where that is impossible."""
    import tempfile

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="bodywork-bug-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(_render_traceback(error))
            return file.name
    except OSError:
        return ""
