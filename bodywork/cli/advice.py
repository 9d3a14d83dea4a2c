"""The next command to type, with the options that it needs here and none that it does not."""

import os
import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bodywork.cli.contexts import typed_options
from bodywork.cli.wiring import DEFAULT_NAMESPACE, Place, default_engine

if TYPE_CHECKING:
    from bodywork.workflow.progress import Progress


def command(place: Place, *words: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return `bodywork …` for this place, ready to be pasted into a shell."""
    where = typed_options()
    if place.engine_name != default_engine(environ).lower():
        where.append(f"--engine={place.engine_name}")
    if place.namespace != environ.get("BODYWORK_NAMESPACE", DEFAULT_NAMESPACE):
        where.append(f"--namespace={place.namespace}")
    return shlex.join(["bodywork", *words, *where])


def resume(place: Place, run: str, branch: str = "") -> str:
    """Return the command that goes on with a run, or continues it with a branch's newest code."""
    newest = [f"--branch={branch}"] if branch else []
    return command(place, "workflow", "--resume", f"--run={run}", *newest)


def after_failure(place: Place, progress: "Progress") -> Iterator[str]:
    """Yield how a run that failed is tried again: with its own code, and with its branch's."""
    from bodywork.cli.heads import find_head

    run, request = progress.run, progress.request
    if not progress.commit:
        yield f"try again: {resume(place, run)}"
        return
    yield f"the same code again: {resume(place, run)}"
    if not progress.fixed:
        head = find_head(request.repository, request.reference, progress.commit)
        newer = f" ({head.describe_newer()})" if head and head.newer else ""
        newest = resume(place, run, request.reference)
        yield f"with the code of {request.reference} as it is now{newer}: {newest}"
