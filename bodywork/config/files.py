"""Reading a project's files: regular ones, inside the project, small, and text.

A repository is somebody else's: a link could lead anywhere, a pipe could block for ever.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from bodywork.errors import Problem

LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file cannot be read."""

    message: str
    hint: str = ""
    line: int = 0

    def problem(self, file: str, section: str = "", key: str = "", line: int = 0) -> Problem:
        """Return it as a problem of that file, or of the line that names it."""
        return Problem(file, line or self.line, section, key, self.message, self.hint)


def find_fault(root: Path, name: str) -> Fault | None:
    """Say why `name`, relative to the project, is no readable file within it, or return None."""
    place = root
    for part in Path(name).parts:
        place = place / part
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            return Fault(f"{name} is missing", _hint_for_missing(root, name))
        except (OSError, ValueError) as error:
            return Fault(f"{name} cannot be read: {_reason(error)}")
        if stat.S_ISLNK(mode):
            return Fault(
                f"{place.relative_to(root)} is a symbolic link", "replace it by the file itself"
            )
    if stat.S_ISDIR(mode):
        return Fault(f"{name} is a folder, not a file")
    if not stat.S_ISREG(mode):
        return Fault(f"{name} is no regular file")
    if not os.access(place, os.R_OK):
        return Fault(f"{name} cannot be read: no permission", f"chmod u+r {name}")
    return None


def read_text(root: Path, name: str) -> str | Fault:
    """Return the file's text, or why there is none."""
    fault = find_fault(root, name)
    if fault:
        return fault
    try:
        with (root / name).open("rb") as file:
            raw = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        return Fault(f"{name} cannot be read: {_reason(error)}")
    if len(raw) > LIMIT_BYTES:
        return Fault(f"{name} is larger than 1 MiB")
    if b"\0" in raw:
        return Fault(f"{name} is binary, not text", line=_line(raw, raw.index(b"\0")))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Fault(f"{name} is not UTF-8", "save it as UTF-8", _line(raw, error.start))


def _hint_for_missing(root: Path, name: str) -> str:
    """Suggest the file that was probably meant."""
    folder = (root / name).parent
    try:
        there = sorted(os.listdir(folder))
    except OSError:
        return ""
    import difflib  # only where something is wrong

    close = difflib.get_close_matches(Path(name).name, there, n=1)
    return f"did you mean {close[0]}?" if close else ""


def _line(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or "unknown"
