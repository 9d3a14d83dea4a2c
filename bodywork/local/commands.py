"""What a supervisor is told to run for an attempt: script, environment, limits, variables."""

import logging
import os
import shlex
import time
from pathlib import Path
from typing import Any

from bodywork.local import environments
from bodywork.local.folders import Folders
from bodywork.local.network.addresses import Endpoint
from bodywork.local.secrets import read_secret, versions_of
from bodywork.model.names import service_name
from bodywork.model.pods import WITHHELD_VARIABLES
from bodywork.model.run import StageRun
from bodywork.model.stage import Batch, Stage

LOG = logging.getLogger("bodywork.local")
WITHOUT = (
    *WITHHELD_VARIABLES,
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
)


def build_spec(
    folders: Folders,
    cache: environments.EnvironmentCache,
    attempt: StageRun,
    stage: Stage,
    commit: str,
    *,
    source: Path,
    endpoint: Endpoint | None = None,
) -> dict[str, Any]:
    """Return an attempt's spec.json; it names secrets, and holds none."""
    variables = _variables(folders, attempt, source / stage.path, endpoint)
    own = {**_inherited(), **variables, **_secret_values(folders, stage)}
    wish = environments.Wish.read(source, stage.folder, own, attempt.run)
    environment = cache.choose(wish)
    command = [environment.python, stage.script, *stage.args]
    _log(attempt, environment, command)
    limit = startup = None
    if isinstance(stage.kind, Batch):
        limit = stage.kind.max_completion_time_seconds
    else:
        startup = stage.kind.max_startup_time_seconds
    uid = os.urandom(8).hex()
    return {
        "uid": uid,
        "laid_out_at": time.monotonic_ns(),
        "namespace": attempt.namespace,
        "project": attempt.project,
        "run": attempt.run,
        "stage": attempt.stage,
        "attempt": attempt.attempt,
        "origin": attempt.origin,
        "commit": commit,
        "source": str(source),
        "folder": stage.folder,
        "command": command,
        "limit_seconds": limit,
        "limit_reason": f"exceeded MAX_COMPLETION_TIME_SECONDS={limit}",
        "startup_seconds": startup,
        "endpoint": [endpoint.address, endpoint.real_port, endpoint.port] if endpoint else None,
        "build": environment.build_spec(
            {
                "uid": uid,
                "run": attempt.run,
                "stage": stage.name,
                "folder": stage.folder,
                "secrets": [each.variable for each in stage.secrets],
                "not_before": cache.not_before,
            }
        ),
        "without": WITHOUT,
        "environment": variables,
        "secrets": {each.variable: each.secret for each in stage.secrets},
        "secrets_folder": str(folders.secrets),
        "secret_versions": versions_of(folders.secrets, (each.secret for each in stage.secrets)),
        "notes": _notes(stage),
    }


def _inherited() -> dict[str, str]:
    """Return the user's own variables that stages get."""
    return {name: value for name, value in os.environ.items() if name not in WITHOUT}


def _secret_values(folders: Folders, stage: Stage) -> dict[str, str]:
    """Return the values of a stage's secrets, which may be settings of the installer; the
    supervisor says which are missing."""
    found = {}
    for each in stage.secrets:
        values = read_secret(folders.secrets, each.secret) or {}
        if each.variable in values:
            found[each.variable] = values[each.variable]
    return found


def _log(attempt: StageRun, environment: environments.Environment, command: list[str]) -> None:
    """Record what a stage runs, and in which environment, for people who look for a fault."""
    if LOG.isEnabledFor(logging.DEBUG):
        built = "is there" if environment.folder.exists() else "is to be built"
        LOG.debug(
            "stage=%s attempt %d runs `%s`; its environment %s",
            attempt.stage,
            attempt.attempt,
            shlex.join(command),
            built,
        )


def _variables(
    folders: Folders, attempt: StageRun, project: Path, endpoint: Endpoint | None
) -> dict[str, str]:
    quiet = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    services = _service_names(folders, attempt, project) if quiet != "*" else []
    no_proxy = ",".join(filter(None, [quiet, "127.0.0.0/8", "localhost", *services]))
    variables = {
        **attempt.variables(),
        "BODYWORK_LOCAL_NETWORK": str(folders.services),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }
    if endpoint:
        bind = f"{endpoint.port} {endpoint.address} {endpoint.real_port}"
        variables["BODYWORK_LOCAL_BIND"] = bind
    return variables


def _service_names(folders: Folders, attempt: StageRun, project: Path) -> list[str]:
    """Return the names of all services that are there, and of those that the project may deploy
    while the stage runs: each of its stages may be one."""
    stages = (each.parent.name for each in project.glob("*/config.ini"))
    own = {service_name(attempt.project, name) for name in stages}
    return sorted(own | {each.name for each in folders.services.iterdir()})


def _notes(stage: Stage) -> list[str]:
    if isinstance(stage.kind, Batch) or stage.kind.replicas == 1:
        return []
    number = stage.kind.replicas
    return [f"REPLICAS={number}: one is started on this machine; a Kubernetes cluster starts all"]
