"""What can go wrong with a durable state machine.

::

    StateMachineError
    ├── TransientError            the same call may succeed later: the retry policy repeats it
    │   └── StoreUnavailable      the store did not answer, or nobody knows whether it wrote
    └── TerminalError             repeating the call cannot help
        ├── DefinitionError       the machine itself is wrong: unknown target, dead end, unreachable
        ├── IllegalTransition     the trigger has no move from this state
        ├── CheckpointNotFound
        ├── CheckpointExists
        ├── CheckpointConflict    somebody else saved since we loaded
        │   └── Fenced            … with a higher epoch: the machine is theirs now, stop
        ├── CheckpointSealed      a finished machine is never changed
        ├── CheckpointCorrupt     unreadable, edited, cut short, or of a schema we do not know
        ├── CheckpointTooLarge
        ├── StoreFull             no room (or no right) to write; what was saved before is intact
        ├── OwnershipHeld         another controller is at work on the machine, and alive
        └── HookFailed            a required hook failed for good

`Interrupted` is apart: it is a request of the operator (a signal), no fault, and so is not an
`Exception` that a broad handler could swallow.
"""


class StateMachineError(Exception):
    """The root of all errors of this package.

    `hint` says what a person can do about it; it may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class TransientError(StateMachineError):
    """The same call may succeed later."""


class TerminalError(StateMachineError):
    """Repeating the call cannot help."""


class StoreUnavailable(TransientError):
    """The store could not be reached, or its answer was lost: look before writing again."""


class DefinitionError(TerminalError):
    """The definition of a machine contradicts itself."""


class IllegalTransition(TerminalError):
    """A trigger was fired in a state that has no move for it."""


class CheckpointNotFound(TerminalError):
    """No checkpoint of this id is in the store."""


class CheckpointExists(TerminalError):
    """A checkpoint of this id is already in the store."""


class CheckpointConflict(TerminalError):
    """The checkpoint changed after it was loaded; nothing was written."""


class Fenced(CheckpointConflict):
    """Another controller has taken the machine over; this one must change nothing more."""


class CheckpointSealed(TerminalError):
    """The machine has ended; its record is final."""


class CheckpointCorrupt(TerminalError):
    """The stored bytes are no checkpoint, were edited, or are of an unknown schema."""


class CheckpointTooLarge(TerminalError):
    """The checkpoint does not fit into the store's limit; nothing was written."""


class StoreFull(TerminalError):
    """The store has no room or refuses writes; the previous checkpoint is intact."""


class OwnershipHeld(TerminalError):
    """Another controller works on the machine; `holder` says who, for people."""

    def __init__(self, message: str, *, holder: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.holder = holder


class HookFailed(TerminalError):
    """A hook that was registered as required failed after all its retries."""


class Interrupted(BaseException):
    """A person asked the controller to stop; everything is recorded, and it can be resumed."""
