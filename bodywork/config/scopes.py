"""What each stage of a project can read of its repository, as ids that follow from the commit."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bodywork.model.tree import Entry, Tree
from bodywork.model.workflow import Workflow


def identify_stages(
    workflow: Workflow, root: Path, entries: Mapping[str, Entry], *, has_submodules: bool = False
) -> Workflow:
    """Return the workflow with the ids of what its stages can read.

    Args:
        root: the repository's files.
        entries: what stands at each path of the commit; nothing is known where they are empty.
        has_submodules: whether the files of submodules are there.
    """
    if not entries:
        return workflow

    def read_link(path: str) -> str:
        try:
            return os.readlink(root / path)
        except OSError:
            return ""

    tree = Tree(entries, read_link, has_submodules=has_submodules)
    stages = {
        name: replace(stage, tree=tree.id_of(name), shared_id=tree.digest(workflow.scope_of(name)))
        for name, stage in workflow.stages.items()
    }
    return replace(workflow, stages=stages)
