"""Whether a failed installation may succeed later, by what the installer printed; pure.

In doubt it may: a stage's RETRIES bound how often that is tried. It may not where an index has
answered that it has no such package or version, or where a requirement cannot be read.
"""

import re

from bodywork.errors import EngineError

AS_THEY_ARE = "cannot be installed as they are"
"""In the message of an installation that no further attempt can bring about."""
_FINAL_MESSAGE = re.compile(rf"error: the requirements of stage \S+ {AS_THEY_ARE}")

_HOPELESS = re.compile(
    r"No solution found when resolving"
    r"|No matching distribution found"
    r"|ResolutionImpossible"
    r"|Couldn't parse requirement"
    r"|Invalid requirement"
    r"|[Ee]xpected (?:package name|one of|a valid|'-c', '-e')"
    r"|Could not open requirements file"
    r"|is not a supported wheel on this platform"
    r"|not compatible with (?:the current|this) Python"
    r"|does not appear to be a Python project"
    r"|Distribution not found at"
    r"|expects? hash|DO NOT MATCH THE HASHES|Hash mismatch for"
)
_PASSING = re.compile(
    r"(?i)Retrying \("
    r"|retries in"
    r"|failed to fetch"
    r"|could not fetch"
    r"|error sending request"
    r"|connection (?:refused|reset|aborted|broken|closed|error)"
    r"|network (?:is )?(?:unreachable|connectivity)"
    r"|time(?:d)?[- ]?out"
    r"|temporary failure"
    r"|name resolution|dns error|failed to lookup"
    r"|too many requests"
    r"|\b(?:429|50[0234])\b[^\n]*(?:error|server|unavailable|gateway|requests)"
    r"|server error|bad gateway|service unavailable"
    r"|no space left|disk quota|cannot allocate memory|out of memory"
)


class InstallationFailed(EngineError):
    """A stage's environment cannot be made.

    Attributes:
        final: whether no further attempt can help.
    """

    def __init__(self, message: str, *, hint: str = "", final: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.final = final


def is_hopeless(output: str) -> bool:
    """Say whether an installer that printed this will fail again."""
    return bool(_HOPELESS.search(output)) and not _PASSING.search(output)


def is_final_message(message: str) -> bool:
    """Say whether a termination message tells of an installation that will fail again."""
    return bool(_FINAL_MESSAGE.match(message))


def installation_failed(stage: str, detail: str, *, final: bool) -> InstallationFailed:
    """Return the error for a stage, with what happened in parentheses."""
    how = AS_THEY_ARE if final else "cannot be installed"
    hint = (
        "its own message stands above; `pip install -r requirements.txt` on your machine shows "
        "the same"
    )
    return InstallationFailed(
        f"the requirements of stage {stage} {how} ({detail})", hint=hint, final=final
    )
