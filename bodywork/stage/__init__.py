"""What runs inside a stage's container: fetch the commit, install, run the script."""

from bodywork.stage.run import StageOrder, run_stage

__all__ = ["StageOrder", "run_stage"]
