"""`bodywork validate`: all that is wrong with a project's files, without running anything."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bodywork.cli import options, wiring
from bodywork.cli.exits import SUCCESS, USAGE, Ended, tell

if TYPE_CHECKING:
    from bodywork.errors import Problem

SCHEMA = 1
_EPILOG = """\b
Examples:
  bodywork validate .
  bodywork validate ~/projects/shop -o json

\b
Exit codes: 0 no errors (there may be warnings), 2 errors."""


@click.command(epilog=_EPILOG)
@click.argument("folder", type=click.Path(path_type=Path), metavar="PATH")
@options.path
@options.output("table", "json")
def validate(folder: Path, path: str, form: str) -> None:
    """Check a project's files without running anything.

    Reads bodywork.ini, and config.ini and requirements.txt of each stage. Lists all problems at
    once, each with its file and line, what is wrong and what to do. PATH is the project's folder,
    or its repository's with --path.
    """
    from bodywork.errors import UsageError

    if not folder.is_dir():
        raise UsageError(
            f"{folder}: {'is no folder' if folder.exists() else 'there is no such folder'}",
            hint="give the folder that holds bodywork.ini",
        )
    from bodywork.config import check_project, load_workflow, placed
    from bodywork.git.folder import locate_project

    repository, within = (folder, path) if path else locate_project(folder)
    problems = list(placed(check_project(repository, within), path))
    errors = sum(not problem.warning for problem in problems)
    if not errors and (
        too_large := wiring.problem_with_size(load_workflow(repository, path=within))
    ):
        problems.append(too_large)
        errors = 1
    click.echo(_as_json(problems) if form == "json" else _as_text(folder / path, problems, errors))
    if form != "json" and (note := _find_uncommitted(repository)):
        tell(note, label="note")
    raise Ended(USAGE if errors else SUCCESS)


def _find_uncommitted(repository: Path) -> str:
    """Return a note on files that are not committed: what was checked is not what would run."""
    from bodywork.git.folder import inspect_folder

    tree = inspect_folder(str(repository.absolute()))
    return tree.warning() if tree else ""


def _as_text(path: Path, problems: "list[Problem]", errors: int) -> str:
    from bodywork.cli.render import render_problems

    warnings = len(problems) - errors
    if not problems:
        return f"{path}: no problems found"
    counts = [_count(errors, "error")] if errors else []
    counts += [_count(warnings, "warning")] if warnings else []
    return f"{render_problems(problems)}\n{path}: {', '.join(counts)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _as_json(problems: "list[Problem]") -> str:
    from dataclasses import asdict

    from bodywork.cli.render import render_json

    valid = all(problem.warning for problem in problems)
    found = [asdict(problem) for problem in problems]
    return render_json({"schema": SCHEMA, "valid": valid, "problems": found})
