"""What runs inside a stage's container: fetch the commit, install, run the script."""

from bodywork.stage.run import StageOrder, run_stage
from bodywork.stage.unpacked import UnpackedSource

__all__ = ["StageOrder", "UnpackedSource", "run_stage"]
