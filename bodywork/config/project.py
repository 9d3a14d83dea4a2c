"""A project's folder as a validated `Workflow`, or as the list of everything that is wrong."""

import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bodywork.config import schemas
from bodywork.config.dag import parse_dag
from bodywork.config.files import Fault, read_text
from bodywork.config.folders import (
    NO_FOLDER,
    fault_of_folder,
    fault_of_path,
    fault_of_root,
    find_submodules,
    folders_of,
    is_empty,
    unused_folders,
)
from bodywork.config.hostile import shorten
from bodywork.config.ini import Document, read_ini
from bodywork.config.scopes import identify_stages
from bodywork.config.sections import check_names, check_section, hint_for_comment, suggest
from bodywork.config.stages import read_stage
from bodywork.errors import ConfigError, Problem
from bodywork.model.names import (
    LABEL_LENGTH,
    ProjectName,
    StageName,
    kubernetes_form,
    problem_with_name,
    service_name,
)
from bodywork.model.stage import Stage
from bodywork.model.tree import Entry, is_within
from bodywork.model.workflow import PROJECT_FILE, Workflow

FILE = PROJECT_FILE
SECTIONS = ("default", "workflow", "logging")
_FEW = 3
_STEPS = "write steps as: first >> second-a, second-b >> third"


def load_workflow(
    repository: Path, entries: Mapping[str, Entry] | None = None, *, path: str = ""
) -> Workflow:
    """Read and validate a project.

    Args:
        repository: the root of its repository's files.
        entries: what stands at each path of the commit, for `Stage.tree` and `Stage.shared_id`.
        path: the project's folder in the repository, "" for all of it.

    Raises:
        ConfigError: with every problem of every file.
    """
    workflow, problems = _read(repository, path)
    if workflow is None:
        raise ConfigError(placed(problems, path))
    has_submodules = bool(load_submodules(repository / path))
    return identify_stages(workflow, repository, entries or {}, has_submodules=has_submodules)


def load_stage(repository: Path, name: str, path: str = "") -> Stage:
    """Read and validate one stage's folder of a project; `path` as for `load_workflow`.

    Raises:
        ConfigError: with every problem of its files.
    """
    if problem := _problem_with_path(repository, path):
        raise ConfigError([problem])
    if fault := problem_with_name(name) or fault_of_folder(repository / path, name):
        raise ConfigError([Problem(".", 0, "", "", f"stage {shorten(name)} {fault}")])
    stage, problems = read_stage(repository, path, name)
    if stage is None:
        raise ConfigError(placed(problems, path))
    return stage


def placed(problems: Sequence[Problem], path: str) -> Sequence[Problem]:
    """Return problems of a project's files with their paths as from the repository's root."""
    if not path:
        return problems
    return [replace(each, file=posixpath.normpath(f"{path}/{each.file}")) for each in problems]


def load_project_name(folder: Path) -> ProjectName:
    """Read a project's name; the rest of the project may be broken.

    Raises:
        ConfigError: bodywork.ini cannot be read, or gives no name.
    """
    text = read_text(folder, FILE)
    if isinstance(text, Fault):
        raise ConfigError([text.problem(FILE)])
    document = read_ini(FILE, text)
    project = check_section(document, "default", schemas.PROJECT)
    if "PROJECT_NAME" not in project:
        raise ConfigError(document.problems)
    return ProjectName(project["PROJECT_NAME"])


def load_submodules(folder: Path) -> bool | None:
    """Return whether a project's SUBMODULES says yes; None where it says nothing.

    Never raises: that a file is wrong is said by whoever reads all of it.
    """
    text = read_text(folder, FILE)
    entry = None if isinstance(text, Fault) else read_ini(FILE, text).section("workflow")
    value = entry["SUBMODULES"].value if entry and "SUBMODULES" in entry else ""
    return {"yes": True, "no": False}.get(value)


def check_project(repository: Path, path: str = "") -> Sequence[Problem]:
    """Return all problems and warnings of a project: bodywork.ini's first, then by file and line.

    `path` as for `load_workflow`; files are named as from there.

    An empty sequence, or one of warnings only, means that `load_workflow` succeeds.
    """
    return _read(repository, path)[1]


def _problem_with_path(repository: Path, path: str) -> Problem | None:
    """Say why a project's folder is none that a commit holds, or return None."""
    if fault := fault_of_path(repository, path):
        return fault.problem(".")
    if path and not (repository / path).is_dir():
        return Problem(".", 0, "", "", f"{shorten(path)} is a file, not a folder")
    return None


def _read(repository: Path, path: str) -> tuple[Workflow | None, Sequence[Problem]]:
    if problem := _problem_with_path(repository, path):
        return None, [problem]
    root = repository / path
    if fault := fault_of_root(root):
        return None, [fault.problem(".")]
    text = read_text(root, FILE)
    if isinstance(text, Fault):
        return None, [text.problem(FILE)]
    document = read_ini(FILE, text)
    check_names(document, SECTIONS)
    project = check_section(document, "default", schemas.PROJECT)
    flow = check_section(document, "workflow", schemas.WORKFLOW)
    logging = check_section(document, "logging", schemas.LOGGING, needed=False)
    steps, is_sound = _read_steps(document, flow)
    wanted = _wanted(document, steps, flow.get("RUN_ON_FAILURE", ""))
    _check_names(document, project.get("PROJECT_NAME", ""), wanted)
    lost = _check_submodules(repository, path, document, wanted, flow.get("SUBMODULES", ""))
    stages, problems = _read_stages(repository, path, document, wanted, lost)
    unused = unused_folders(root, wanted) if wanted and is_sound else []
    problems = sorted([*document.problems, *problems, *unused], key=_place)
    if any(not problem.warning for problem in problems):
        return None, problems
    failure = flow.get("RUN_ON_FAILURE")
    workflow = Workflow(
        project=ProjectName(project["PROJECT_NAME"]),
        image=project.get("DOCKER_IMAGE", ""),
        steps=tuple(tuple(StageName(name) for name in step) for step in steps),
        stages=stages,
        log_level=logging.get("LOG_LEVEL", "INFO"),
        rollback_scope=flow.get("ROLLBACK_SCOPE", "run"),
        run_on_failure=StageName(failure) if failure else None,
    )
    return workflow, problems


def _read_steps(
    document: Document, flow: Mapping[str, Any]
) -> tuple[tuple[tuple[str, ...], ...], bool]:
    """Return the steps, and whether the DAG is well formed: whether all its names are known."""
    if "DAG" not in flow:
        return (), False
    steps, faults = parse_dag(flow["DAG"])
    for fault in faults:
        document.complain("workflow", "DAG", fault, hint_for_comment(flow["DAG"]) or _STEPS)
    return steps, not faults


def _wanted(document: Document, steps: Sequence[Sequence[str]], failure: str) -> Mapping[str, str]:
    """Return the stages that have a name, each with the key that names it."""
    named = {name: "DAG" for step in steps for name in step if not problem_with_name(name)}
    if failure in named:
        message = f"{failure} stands in the DAG; it would run twice"
        document.complain("workflow", "RUN_ON_FAILURE", message)
    elif failure:
        named[failure] = "RUN_ON_FAILURE"
    return named


def _read_stages(
    repository: Path,
    path: str,
    document: Document,
    wanted: Mapping[str, str],
    lost: Collection[str],
) -> tuple[dict[StageName, Stage], list[Problem]]:
    """Read each stage's folder; only a stage without an error is returned."""
    stages: dict[StageName, Stage] = {}
    problems: list[Problem] = []
    root = repository / path
    folders = folders_of(root)
    for name, key in wanted.items():
        if name in lost:
            continue
        if name not in folders:
            fault = fault_of_folder(root, name) or NO_FOLDER
            near = fault == NO_FOLDER and not document.full
            hint = suggest(name, folders) if near else ""
            document.complain("workflow", key, f"stage {shorten(name)} {fault}", hint)
            continue
        stage, found = read_stage(repository, path, name)
        problems += found
        if stage:
            stages[stage.name] = stage
            if key == "RUN_ON_FAILURE" and stage.type != "batch":
                message = f"{name} is a service; only a batch stage can run on failure"
                document.complain("workflow", key, message)
    return stages, problems


def _check_submodules(
    repository: Path, path: str, document: Document, wanted: Mapping[str, str], answer: str
) -> Collection[str]:
    """Complain about a stage that is a submodule, and warn of others, where none are fetched.

    Returns:
        The stages that are empty for that reason.
    """
    if answer == "yes":
        return ()
    within = f"{path}/" if path else ""
    paths = [each.removeprefix(within) for each in find_submodules(repository)]
    inside = [name for name in wanted if any(is_within(path, {name}) for path in paths)]
    for name in inside:
        what = "is a submodule" if name in paths else "has a submodule in it"
        message = f"stage {shorten(name)} {what}, whose files are not fetched"
        hint = "SUBMODULES=yes in [workflow] of bodywork.ini fetches them"
        is_lost = name in paths
        if is_lost or not answer:
            document.complain("workflow", wanted[name], message, hint, warning=not is_lost)
    others = [path for path in paths if not any(is_within(path, {name}) for name in inside)]
    if others and not answer:
        few = ", ".join(shorten(path) for path in others[:_FEW]) + ", …" * (len(others) > _FEW)
        message = f"the repository has submodules, whose files are not fetched ({few})"
        hint = "SUBMODULES=yes in this section fetches them; SUBMODULES=no says that none is needed"
        document.complain("workflow", "", message, hint, warning=True)
    return [name for name in inside if name in paths and is_empty(repository / path / name)]


def _check_names(document: Document, project: str, wanted: Mapping[str, str]) -> None:
    """Complain about names that collide, or become too long, in Kubernetes."""
    forms: dict[str, str] = {}
    for name, key in wanted.items():
        form = kubernetes_form(name)
        other = forms.setdefault(form, name)
        if other != name:
            message = f"stages {other} and {name} would both be called {form} in Kubernetes"
            document.complain("workflow", key, message, "rename one of them")
        full = service_name(project, name)
        if project and len(full) > LABEL_LENGTH:
            message = (
                f"the name of stage {name} in Kubernetes, PROJECT_NAME--{form}, has {len(full)} "
                f"characters; {LABEL_LENGTH} are possible"
            )
            hint = "shorten PROJECT_NAME or the stage's name"
            document.complain("workflow", key, message, hint)
    if project and not project[0].isalpha():
        message = f"{project} does not begin with a letter, as a Kubernetes Service must"
        document.complain("default", "PROJECT_NAME", message)


def _place(problem: Problem) -> tuple[bool, str, int]:
    return problem.file != FILE, problem.file, problem.line
