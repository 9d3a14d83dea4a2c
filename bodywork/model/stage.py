"""What a stage is: a script in a folder, and how it is to be run."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bodywork.model.names import StageName

StageType: TypeAlias = Literal["batch", "service"]

BATCH_START_SECONDS = 900
"""How long a batch stage may wait to start, beside its time limit (a quota, an autoscaler)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A stage with an end.

    Attributes:
        max_completion_time_seconds: limit for each try.
        retries: how many more tries a failed stage gets.
    """

    max_completion_time_seconds: int
    retries: int


@dataclass(frozen=True, slots=True)
class Service:
    """A stage that answers on a port until it is replaced.

    Attributes:
        max_startup_time_seconds: limit for becoming ready; no waiting time.
        replicas: number of copies, ≥ 1.
        port: TCP port that the script listens on.
    """

    max_startup_time_seconds: int
    replicas: int
    port: int


@dataclass(frozen=True, slots=True)
class SecretVariable:
    """An environment variable whose value is the key of the same name in a secret."""

    variable: str
    secret: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a project, validated.

    Attributes:
        name: the name of its folder.
        script: path of the Python script, relative to the folder, inside it.
        args: arguments of the script; no shell ever reads them.
        cpu_request: cores; None leaves it to the engine.
        memory_request_mb: mebibytes; None leaves it to the engine.
        tree: Git's id of the folder's tree at the run's commit, 40 or 64 hex digits; "" if unknown.
        shared: what SHARED names, by paths from the repository's root; None where there is none.
        shared_id: stands for all that it can read of the repository outside of its folder
            (`bodywork.model.tree`); "" if unknown.
        path: its project's folder, relative to the repository's root; "" for that.
    """

    name: StageName
    kind: Batch | Service
    script: str
    args: tuple[str, ...] = ()
    cpu_request: float | None = None
    memory_request_mb: int | None = None
    secrets: tuple[SecretVariable, ...] = ()
    tree: str = ""
    shared: tuple[str, ...] | None = None
    shared_id: str = ""
    path: str = ""

    @property
    def folder(self) -> str:
        """The path of its folder, relative to the repository's root."""
        return f"{self.path}/{self.name}" if self.path else str(self.name)

    @property
    def type(self) -> StageType:
        """`batch` or `service`, as in the file."""
        return "batch" if isinstance(self.kind, Batch) else "service"
