"""How a stage's script ended, by one rule wherever it ran; standard library only."""

import signal

_SIGNALLED = 128
"""Added to a signal's number: the exit code that shells and containers give what it ended."""


def exit_code_of(code: int) -> int:
    """Return the exit code that is told of a process.

    Args:
        code: as Python has it: -n where signal n ended the process.
    """
    return _SIGNALLED - code if code < 0 else code


def describe_exit_code(code: int) -> str:
    """Return why a script failed, for people: its exit code, and the signal that this stands for.

    A script may choose such a code by itself, which nobody can tell apart.
    """
    try:
        name = signal.Signals(code - _SIGNALLED).name
    except ValueError:
        return f"exit code {code}"
    return f"exit code {code} ({name})"
