"""Finding the hooks of a run: decorated functions, `module:function` references, entry points.

Hooks are ordinary functions that get a `HookEvent`. They hear of the moves of a run ("transition",
"enter:failed", …) and of these topics of its own: "stage.started", "stage.retry",
"stage.succeeded", "stage.failed", "stage.lost", "stage.stopped", "rollback.started",
"rollback.service".
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

from bodywork.errors import UsageError
from statemachine.errors import Interrupted
from statemachine.hooks import Hook, HookFunction, Hooks

GROUP = "bodywork.hooks"
_MARK = "__bodywork_hook__"
F = TypeVar("F", bound=HookFunction)


def hook(
    *topics: str, name: str = "", required: bool = False, time_limit_seconds: float = 30.0
) -> Callable[[F], F]:
    """Say which topics a function wants to hear of, wherever it is registered later.

    Args:
        topics: "transition" (every move) where none is given; a final "*" stands for any rest.
        name: `module:function` where none is given; deliveries on record are matched by it.
        required: whether the run fails when the hook fails for good.
        time_limit_seconds: for one try.
    """

    def mark(function: F) -> F:
        known_as = name or f"{function.__module__}:{function.__qualname__}"
        wanted = topics or ("transition",)
        setattr(function, _MARK, Hook(known_as, wanted, function, required, time_limit_seconds))
        return function

    return mark


def as_hook(function: HookFunction, name: str = "") -> Hook:
    """Return the hook that a function was marked as, or one for every move."""
    marked = getattr(function, _MARK, None)
    if isinstance(marked, Hook):
        return marked
    known_as = name or f"{function.__module__}:{getattr(function, '__qualname__', 'call')}"
    return Hook(known_as, ("transition",), function)


def load_hooks(references: Iterable[str]) -> Hooks:
    """Return the hooks of the installed packages' entry points and of these references.

    Importing a module runs its code. So the references are those that the user of this process
    names; never those of a record, which whoever may write records has chosen.

    Raises:
        UsageError: a reference is not of the form `module:function`, or names nothing callable.
    """
    hooks = Hooks()
    if _has_entry_points():
        from importlib.metadata import entry_points  # 20 ms that a run without hooks need not pay

        for point in entry_points(group=GROUP):
            hooks.register(as_hook(_imported(point.value), point.value))
    named = tuple(dict.fromkeys(references))
    if named and "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for reference in named:
        hooks.register(as_hook(_imported(reference), reference))
    return hooks


def find_unnamed(recorded: Iterable[str], named: Iterable[str]) -> tuple[str, ...]:
    """Return the references of a record that neither the user nor an entry point names."""
    unnamed = tuple(each for each in dict.fromkeys(recorded) if each not in set(named))
    if not unnamed or not _has_entry_points():
        return unnamed
    from importlib.metadata import entry_points

    installed = {point.value for point in entry_points(group=GROUP)}
    return tuple(each for each in unnamed if each not in installed)


def _imported(reference: str) -> HookFunction:
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        raise UsageError(f"--hook {reference}: not of the form module:function")
    try:
        found: object = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"--hook {reference}: {error}",
            hint="the module must be importable from here: install it, or run in its folder",
        ) from error
    except (KeyboardInterrupt, Interrupted):
        raise
    except BaseException as error:  # the module's own code: it cannot end the controller
        raise UsageError(
            f"--hook {reference}: the module cannot be imported: {type(error).__name__}: {error}",
            hint="the error is of the module's own code, which runs when it is imported",
        ) from error
    if not callable(found):
        raise UsageError(f"--hook {reference}: is no function")
    return found


def _has_entry_points() -> bool:
    """Look for the group's name in the installed packages' metadata, without parsing it."""
    mark = f"[{GROUP}]".encode()
    for folder in sys.path:
        try:
            entries = [each.path for each in os.scandir(folder) if each.name.endswith("-info")]
        except OSError:
            continue
        for entry in entries:
            try:
                with open(os.path.join(entry, "entry_points.txt"), "rb") as file:
                    if mark in file.read():
                        return True
            except OSError:
                continue
    return False
