"""A stage's folder: its config.ini, script and requirements, as a validated `Stage`."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from bodywork.config import schemas
from bodywork.config.files import Fault, find_fault, read_text
from bodywork.config.ini import Document, read_ini, shorten
from bodywork.config.requirements import find_bad_lines
from bodywork.config.sections import check_names, check_section
from bodywork.errors import Problem
from bodywork.model.names import StageName, problem_with_label
from bodywork.model.stage import Batch, SecretVariable, Service, Stage

SECTIONS = ("default", "batch", "service", "secrets")


def read_stage(root: Path, name: str, tree: str = "") -> tuple[Stage | None, Sequence[Problem]]:
    """Read a stage's folder; there is no stage where there is an error."""
    file = f"{name}/config.ini"
    text = read_text(root, file)
    if isinstance(text, Fault):
        return None, [text.problem(file), *_check_requirements(root, name)]
    document = read_ini(file, text)
    check_names(document, SECTIONS)
    common = check_section(document, "default", schemas.STAGE)
    kind = _read_kind(document, common.get("STAGE_TYPE", ""))
    secrets = _read_secrets(document)
    script = common.get("EXECUTABLE_SCRIPT", "")
    if script:
        _check_script(root, name, script, document)
    problems = [*document.problems, *_check_requirements(root, name)]
    if kind is None or any(not problem.warning for problem in problems):
        return None, problems
    stage = Stage(
        name=StageName(name),
        kind=kind,
        script=script,
        args=common.get("ARGS", ()),
        cpu_request=common.get("CPU_REQUEST"),
        memory_request_mb=common.get("MEMORY_REQUEST_MB"),
        secrets=secrets,
        tree=tree,
    )
    return stage, problems


def _read_kind(document: Document, stage_type: str) -> Batch | Service | None:
    both = [name for name in ("batch", "service") if name in document.sections]
    if len(both) == 2:
        document.problems.append(
            Problem(
                document.file, document.lines[both[1]], both[1], "",
                "a stage has either [batch] or [service], not both",
                f"keep the one that STAGE_TYPE={stage_type or '…'} names",
            )
        )  # fmt: skip
        return None
    if both and stage_type and both != [stage_type]:
        document.problems.append(
            Problem(
                document.file, document.line_of("default", "STAGE_TYPE"), "default", "STAGE_TYPE",
                f"is {stage_type}, but the file has a section [{both[0]}]",
                f"set STAGE_TYPE={both[0]}, or rename the section to [{stage_type}]",
            )
        )  # fmt: skip
        return None
    kind = stage_type or (both[0] if both else "")
    if kind == "batch":
        return _batch(check_section(document, "batch", schemas.BATCH))
    if kind == "service":
        values = check_section(document, "service", schemas.SERVICE)
        _warn_of_port(document, values)
        return _service(values)
    return None


def _batch(values: Mapping[str, Any]) -> Batch | None:
    limit = values.get("MAX_COMPLETION_TIME_SECONDS")
    return Batch(limit, values.get("RETRIES", 0)) if limit else None


def _service(values: Mapping[str, Any]) -> Service | None:
    limit, port = values.get("MAX_STARTUP_TIME_SECONDS"), values.get("PORT")
    return Service(limit, values.get("REPLICAS", 1), port) if limit and port else None


def _warn_of_port(document: Document, values: Mapping[str, Any]) -> None:
    port = values.get("PORT")
    if port and port < 1024:
        document.problems.append(
            Problem(
                document.file, document.line_of("service", "PORT"), "service", "PORT",
                f"{port} may only be opened by root, and stages do not run as root",
                "choose a port of 1024 or above, such as 5000", warning=True,
            )
        )  # fmt: skip


def _read_secrets(document: Document) -> tuple[SecretVariable, ...]:
    found = []
    for variable, entry in document.section("secrets").items():
        fault = schemas.problem_with_variable(variable)
        hint = ""
        if not fault:
            fault = problem_with_label(entry.value)
            fault = f"the secret's name {shorten(entry.value)} {fault}" if fault else ""
            hint = "give the name of a secret, never its value" if fault else ""
        if fault:
            document.problems.append(
                Problem(document.file, entry.line, "secrets", shorten(variable), fault, hint)
            )
        found.append(SecretVariable(variable, entry.value))
    return tuple(found)


def _check_script(root: Path, name: str, script: str, document: Document) -> None:
    path = PurePosixPath(script)
    line = document.line_of("default", "EXECUTABLE_SCRIPT")
    if path.is_absolute() or ".." in path.parts or "\\" in script or "\0" in script:
        fault: Fault | None = Fault(
            f"{shorten(script)} is outside of the stage's folder",
            f"give a path within {name}/, such as main.py",
        )
    elif not all(each.isprintable() for each in script):
        fault = Fault(f"{shorten(script)} has characters that no file's name should have")
    elif path.suffix != ".py":
        fault = Fault(f"{shorten(script)} is no Python script", "its name must end in .py")
    else:
        fault = find_fault(root, f"{name}/{path}")
    if fault:
        problem = fault.problem(document.file, "default", "EXECUTABLE_SCRIPT", line)
        document.problems.append(problem)


def _check_requirements(root: Path, name: str) -> list[Problem]:
    file = f"{name}/requirements.txt"
    text = read_text(root, file)
    if isinstance(text, Fault):
        fault = text
        if fault.message.endswith("is missing") and not fault.hint:
            fault = Fault(fault.message, "an empty file says that the stage needs no packages")
        return [fault.problem(file)]
    hint = "write one requirement a line, such as pandas==2.2.3"
    return [
        Problem(file, line, "", "", f"pip cannot read {shorten(bad)}", hint)
        for line, bad in find_bad_lines(text)
    ]
