"""What can go wrong, in one tree; the command line maps each class to an exit code.

::

    BodyworkError
    ├── UsageError              the command or a file of the project is wrong   (exit code 2)
    │   ├── ConfigError         one or more problems in the project's files
    │   └── SourceError         the Git repository, branch, key or commit
    ├── RunNotFound             no such run is on record                        (2)
    ├── NotFound                a namespace, secret or service that is not there (2)
    ├── EngineError             the engine refuses: port taken, foreign object   (1)
    │   ├── SourceLost          the engine no longer has the run's source: publish it again
    │   ├── OtherRepository     the service belongs to another repository
    │   └── SecretExists        there is a secret of that name
    ├── EngineUnavailable       the engine cannot be reached                     (5)
    └── Unsupported             this engine cannot do that, and which one can    (2)

Each leaf carries a one-line message and a hint: what the user can do. Secrets never stand in
either.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class BodyworkError(Exception):
    """The root of the tree."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(BodyworkError):
    """What the user gave is wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a project's files.

    Attributes:
        file: path relative to the project's root ("." for the root itself).
        line: 1-based; 0 where no line can be named.
        section, key: as written in the file; empty where they do not apply.
        message: what is wrong.
        hint: what to do.
        warning: True where a run would still work.
    """

    file: str
    line: int
    section: str
    key: str
    message: str
    hint: str = ""
    warning: bool = False


class ConfigError(UsageError):
    """The project's files have problems; all of them are listed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        errors = [problem for problem in problems if not problem.warning]
        noun = "problem" if len(errors) == 1 else "problems"
        super().__init__(
            f"the project's configuration has {len(errors)} {noun}",
            hint="`bodywork validate PATH` lists them without running anything",
        )
        self.problems = tuple(problems)


class SourceError(UsageError):
    """The Git repository cannot be read: missing, no such branch or commit, no permission.

    Attributes:
        temporary: True where another try later may succeed (a server that does not answer); False
            where somebody has to change something first.
    """

    def __init__(self, message: str, *, hint: str = "", temporary: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.temporary = temporary


class RunNotFound(BodyworkError):
    """No run of that name is on record."""


class NotFound(BodyworkError):
    """A namespace, secret, service or stage that does not exist."""


class EngineError(BodyworkError):
    """The engine refused, and asking again will not help."""


class SecretExists(EngineError):
    """There is a secret of that name already."""


class NoRoom(EngineError):
    """The engine has no room for it now: a quota is used up. Later, there may be some."""


class SourceLost(EngineError):
    """The engine no longer holds the source of the run; it must be published again."""


class NotClaimed(EngineError):
    """The run that wants to change a service does not have the claim on it (any more)."""


class OtherRepository(EngineError):
    """The service that a run wants to deploy belongs to another repository."""


class EngineUnavailable(BodyworkError):
    """The engine does not answer; nothing is known about what it did."""


class Unsupported(BodyworkError):
    """This engine cannot do what was asked."""
