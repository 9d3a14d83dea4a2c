"""What a stage wants installed: with absolute paths, as a copy, and known by its content.

An installer runs outside of the stage's folder, where no module of the stage can stand in its way.
So paths are made absolute here, and what is editable becomes a normal installation: a link would
lead into files that are removed. `identity` is what decides whether two stages want the same.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bodywork.execution.content import digest_listing, digest_tree
from bodywork.execution.installer_settings import NAMING_FILES
from bodywork.execution.references import (
    GitReference,
    LocalPath,
    Reference,
    file_address,
    find_links_path,
    find_reference,
)
from bodywork.execution.requirement_files import FILE, Line, read_requirements

_NAME = re.compile(r"[A-Za-z0-9](?:[-_.A-Za-z0-9]*[A-Za-z0-9])?")
_BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in")
_MOVING = re.compile(r"\b(?:git|hg|bzr|svn)\+|tool\.uv\.sources")
Resolve = Callable[[GitReference], str]
"""Returns the commit that a reference means now; "" where that cannot be found out."""


@dataclass(frozen=True, slots=True)
class RequirementSet:
    """The lines of all requirements files of a stage.

    Attributes:
        lines: in their order.
        folder: the stage's; what relative paths are relative to.
    """

    lines: tuple[Line, ...]
    folder: Path

    @classmethod
    def read(cls, folder: Path, variables: Mapping[str, str]) -> "RequirementSet":
        """Read what the stage in this folder wants.

        Raises:
            UnreadableRequirements: a requirements file cannot be read.
        """
        return cls(read_requirements(folder / FILE, variables), folder)

    def render(self) -> tuple[str, str]:
        """Return the requirements and the constraints for an installer that runs elsewhere."""
        wanted: list[str] = []
        limits: list[str] = []
        for line in self.lines:
            (limits if line.constraint and not line.option else wanted).append(self._render(line))
        return "".join(f"{text}\n" for text in wanted), "".join(f"{text}\n" for text in limits)

    def names(self) -> list[str]:
        """Return the packages that must be there afterwards: those that no marker leaves out."""
        found = []
        for line in self.lines:
            name = _NAME.match(line.text)
            if name is None or line.option or line.constraint or ";" in line.text:
                continue
            if self._reference(line) is None or re.match(r"[^/:]+@", line.text):
                found.append(name[0])
        return found

    def editables(self) -> list[str]:
        """Return what was asked for as editable, and is installed as a copy."""
        return [line.text for line in self.lines if line.editable]

    def moving(self) -> list[GitReference]:
        """Return the references into Git repositories that mean another commit later."""
        return [
            found
            for line in self.lines
            if isinstance(found := self._reference(line), GitReference) and not found.is_fixed
        ]

    def resolved(self, resolve: Resolve) -> "RequirementSet":
        """Return it with the commits that its moving references mean now, as far as is known."""
        return replace(self, lines=tuple(self._resolve(line, resolve) for line in self.lines))

    def is_fixed(self) -> bool:
        """Say whether the same lines and files always mean the same versions of what is not from
        an index: no branch, no address without a hash."""
        return not any(self._moves(line) for line in self.lines)

    def identity(self, root: Path) -> Iterator[str]:
        """Yield texts that are equal for two sets where both want the same content installed.

        Args:
            root: the repository's files; what a project's build may read besides its own.
        """
        for line in self.lines:
            mark = "constraint " if line.constraint else ""
            yield f"{mark}{line.option} {self._identify(line, root)}"

    def _identify(self, line: Line, root: Path) -> str:
        if line.option == "--find-links":
            place = find_links_path(line.text, line.folder, self.folder)
            return digest_listing(place) if place else line.text
        found = self._reference(line)
        if not isinstance(found, LocalPath):
            return f"{line.text}{line.suffix}"
        name = "" if found.path.is_dir() else found.path.name
        around = f"{found.before}{name}{found.after}{line.suffix}"
        whole = digest_tree(root) if _reads_outside(found.path) else ""
        return f"{around} {digest_tree(found.path)} {whole}"

    def _moves(self, line: Line) -> bool:
        found = self._reference(line)
        if line.option in ("--requirement", "--constraint"):
            return True  # the file behind an address
        if isinstance(found, LocalPath):
            return any(_MOVING.search(text) for text in _build_files(found.path))
        return found is not None and not found.is_fixed

    def _render(self, line: Line) -> str:
        if line.option == "--find-links":
            place = find_links_path(line.text, line.folder, self.folder)
            return f"--find-links {file_address(place) if place else line.text}"
        if line.option:
            return f"{line.option} {line.text}".strip()
        found = self._reference(line)
        text = found.render() if isinstance(found, LocalPath) else line.text
        return f"{text}{line.suffix}"

    def _resolve(self, line: Line, resolve: Resolve) -> Line:
        found = self._reference(line)
        if not isinstance(found, GitReference) or found.is_fixed:
            return line
        commit = resolve(found)
        return replace(line, text=found.render(commit)) if commit else line

    def _reference(self, line: Line) -> Reference | None:
        return None if line.option else find_reference(line.text, line.suffix, self.folder)


def anchored(variables: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return an installer's variables with absolute paths: it runs outside of this folder."""
    paths = {}
    for name in NAMING_FILES:
        separator = "," if name == "UV_FIND_LINKS" else " "
        words = list(filter(None, variables.get(name, "").split(separator)))
        absolute = [str(folder / word) if (folder / word).exists() else word for word in words]
        if absolute:
            paths[name] = separator.join(absolute)
    return {**variables, **paths}


def identity_of_files(variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the content of what an installer's variables name: files, folders, or addresses."""
    for name in NAMING_FILES:
        for word in re.split(r"[\s,]+", variables.get(name, "")):
            path = Path(word.removeprefix("file://"))
            is_local = word and path.is_absolute() and path.exists()
            yield f"{name} {digest_listing(path) if is_local else word}"


def _build_files(project: Path) -> Iterator[str]:
    for name in _BUILD_FILES:
        try:
            yield (project / name).read_text("utf-8", errors="replace")
        except OSError:
            continue


def _reads_outside(project: Path) -> bool:
    """Say whether building a project may read files beside it: its build files mention `..`."""
    return any(".." in text for text in _build_files(project)) or (
        project.is_dir() and any(os.path.islink(project / name) for name in os.listdir(project))
    )
