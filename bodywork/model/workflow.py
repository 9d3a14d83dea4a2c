"""What a project is: its stages and the order of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bodywork.model.names import ProjectName, StageName
from bodywork.model.stage import Stage
from bodywork.model.tree import Scope

PROJECT_FILE = "bodywork.ini"
RollbackScope: TypeAlias = Literal["run", "stage"]
LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


@dataclass(frozen=True, slots=True)
class Workflow:
    """A validated project.

    Attributes:
        image: what stages run in, on an engine of containers; "" where the project names none: it
            is the namespace's then, and put in when the run reads its project.
        steps: stage names by step; the stages of a step run side by side.
        stages: every stage that `steps` or `run_on_failure` names.
        rollback_scope: what a failed run restores: every service it changed, or only
            those that failed.
        run_on_failure: batch stage that runs after a failure and its roll-back, if any.
    """

    project: ProjectName
    image: str
    steps: tuple[tuple[StageName, ...], ...]
    stages: Mapping[StageName, Stage]
    log_level: LogLevel = "INFO"
    rollback_scope: RollbackScope = "run"
    run_on_failure: StageName | None = None

    def scope_of(self, name: StageName) -> Scope:
        """Return what a stage can read of the repository.

        bodywork.ini counts by what it says of a stage (its image, its project, what runs before
        it), and not by its text.
        """
        stage = self.stages[name]
        others = frozenset(other.folder for other in self.stages.values() if other != stage)
        settings = f"{stage.path}/{PROJECT_FILE}" if stage.path else PROJECT_FILE
        return Scope(stage.folder, others, stage.shared, (settings,))
