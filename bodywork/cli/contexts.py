"""Which cluster a command is for: --context and --kubeconfig, which no command has to know of.

They hold for as long as the command runs, as the variables of the environment that they stand in
for: so whatever the command starts (another controller, a program that fetches credentials) works
on the same cluster. The options of other commands are composed in `options`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bodywork.errors import UsageError

_VARIABLES = {"context": "BODYWORK_CONTEXT", "kubeconfig": "KUBECONFIG"}
_typed: dict[str, str] = {}
"""What was typed: like the environment, it is the process's."""


@contextmanager
def chosen_cluster(engine: str, context: str, kubeconfig: str) -> Iterator[None]:
    """Work on that cluster until the block ends; "" leaves the choice to the environment.

    Raises:
        UsageError: a cluster was named for an engine that needs none. Whoever names one does not
            want the command to work on this machine, though a variable says so.
    """
    typed = {"context": context, "kubeconfig": kubeconfig}
    typed = {option: value for option, value in typed.items() if value}
    if typed and engine != "kubernetes":
        options = " and ".join(f"--{option}" for option in typed)
        raise UsageError(
            f"{options}: the engine is {engine}, which works on no cluster",
            hint="give --engine kubernetes as well (is BODYWORK_ENGINE set?), or leave it out",
        )
    earlier = {_VARIABLES[option]: os.environ.get(_VARIABLES[option]) for option in typed}
    _typed.update(typed)
    os.environ.update({_VARIABLES[option]: _absolute(option, typed[option]) for option in typed})
    try:
        yield
    finally:
        _typed.clear()
        for variable, value in earlier.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value


@contextmanager
def naming_variables() -> Iterator[None]:
    """Let a `UsageError` about a cluster name the variable that its choice came from."""
    try:
        yield
    except UsageError as error:
        for option, variable in _VARIABLES.items():
            value = os.environ.get(variable)
            if value and value in error.message and option not in _typed:
                raise UsageError(f"{variable}: {error.message}", hint=error.hint) from None
        raise


def typed_options() -> list[str]:
    """Return the options that name this command's cluster, for the next command to type."""
    return [f"--{option}={value}" for option, value in _typed.items()]


def _absolute(option: str, value: str) -> str:
    """Return a path as programs in other folders understand it too."""
    return os.path.abspath(value) if option == "kubeconfig" else value
