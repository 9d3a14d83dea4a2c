"""What may name a commit: a branch, a tag, or the commit's id. Pure; git is not asked."""

import re

from bodywork.errors import SourceError

_FULL = r"([0-9a-fA-F]{40}|[0-9a-fA-F]{64})\Z"
_ABBREVIATED = r"[0-9a-fA-F]{7,63}\Z"
_FORBIDDEN = r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//"


def check_reference(text: str) -> str:
    """Return the reference where git could have one of that name.

    The rules are those of `git check-ref-format --branch`
    (https://git-scm.com/docs/git-check-ref-format), without its `@{-1}`; and names with `$(`, which
    shells and Kubernetes replace by something else, are not taken.

    Raises:
        SourceError: no branch or tag can be called so, or none should be.
    """
    if "$(" in text:
        raise SourceError(
            f"the branch or tag {text!r} has '$(' in its name, which shells and Kubernetes replace",
            hint="give the commit's id, or another branch or tag that points to it",
        )
    if not _is_possible(text):
        raise SourceError(
            f"{text!r} cannot be the name of a branch or tag",
            hint="give a branch, a tag or a commit's id, as `git branch` and `git log` show them",
        )
    return text


def check_commit(text: str) -> str:
    """Return the commit's full id in lower case.

    Raises:
        SourceError: it is no full id.
    """
    if not is_commit(text):
        raise SourceError(
            f"{text!r} is no full commit id", hint="`git rev-parse COMMIT` prints all digits"
        )
    return text.lower()


def is_commit(text: str) -> bool:
    """Say whether the text is a full commit id (SHA-1 or SHA-256)."""
    return bool(re.match(_FULL, text))


def is_abbreviated(text: str) -> bool:
    """Say whether the text may be the beginning of a commit id (at least 7 digits)."""
    return bool(re.match(_ABBREVIATED, text)) and not is_commit(text)


def _is_possible(text: str) -> bool:
    parts = text.split("/")
    return not (
        text in {"", "@"}
        or text.startswith("-")
        or text.endswith(".")
        or re.search(_FORBIDDEN, text)
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
    )
