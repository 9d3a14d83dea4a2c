"""The only reader of git's and ssh's messages: from their text to our `SourceError`."""

from collections.abc import Sequence
from dataclasses import dataclass

from bodywork.errors import SourceError
from bodywork.git.repository import Repository


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a checkout was asked for."""

    repository: Repository
    reference: str
    commit: str


def translate(lines: Sequence[str], wanted: Wanted) -> SourceError:
    """Return the error that git's last lines tell of."""
    last = next((line for line in reversed(lines) if line.startswith(("fatal:", "error:"))), "")
    return SourceError(f"git could not fetch {wanted.repository.text}: {last}")


def translate_timeout(wanted: Wanted, seconds: float) -> SourceError:
    """Return the error for a git that had to be killed."""
    return SourceError(f"git did not fetch {wanted.repository.text} within {seconds:g} s")


def translate_no_commit(wanted: Wanted) -> SourceError:
    """Return the error for a commit that is not in the repository."""
    name = wanted.commit or wanted.reference
    return SourceError(f"there is no commit {name} in {wanted.repository.text}")


def refuses_ids(lines: Sequence[str]) -> bool:
    """Say whether the server gives branches and tags only, and no commit by its id."""
    return any("unadvertised object" in line for line in lines)
