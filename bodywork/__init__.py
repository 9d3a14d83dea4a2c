"""Bodywork deploys machine-learning projects from a Git repository, as resumable state machines.

The public names are loaded when they are first used, so that `import bodywork` costs nothing.
"""

TYPE_CHECKING = False  # as typing's, without loading it
if TYPE_CHECKING:
    from bodywork.api import Workflow
    from bodywork.errors import BodyworkError
    from bodywork.workflow.hooks import hook
    from bodywork.workflow.status import RunStatus
    from statemachine.hooks import HookEvent

__all__ = ["BodyworkError", "HookEvent", "RunStatus", "Workflow", "hook"]
__version__ = "4.0.0.dev0"

_HOMES = {
    "BodyworkError": "bodywork.errors",
    "HookEvent": "statemachine.hooks",
    "RunStatus": "bodywork.workflow.status",
    "Workflow": "bodywork.api",
    "hook": "bodywork.workflow.hooks",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'bodywork' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
