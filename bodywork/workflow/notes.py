"""What a user should know of a checkout before its stages run: what they will not find. Pure."""

from collections.abc import Iterator, Sequence

from bodywork.model.run import Checkout
from bodywork.model.tree import is_within
from bodywork.model.workflow import Workflow

_FEW = 2


def describe_missing(checkout: Checkout, workflow: Workflow) -> Iterator[str]:
    """Yield a line on submodules that are not fetched, and one on pointers of Git LFS."""
    if paths := checkout.missing:
        them = "a submodule" if len(paths) == 1 else f"{len(paths)} submodules"
        yield (
            f"the repository has {them}, whose files are not fetched ({_list(paths)}); "
            "SUBMODULES=yes in [workflow] of bodywork.ini fetches them"
        )
    if paths := checkout.pointers:
        one = len(paths) == 1
        files = "1 file holds a pointer" if one else f"{len(paths)} files hold pointers"
        content = "its content" if one else "their content"
        stages = [
            name
            for name in workflow.stages
            if any(is_within(path, {workflow.scope_of(name).own}) for path in paths)
        ]
        of = f", in the folder of stage {', '.join(stages)}" if stages else ""
        yield (
            f"{files} of Git LFS and not {content} ({_list(paths)}){of}; with git-lfs where the "
            "repository is fetched, and `git lfs install` run there, it is fetched, too"
        )


def _list(paths: Sequence[str]) -> str:
    few = [path if path.isprintable() else ascii(path) for path in paths[:_FEW]]
    more = len(paths) - len(few)
    return ", ".join(few) + (f" and {more} more" if more else "")
