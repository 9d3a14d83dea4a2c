"""The next command to type, with the options that it needs here and none that it does not."""

import os
import shlex
from collections.abc import Mapping

from bodywork.cli.contexts import typed_options
from bodywork.cli.wiring import DEFAULT_NAMESPACE, Place, default_engine


def command(place: Place, *words: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return `bodywork …` for this place, ready to be pasted into a shell."""
    where = typed_options()
    if place.engine_name != default_engine(environ).lower():
        where.append(f"--engine={place.engine_name}")
    if place.namespace != environ.get("BODYWORK_NAMESPACE", DEFAULT_NAMESPACE):
        where.append(f"--namespace={place.namespace}")
    return shlex.join(["bodywork", *words, *where])


def resume(place: Place, run: str) -> str:
    """Return the command that goes on with a run."""
    return command(place, "workflow", "--resume", f"--run={run}")
