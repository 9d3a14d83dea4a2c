"""Which versions of services a run has, or has taken back, as its record says."""

from bodywork.workflow import lifecycle, rollback
from bodywork.workflow.record import parse_progress
from statemachine.checkpoint import Checkpoint


def withdrawn_by(checkpoint: Checkpoint) -> frozenset[str]:
    """Return the stages whose version a run takes back or has taken back."""
    progress = parse_progress(checkpoint.data)
    if progress.workflow is None:
        return frozenset()
    back = {str(name) for name, stage in progress.stages.items() if stage.restoration}
    if checkpoint.state == lifecycle.ROLLING_BACK:
        back |= {str(name) for name in rollback.to_restore(progress)}
    return frozenset(back)
