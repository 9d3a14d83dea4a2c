"""A project's folder as a validated `Workflow`, or as the list of everything that is wrong."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bodywork.config import schemas
from bodywork.config.dag import parse_dag
from bodywork.config.files import Fault, read_text
from bodywork.config.ini import Document, read_ini, shorten
from bodywork.config.sections import check_names, check_section, suggest
from bodywork.config.stages import read_stage
from bodywork.errors import ConfigError, Problem
from bodywork.model.names import (
    LABEL_LENGTH,
    ProjectName,
    StageName,
    kubernetes_form,
    service_name,
)
from bodywork.model.stage import Stage
from bodywork.model.workflow import Workflow

FILE = "bodywork.ini"
SECTIONS = ("default", "workflow", "logging")


def load_workflow(folder: Path, trees: Mapping[str, str] | None = None) -> Workflow:
    """Read and validate a project.

    Args:
        folder: its root.
        trees: Git's tree id of each top-level folder, for `Stage.tree`.

    Raises:
        ConfigError: with every problem of every file.
    """
    workflow, problems = _read(folder, trees or {})
    if workflow is None:
        raise ConfigError(problems)
    return workflow


def check_project(folder: Path) -> Sequence[Problem]:
    """Return all problems and warnings of a project, by file and line."""
    return _read(folder, {})[1]


def _read(root: Path, trees: Mapping[str, str]) -> tuple[Workflow | None, Sequence[Problem]]:
    text = read_text(root, FILE)
    if isinstance(text, Fault):
        return None, [text.problem(FILE)]
    document = read_ini(FILE, text)
    check_names(document, SECTIONS)
    project = check_section(document, "default", schemas.PROJECT)
    flow = check_section(document, "workflow", schemas.WORKFLOW)
    logging = check_section(document, "logging", schemas.LOGGING, needed=False)
    steps = _read_steps(document, flow)
    names = list(dict.fromkeys(name for step in steps for name in step))
    failure = flow.get("RUN_ON_FAILURE", "")
    _check_names(
        document, project.get("PROJECT_NAME", ""), [*names, *([failure] if failure else [])]
    )
    stages, problems = _read_stages(root, document, names, failure, trees)
    problems = sorted(
        [*document.problems, *problems, *_unused(root, [*names, failure])], key=_place
    )
    if any(not problem.warning for problem in problems):
        return None, problems
    workflow = Workflow(
        project=ProjectName(project["PROJECT_NAME"]),
        image=project["DOCKER_IMAGE"],
        steps=tuple(tuple(StageName(name) for name in step) for step in steps),
        stages=stages,
        log_level=logging.get("LOG_LEVEL", "INFO"),
        rollback_scope=flow.get("ROLLBACK_SCOPE", "run"),
        run_on_failure=StageName(failure) if failure else None,
    )
    return workflow, problems


def _read_steps(document: Document, flow: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    if "DAG" not in flow:
        return ()
    steps, faults = parse_dag(flow["DAG"])
    line = document.line_of("workflow", "DAG")
    for fault in faults:
        hint = "write steps as: first >> second-a, second-b >> third"
        document.problems.append(Problem(FILE, line, "workflow", "DAG", fault, hint))
    return steps


def _read_stages(
    root: Path, document: Document, names: Sequence[str], failure: str, trees: Mapping[str, str]
) -> tuple[dict[StageName, Stage], list[Problem]]:
    stages: dict[StageName, Stage] = {}
    problems: list[Problem] = []
    folders = _folders(root)
    wanted = [(name, "DAG") for name in names]
    if failure in names:
        message = f"{shorten(failure)} stands in the DAG; it would run twice"
        problems.append(_at(document, "RUN_ON_FAILURE", message))
    elif failure:
        wanted.append((failure, "RUN_ON_FAILURE"))
    for name, key in wanted:
        if name not in folders:
            message = _missing(root, name)
            problems.append(_at(document, key, message, suggest(name, folders)))
            continue
        stage, found = read_stage(root, name, trees.get(name, ""))
        problems += found
        if stage:
            stages[stage.name] = stage
    if StageName(failure) in stages and stages[StageName(failure)].type != "batch":
        message = f"{shorten(failure)} is a service; only a batch stage can run on failure"
        problems.append(_at(document, "RUN_ON_FAILURE", message))
    return stages, problems


def _missing(root: Path, name: str) -> str:
    if (root / name).is_symlink():
        return f"the folder of stage {shorten(name)} is a symbolic link"
    if (root / name).exists():
        return f"stage {shorten(name)} is a file, not a folder"
    return f"stage {shorten(name)} has no folder"


def _check_names(document: Document, project: str, names: Sequence[str]) -> None:
    forms: dict[str, str] = {}
    for name in names:
        form = kubernetes_form(name)
        other = forms.setdefault(form, name)
        if other != name:
            message = f"stages {other} and {name} would both be called {form} in Kubernetes"
            document.problems.append(_at(document, "DAG", message, "rename one of them"))
        full = service_name(project, name)
        if project and len(full) > LABEL_LENGTH:
            message = f"{full} has {len(full)} characters; Kubernetes allows {LABEL_LENGTH}"
            hint = "shorten PROJECT_NAME or the stage's name"
            document.problems.append(_at(document, "DAG", message, hint))
    if project and not kubernetes_form(project)[0].isalpha():
        line = document.line_of("default", "PROJECT_NAME")
        message = f"{project} does not begin with a letter, as a Kubernetes Service must"
        document.problems.append(Problem(FILE, line, "default", "PROJECT_NAME", message))


def _unused(root: Path, names: Iterable[str]) -> list[Problem]:
    """Warn of folders that look like stages and are none."""
    used = set(names)
    message = "the folder looks like a stage, but the DAG does not name it"
    return [
        Problem(f"{folder}/config.ini", 0, "", "", message, "add it to the DAG", warning=True)
        for folder in _folders(root)
        if folder not in used and (root / folder / "config.ini").is_file()
    ]


def _folders(root: Path) -> list[str]:
    with os.scandir(root) as entries:
        return sorted(
            each.name
            for each in entries
            if each.is_dir(follow_symlinks=False) and not each.name.startswith(".")
        )


def _at(document: Document, key: str, message: str, hint: str = "") -> Problem:
    return Problem(FILE, document.line_of("workflow", key), "workflow", key, message, hint)


def _place(problem: Problem) -> tuple[bool, str, int]:
    return problem.file != FILE, problem.file, problem.line
