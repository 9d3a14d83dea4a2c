"""Where the embedded engine keeps what, as one class of paths.

::

    <state>/namespaces/<namespace>/
        runs/<run>/                     the run's record (the checkpoint store's files) and:
            source-<commit>-<boot>/     the project at the run's commit, while it runs, and
            .source-….ready-<n>/        spare copies of it
            attempts/<stage>/<n>/       one attempt of a batch stage
        services/<project--stage>/
            live.json                   which version answers
            claim.json                  which run alone may change it
            versions/<run>-<n>/         one version: an attempt of a service stage
        locks/<project--stage>.lock     held while a service is changed
        secrets/<name>.json             mode 0600
        trash/                          what could not be removed yet
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bodywork.model.names import service_name
from bodywork.model.run import StageRun
from statemachine.processes import boot_id


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of all namespaces: BODYWORK_HOME, or the platform's place for state."""
    if environ.get("BODYWORK_HOME"):
        return Path(environ["BODYWORK_HOME"]).absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/bodywork"
    return Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "bodywork"


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of what can be made again: environments."""
    if environ.get("BODYWORK_HOME"):
        return Path(environ["BODYWORK_HOME"]).absolute() / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/bodywork"
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bodywork"


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one namespace."""

    root: Path

    @classmethod
    def of(cls, state: Path, namespace: str) -> "Folders":
        """Return a namespace's folders."""
        return cls(state / "namespaces" / namespace)

    @property
    def runs(self) -> Path:
        """The runs' records."""
        return self.root / "runs"

    @property
    def services(self) -> Path:
        """The services."""
        return self.root / "services"

    @property
    def secrets(self) -> Path:
        """The secrets."""
        return self.root / "secrets"

    @property
    def trash(self) -> Path:
        """What could not be removed yet."""
        return self.root / "trash"

    def run(self, run: str) -> Path:
        """Return a run's folder."""
        return self.runs / run

    def source(self, run: str, commit: str) -> Path:
        """Return the project's files for a run, at the commit that is on its record.

        They count as long as the machine runs: a loss of power may leave files that are cut short.
        """
        return self.run(run) / "-".join(filter(None, ["source", commit, boot_id()[:8]]))

    def sources(self, run: str) -> list[Path]:
        """Return the folders that are kept of a project for a run, also half made, and those of
        earlier versions; what is no folder is not ours."""
        names = ("source", "source-*", ".source.*", ".source-*")
        found = (each for name in names for each in self.run(run).glob(name))
        return [each for each in found if each.is_dir() and not each.is_symlink()]

    def attempt(self, attempt: StageRun) -> Path:
        """Return the folder of an attempt of a batch stage."""
        return self.run(attempt.run) / "attempts" / attempt.stage / str(attempt.attempt)

    def service(self, project: str, stage: str) -> Path:
        """Return a service's folder."""
        return self.services / service_name(project, stage)

    def version(self, attempt: StageRun) -> Path:
        """Return the folder of an attempt of a service stage."""
        versions = self.service(attempt.project, attempt.stage) / "versions"
        return versions / version_id(attempt)


def version_id(attempt: StageRun) -> str:
    """Return the engine's name for the version that an attempt makes."""
    return f"{attempt.run}-{attempt.attempt}"
