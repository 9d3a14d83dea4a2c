"""Where a run's branch points now, seen from the commit that the run uses.

Only a repository of this machine is asked: no hint is worth a request over the network.
"""

from typing import TYPE_CHECKING

from bodywork.model.run import short_commit
from bodywork.workflow.context import LOG

if TYPE_CHECKING:
    from bodywork.git.folder import Head
    from bodywork.workflow.progress import Progress


def find_head(repository: str, reference: str, commit: str) -> "Head | None":
    """Return where the branch points now; None where that cannot be known from here."""
    if not commit or ("://" in repository and not repository.startswith("file://")):
        return None
    from bodywork.git import folder

    return folder.find_head(repository, reference, commit)


def find_note(repository: str, reference: str, commit: str) -> str:
    """Return the note on what is not committed in a repository of this machine; "" for nothing."""
    from bodywork.git import parse_repository
    from bodywork.git.folder import inspect_folder

    here = parse_repository(repository).folder
    tree = inspect_folder(here) if here else None
    return tree.note(commit, reference) if tree else ""


def log_kept_commit(progress: "Progress") -> None:
    """Log that a run goes on with its own commit though its branch has newer ones."""
    request = progress.request
    head = find_head(request.repository, request.reference, progress.commit)
    if head and head.newer:
        LOG.info(
            "run %s keeps its commit %s; %s (--branch=%s runs that)",
            progress.run,
            short_commit(progress.commit),
            head.describe(),
            request.reference,
        )
