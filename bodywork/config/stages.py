"""A stage's folder: its config.ini, script and requirements, as a validated `Stage`."""

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from bodywork.config import schemas
from bodywork.config.files import Fault, find_fault, read_text
from bodywork.config.folders import fault_of_path
from bodywork.config.hostile import shorten
from bodywork.config.ini import Document, read_ini
from bodywork.config.requirements import check_requirements
from bodywork.config.sections import check_names, check_section
from bodywork.errors import Problem
from bodywork.model.names import StageName, problem_with_label
from bodywork.model.stage import Batch, SecretVariable, Service, Stage

SECTIONS = ("default", "batch", "service", "secrets")
_KINDS = {"batch": schemas.BATCH, "service": schemas.SERVICE}


def read_stage(repository: Path, path: str, name: str) -> tuple[Stage | None, Sequence[Problem]]:
    """Read a stage's folder; there is no stage where there is an error.

    Args:
        repository: the root of its files.
        path: the project's folder in it.
    """
    root = repository / path
    file = f"{name}/config.ini"
    text = read_text(root, file)
    if isinstance(text, Fault):
        return None, [text.problem(file), *check_requirements(root, name)]
    document = read_ini(file, text)
    check_names(document, SECTIONS)
    common = check_section(document, "default", schemas.STAGE)
    kind = _read_kind(document, common.get("STAGE_TYPE", ""))
    secrets = _read_secrets(document)
    script = common.get("EXECUTABLE_SCRIPT", "")
    if script:
        _check_script(root, name, script, document)
    shared = _read_shared(repository, path, common, document)
    problems = [*document.problems, *check_requirements(root, name)]
    if kind is None or any(not problem.warning for problem in problems):
        return None, problems
    stage = Stage(
        name=StageName(name),
        kind=kind,
        script=str(PurePosixPath(script)),
        args=common.get("ARGS", ()),
        cpu_request=common.get("CPU_REQUEST"),
        memory_request_mb=common.get("MEMORY_REQUEST_MB"),
        secrets=secrets,
        shared=shared,
        path=path,
    )
    return stage, problems


def _read_kind(document: Document, stage_type: str) -> Batch | Service | None:
    """Check whichever of [batch] and [service] is there, and that it is the right one."""
    found = [name for name in _KINDS if name in document.sections]
    wanted = found or [stage_type] * bool(stage_type)
    values = {name: check_section(document, name, _KINDS[name]) for name in wanted}
    _warn_of_port(document, values.get("service", {}))
    if len(found) == 2:
        second = max(found, key=document.line_of)
        hint = f"keep the one that STAGE_TYPE={stage_type} names" if stage_type else "keep one"
        document.complain(second, "", "a stage has either [batch] or [service], not both", hint)
        return None
    if found and stage_type and found != [stage_type]:
        message = f"is {stage_type}, but the file has a section [{found[0]}]"
        hint = f"set STAGE_TYPE={found[0]}, or replace the section by [{stage_type}]"
        document.complain("default", "STAGE_TYPE", message, hint)
        return None
    if stage_type == "batch":
        return _batch(values["batch"])
    return _service(values["service"]) if stage_type == "service" else None


def _batch(values: Mapping[str, Any]) -> Batch | None:
    limit = values.get("MAX_COMPLETION_TIME_SECONDS")
    return Batch(limit, values.get("RETRIES", 0)) if limit else None


def _service(values: Mapping[str, Any]) -> Service | None:
    limit, port = values.get("MAX_STARTUP_TIME_SECONDS"), values.get("PORT")
    return Service(limit, values.get("REPLICAS", 1), port) if limit and port else None


def _warn_of_port(document: Document, values: Mapping[str, Any]) -> None:
    port = values.get("PORT")
    if port and port < 1024:
        message = f"{port} may only be opened by root, and stages do not run as root"
        hint = "choose a port of 1024 or above, such as 5000"
        document.complain("service", "PORT", message, hint, warning=True)


def _read_secrets(document: Document) -> tuple[SecretVariable, ...]:
    """Read variable → secret. What stands in the place of a name may be a password: not shown."""
    found = []
    for variable, entry in document.section("secrets").items():
        if fault := schemas.problem_with_variable(variable):
            document.complain("secrets", variable, fault)
        elif fault := problem_with_label(entry.value):
            hint = "write the name of a secret here, never its value"
            document.complain("secrets", variable, f"the name of the secret {fault}", hint)
        found.append(SecretVariable(variable, entry.value))
    return tuple(found)


def _read_shared(
    repository: Path, path: str, common: Mapping[str, Any], document: Document
) -> tuple[str, ...] | None:
    """Return what SHARED names, as from the repository's root, sorted; None without it."""
    if "SHARED" not in common:
        return None
    found = set()
    for shared in common["SHARED"]:
        normal = posixpath.normpath(posixpath.join(path, shared))
        if normal.split("/")[0] == "..":
            hint = "give paths within the repository, as from bodywork.ini"
            message = f"{shorten(shared)} leads out of the repository"
            document.complain("default", "SHARED", message, hint)
        elif fault := fault_of_path(repository, "" if normal == "." else normal):
            document.complain("default", "SHARED", fault.sentence(), fault.hint)
        found.add("" if normal == "." else normal)
    return tuple(sorted(found))


def _check_script(root: Path, name: str, script: str, document: Document) -> None:
    fault = _fault_of_script(root, name, script)
    if fault:
        document.complain("default", "EXECUTABLE_SCRIPT", fault.sentence(), fault.hint)


def _fault_of_script(root: Path, name: str, script: str) -> Fault | None:
    path = PurePosixPath(script)
    told = shorten(script)
    if path.is_absolute() or ".." in path.parts or "\\" in script:
        hint = f"give a path within {name}/, such as main.py"
        return Fault(told, "is outside of the stage's folder", hint)
    if not script.isprintable():
        return Fault(told, "has characters that no file's name should have")
    if script.startswith("-"):
        return Fault(told, "would be taken for an option of Python", "rename the file")
    if path.suffix != ".py":
        return Fault(told, "is no Python script", "its name must end in .py")
    return find_fault(root, f"{name}/{path}")
