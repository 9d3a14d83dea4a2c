"""Whether pip will be able to read a requirements.txt: its form, line by line, not its packages.

The form is pip's (https://pip.pypa.io/en/stable/reference/requirements-file-format/); names,
versions and markers are those of PEP 508 and PEP 440. What only pip can know (whether a package
or an address exists) is left to it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bodywork.config.files import Fault, find_fault, read_text
from bodywork.config.hostile import shorten
from bodywork.config.ini import MOST_PROBLEMS
from bodywork.config.specifiers import problem_with_requirement
from bodywork.errors import Problem
from bodywork.model.redaction import redact

FILE = "requirements.txt"
LONGEST_LINE = 8192
FLAGS = ("--no-index", "--pre", "--prefer-binary", "--require-hashes")
WITH_VALUE = (
    "-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-f", "--find-links",
    "-i", "--index-url", "--extra-index-url", "--pypi-url", "--trusted-host",
    "--no-binary", "--only-binary", "--use-feature", "--no-build-isolation-package",
)  # fmt: skip
_FILES = ("-r", "--requirement", "-c", "--constraint")
_LINE_END = re.compile(r"\r\n|\r|\n")
_COMMENT = re.compile(r"(?:\A|\s)#.*")


def check_requirements(root: Path, stage: str) -> list[Problem]:
    """Return what is wrong with the stage's requirements.txt."""
    file = f"{stage}/{FILE}"
    text = read_text(root, file)
    if isinstance(text, Fault):
        hint = text.hint or "an empty file says that the stage needs no packages"
        return [replace(text.problem(file), hint=hint if text.missing else text.hint)]
    problems = []
    for number, line in _logical_lines(text):
        message, hint = _check_line(root, stage, line)
        if message:
            problems.append(Problem(file, number, "", "", message, hint))
        if len(problems) == MOST_PROBLEMS:
            message = "has more problems than are listed; mend these first"
            return [*problems, Problem(file, number, "", "", message)]
    return problems


def _check_line(root: Path, stage: str, line: str) -> tuple[str, str]:
    """Return what is wrong with a line and what to do, or two empty strings."""
    if len(line) > LONGEST_LINE:
        return f"the line has {len(line)} characters", "write one requirement a line"
    if line.startswith("-"):
        return _check_option(root, stage, redact(line))
    return problem_with_requirement(line)


def _check_option(root: Path, stage: str, line: str) -> tuple[str, str]:
    option, value = _split_option(line)
    if option in FLAGS:
        message = f"{option} takes no value, but {shorten(value)} follows"
        return (message, "") if value else ("", "")
    if option not in WITH_VALUE:
        import difflib  # only where something is wrong

        close = difflib.get_close_matches(option[:40], [*FLAGS, *WITH_VALUE], n=1)
        hint = f"did you mean {close[0]}?" if close else "see pip's Requirements File Format"
        return f"{shorten(option)} is no option for a requirements.txt", hint
    if not value:
        return f"{option} needs a value", ""
    if option in _FILES and "://" not in value and "$" not in value:
        return _check_file(root, stage, value)
    return "", ""


def _split_option(line: str) -> tuple[str, str]:
    """Split as pip does: `--name value`, `--name=value`, `-r file`, `-rfile`."""
    if not line.startswith("--"):
        return line[:2], line[2:].strip()
    option = re.split(r"[\s=]", line, maxsplit=1)[0]
    return option, line[len(option) :].lstrip(" \t=").strip()


def _check_file(root: Path, stage: str, value: str) -> tuple[str, str]:
    """Only a stage's own folder is there when its requirements are installed."""
    parts = [part for part in value.strip("\"'").split("/") if part not in ("", ".")]
    if value.startswith("/") or ".." in parts or not parts:
        return f"{shorten(value)} is outside of the stage's folder", f"copy it into {stage}/"
    fault = find_fault(root, "/".join([stage, *parts]))
    return (fault.sentence(), fault.hint) if fault else ("", "")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Join continued lines, drop comments and blank ones; keep the first line's number."""
    start, parts = 0, list[str]()
    for number, line in enumerate(_LINE_END.split(text), start=1):
        start = start or number
        body = _COMMENT.sub("", line, count=1)
        if body.endswith("\\") and body == line:
            parts.append(body[:-1])
            continue
        whole = "".join([*parts, body]).strip()
        if whole:
            yield start, whole
        start, parts = 0, []
    if rest := "".join(parts).strip():
        yield start, rest
