"""Generic durable state machines: record first, act second, resume always.

The names below are the public interface. Each is loaded when it is first used, so that a program
pays only for the parts it needs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from statemachine.checkpoint import Checkpoint, Data, Delivery, HookFailure, Json, Move
    from statemachine.definition import Definition, State, Transition
    from statemachine.errors import (
        CheckpointConflict,
        CheckpointCorrupt,
        CheckpointExists,
        CheckpointNotFound,
        CheckpointSealed,
        CheckpointTooLarge,
        DefinitionError,
        Fenced,
        HookFailed,
        IllegalTransition,
        Interrupted,
        OwnershipHeld,
        StateMachineError,
        StoreFull,
        StoreUnavailable,
        TerminalError,
        TransientError,
    )
    from statemachine.hooks import Hook, HookEvent, Hooks
    from statemachine.machine import legal_triggers, next_state, render_mermaid
    from statemachine.outcome import Advance, Event, Wait
    from statemachine.ownership import Holder, LeaseStore, Ownership, this_process
    from statemachine.retries import RetryPolicy, call, pause_seconds
    from statemachine.runner import Handler, Runner
    from statemachine.store import CheckpointStore, Stored
    from statemachine.stores.file import FileStore
    from statemachine.stores.leases import FileLeaseStore
    from statemachine.stores.memory import MemoryStore

_HOMES = {
    "checkpoint": ("Checkpoint", "Data", "Delivery", "HookFailure", "Json", "Move"),
    "definition": ("Definition", "State", "Transition"),
    "errors": (
        "CheckpointConflict",
        "CheckpointCorrupt",
        "CheckpointExists",
        "CheckpointNotFound",
        "CheckpointSealed",
        "CheckpointTooLarge",
        "DefinitionError",
        "Fenced",
        "HookFailed",
        "IllegalTransition",
        "Interrupted",
        "OwnershipHeld",
        "StateMachineError",
        "StoreFull",
        "StoreUnavailable",
        "TerminalError",
        "TransientError",
    ),
    "hooks": ("Hook", "HookEvent", "Hooks"),
    "machine": ("legal_triggers", "next_state", "render_mermaid"),
    "outcome": ("Advance", "Event", "Wait"),
    "ownership": ("Holder", "LeaseStore", "Ownership", "this_process"),
    "retries": ("RetryPolicy", "call", "pause_seconds"),
    "runner": ("Handler", "Runner"),
    "store": ("CheckpointStore", "Stored"),
    "stores.file": ("FileStore",),
    "stores.leases": ("FileLeaseStore",),
    "stores.memory": ("MemoryStore",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Advance",
    "Checkpoint",
    "CheckpointConflict",
    "CheckpointCorrupt",
    "CheckpointExists",
    "CheckpointNotFound",
    "CheckpointSealed",
    "CheckpointStore",
    "CheckpointTooLarge",
    "Data",
    "Definition",
    "DefinitionError",
    "Delivery",
    "Event",
    "Fenced",
    "FileLeaseStore",
    "FileStore",
    "Handler",
    "Holder",
    "Hook",
    "HookEvent",
    "HookFailed",
    "HookFailure",
    "Hooks",
    "IllegalTransition",
    "Interrupted",
    "Json",
    "LeaseStore",
    "MemoryStore",
    "Move",
    "Ownership",
    "OwnershipHeld",
    "RetryPolicy",
    "Runner",
    "State",
    "StateMachineError",
    "StoreFull",
    "StoreUnavailable",
    "Stored",
    "TerminalError",
    "TransientError",
    "Transition",
    "Wait",
    "call",
    "legal_triggers",
    "next_state",
    "pause_seconds",
    "render_mermaid",
    "this_process",
]


def __getattr__(name: str) -> object:
    """Load a public name at its first use (PEP 562)."""
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
