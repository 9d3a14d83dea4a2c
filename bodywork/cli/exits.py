"""From an error to an exit code, one line and its hints; the only place that catches everything."""

import os
import sys
import traceback

import click

from bodywork.errors import (
    BodyworkError,
    ConfigError,
    EngineUnavailable,
    NotFound,
    RunNotFound,
    Unsupported,
    UsageError,
)
from statemachine.errors import (
    CheckpointConflict,
    CheckpointNotFound,
    Interrupted,
    OwnershipHeld,
    StateMachineError,
    StoreUnavailable,
)

FAILED, USAGE, HELD, INTERRUPTED, UNREACHABLE = 1, 2, 3, 4, 5
_CODES: list[tuple[type[BaseException], int]] = [
    (UsageError, USAGE),
    (RunNotFound, USAGE),
    (NotFound, USAGE),
    (Unsupported, USAGE),
    (EngineUnavailable, UNREACHABLE),
    (BodyworkError, FAILED),
    (OwnershipHeld, HELD),
    (CheckpointConflict, HELD),
    (CheckpointNotFound, USAGE),
    (StoreUnavailable, UNREACHABLE),
    (StateMachineError, FAILED),
    (Interrupted, INTERRUPTED),
    (KeyboardInterrupt, INTERRUPTED),
    (click.Abort, INTERRUPTED),
]


def report(error: BaseException) -> int:
    """Tell a person what happened, on stderr; return the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    if code is None:
        return _report_bug(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        _say("interrupted")
        return code
    _say(f"error: {getattr(error, 'message', str(error))}")
    if isinstance(error, ConfigError):
        from bodywork.workflow.handlers import describe

        for problem in error.problems:
            _say(f"  {describe(problem)}")
    hint = getattr(error, "hint", "")
    if hint:
        _say(f"hint: {hint}")
    return code


def _report_bug(error: BaseException) -> int:
    _say(f"error: {type(error).__name__}: {error}")
    if os.environ.get("BODYWORK_DEBUG"):
        traceback.print_exception(error, file=sys.stderr)
    else:
        _say("hint: this is a bug of Bodywork; BODYWORK_DEBUG=1 shows where it happened")
    return FAILED


def _say(line: str) -> None:
    click.echo(line, err=True)
