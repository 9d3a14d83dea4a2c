"""`live.json`: which version of a service answers under its name."""

from pathlib import Path
from typing import Any

from bodywork.errors import EngineError
from bodywork.local.supervisor import files
from bodywork.model.names import RunName, StageName
from bodywork.model.run import ServiceVersion

LIVE = "live.json"
_FIELDS = frozenset({"id", "run", "stage", "commit", "address", "real_port", "port"})


def read_live(service: Path) -> dict[str, Any] | None:
    """Return what is said of a service's live version; None where there is none.

    Raises:
        EngineError: the file is not one of ours, or damaged.
    """
    found = files.read_json(str(service / LIVE))
    if found is None:
        return None
    if not isinstance(found, dict) or not _FIELDS.issubset(found):
        raise damaged(service, LIVE)
    return found


def version_of(live: dict[str, Any]) -> ServiceVersion:
    """Return the version that a live.json names."""
    return ServiceVersion(
        live["id"],
        RunName(live["run"]),
        StageName(live["stage"]),
        live["commit"],
        str(live.get("repository", "")),
    )


def damaged(service: Path, name: str) -> EngineError:
    """Return the error for a file of a service that is not what was written."""
    return EngineError(
        f"{service / name} is damaged",
        hint=f"bodywork service delete --name={service.name}, then run again",
    )
