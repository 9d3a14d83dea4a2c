"""A stage's requirements.txt and all files that it includes, as one list of lines.

The form is pip's (https://pip.pypa.io/en/stable/reference/requirements-file-format/): comments,
continued lines, `${VARIABLES}`, options in any spelling, `-r` and `-c` relative to the including
file, other paths relative to the stage's folder.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bodywork.errors import EngineError
from bodywork.model.redaction import redact

FILE = "requirements.txt"
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


class UnreadableRequirements(EngineError):
    """The requirements cannot be read; trying again will not help."""


@dataclass(frozen=True, slots=True)
class Line:
    """A requirement, or an option that holds for all of them.

    Attributes:
        text: the requirement without its options; of an option, its value ("" for a flag).
        option: the long name of an option, such as `--index-url`; "" for a requirement.
        suffix: the options of a requirement as written, such as ` --hash=sha256:…`.
        constraint: whether it only limits versions.
        editable: whether it was written with `-e`.
        folder: where the file with the line is.
    """

    text: str
    option: str
    suffix: str
    constraint: bool
    editable: bool
    folder: Path


def read_requirements(file: Path, variables: Mapping[str, str]) -> tuple[Line, ...]:
    """Return the lines of a requirements file and of those that it includes; () if it is missing.

    Args:
        variables: what `${NAME}` in the files stands for.

    Raises:
        UnreadableRequirements: a file is missing, is not text, or has an option that is not pip's.
    """
    if not os.path.lexists(file):
        return ()
    return tuple(_read(file, variables, constraint=False, including=()))


def _read(
    file: Path, variables: Mapping[str, str], *, constraint: bool, including: tuple[Path, ...]
) -> Iterator[Line]:
    if file in including:
        raise UnreadableRequirements(f"{_shown(file)} includes itself")
    for text in _logical_lines(_decode(file)):
        yield from _parse(_expand(text, variables), file, variables, constraint, including)


def _parse(
    text: str,
    file: Path,
    variables: Mapping[str, str],
    constraint: bool,
    including: tuple[Path, ...],
) -> Iterator[Line]:
    requirement, suffix = _split(text)
    if requirement:
        yield Line(requirement, "", suffix, constraint, False, file.parent)
        return
    for name, value in _options(text, file):
        if name == "--editable":
            # pip takes it for a folder also where it has no slash.
            path = value if re.match(r"[./]|.*(?::|@)", value) else f"./{value}"
            yield Line(path, "", "", constraint, True, file.parent)
        elif name in ("--requirement", "--constraint") and "://" not in value:
            nested = Path(os.path.normpath(file.parent / value))
            is_limit = name == "--constraint"
            yield from _read(nested, variables, constraint=is_limit, including=(*including, file))
        else:
            yield Line(value, name, "", False, False, file.parent)


def _split(text: str) -> tuple[str, str]:
    """Return the requirement and its options: those begin with the first word that has a dash."""
    words = text.split(" ")
    first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    requirement = " ".join(words[:first]).strip()
    return requirement, "".join(f" {word}" for word in words[first:]) if requirement else ""


def _options(text: str, file: Path) -> list[tuple[str, str]]:
    from bodywork.execution.requirement_options import parse_options  # most stages have none

    try:
        return parse_options(text)
    except ValueError as error:
        raise UnreadableRequirements(
            f"{_shown(file)}: the line {redact(text)} cannot be read: {redact(str(error))}",
            hint="the options of a requirements.txt are described in pip's documentation",
        ) from error


def _logical_lines(text: str) -> Iterator[str]:
    """Join continued lines; drop comments and blank lines."""
    parts: list[str] = []
    for line in text.splitlines():
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            parts.append(line.rstrip("\\"))
            continue
        parts.append(f" {line}" if is_comment else line)  # else it would end the word before
        if whole := _COMMENT.sub("", "".join(parts)).strip():
            yield whole
        parts = []
    if whole := _COMMENT.sub("", "".join(parts)).strip():
        yield whole


def _expand(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1]) or found[0], text)


def _decode(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # An encoding that pip knows by its first bytes is refused as well: uv knows only this one.
        raise UnreadableRequirements(
            f"{_shown(file)} is not UTF-8 text", hint="save it as UTF-8"
        ) from error
    except OSError as error:
        raise UnreadableRequirements(
            f"{_shown(file)} cannot be read: {error.strerror}",
            hint="files that -r and -c name are looked for beside the file that names them",
        ) from error


def _shown(file: Path) -> str:
    """Return the file's name with that of its folder: the rest is a place of ours."""
    return "/".join(file.parts[-2:])
