"""A project's INI files → validated values, and every problem with file, line, section and key."""

from bodywork.config.project import (
    check_project,
    load_project_name,
    load_stage,
    load_submodules,
    load_workflow,
    placed,
)

__all__ = [
    "check_project",
    "load_project_name",
    "load_stage",
    "load_submodules",
    "load_workflow",
    "placed",
]
