"""The embedded engine: stages as processes on this machine, in environments of their own.

Loaded name by name: supervisors import parts of this package and must stay small.
"""

TYPE_CHECKING = False  # as typing's, without loading it
if TYPE_CHECKING:
    from bodywork.local.administration import LocalAdministration
    from bodywork.local.engine import LocalEngine
    from bodywork.local.folders import cache_folder, state_folder

__all__ = ["LocalAdministration", "LocalEngine", "cache_folder", "state_folder"]

_HOMES = {
    "LocalAdministration": "administration",
    "LocalEngine": "engine",
    "cache_folder": "folders",
    "state_folder": "folders",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'bodywork.local' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"bodywork.local.{_HOMES[name]}"), name)
