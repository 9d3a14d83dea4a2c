"""What becomes of a call that the engine refuses for good: a value, never a dead controller.

`EngineUnavailable` is not meant: that passes through, and the run can be resumed. A final refusal
would be met again by every later controller, so it must lead somewhere:

- about a stage (a foreign object in its place, a missing right), it fails the attempt;
- about a roll-back, it fails the restoration of that service;
- about tidying up, it is a warning, and the run ends as it would have;
- anywhere else (`handlers`), it is the failure reason of the run.
"""

from collections.abc import Callable
from typing import TypeVar

from bodywork.errors import BodyworkError, EngineError, NoRoom, NotFound
from bodywork.model.run import Observation, Phase
from bodywork.workflow.context import LOG

T = TypeVar("T")
REFUSALS = (EngineError, NotFound)


def failed_observation(refusal: BodyworkError, uid: str = "") -> Observation:
    """Return the observation of something that the engine refuses; no retry can help, but where
    it had no room for it (`room`)."""
    if isinstance(refusal, NoRoom):
        reason = f"it did not start in time: {refusal.message}"
        return Observation(Phase.FAILED, uid=uid, reason=reason, hint=refusal.hint)
    return Observation(Phase.FAILED, uid=uid, reason=refusal.message, hint=refusal.hint, final=True)


def attempt_call(what: str, call: Callable[[], T], otherwise: T) -> T:
    """Return what the call returns, or `otherwise` where it is refused, with a warning.

    Args:
        what: "the source could not be removed", for the log.
        call: what the end of a run must not depend on.
        otherwise: the answer to go on with.
    """
    try:
        return call()
    except REFUSALS as refusal:
        LOG.warning("%s: %s", what, refusal.message)
        return otherwise
