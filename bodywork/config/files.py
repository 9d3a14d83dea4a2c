"""Reading a project's files: regular ones, inside the project, small, and text.

A repository is somebody else's: a link could lead anywhere, a pipe could block for ever. So each
part of a path is looked at before, and what was opened is looked at again.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from bodywork.config.hostile import shorten
from bodywork.errors import Problem

LIMIT_BYTES = 1 << 20
UTF_16_HINT = (
    "save it as UTF-8; Windows PowerShell writes UTF-16 after `>`, and UTF-8 with "
    "`| Out-File -Encoding utf8 FILE`"
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file cannot be read.

    Attributes:
        name: the file's path, or that of the folder or link on the way to it.
        message: what is wrong, as the end of a sentence that begins with the name.
        missing: whether it does not exist.
    """

    name: str
    message: str
    hint: str = ""
    line: int = 0
    missing: bool = False

    def problem(self, file: str) -> Problem:
        """Return it as a problem of that file, which is named once."""
        return Problem(file, self.line, "", "", self.sentence(file), self.hint)

    def sentence(self, file: str = "") -> str:
        """Return what is wrong, as a sentence; `file` is named beside it already."""
        subject = "it" if self.name == shorten(file) else self.name
        return f"{subject} {self.message}"


def find_fault(root: Path, name: str) -> Fault | None:
    """Say why `name`, relative to the project, is no readable file within it, or return None."""
    told = shorten(name)
    place = root
    for part in name.split("/"):
        place = place / part
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            return Fault(told, "is missing", _hint_for_missing(place), missing=True)
        except (OSError, ValueError) as error:
            return Fault(told, f"cannot be read: {_reason(error)}")
        if stat.S_ISLNK(mode):
            link = shorten(str(place.relative_to(root)))
            return Fault(link, "is a symbolic link", "put what it leads to in its place")
    if not stat.S_ISREG(mode):
        return _irregular(told, mode)
    if not os.access(place, os.R_OK):
        return Fault(told, "cannot be read: Permission denied", f"chmod u+r {told}")
    return None


def read_text(root: Path, name: str) -> str | Fault:
    """Return the file's text, or why there is none."""
    fault = find_fault(root, name)
    if fault:
        return fault
    try:
        raw = _read(root / name)
    except OSError as error:
        return Fault(name, f"cannot be read: {_reason(error)}")
    if len(raw) > LIMIT_BYTES:
        return Fault(name, "is larger than 1 MiB", "keep data elsewhere; this file is text")
    if raw.startswith(_UTF_16):
        return Fault(name, "is UTF-16 text, not UTF-8", UTF_16_HINT)
    if b"\0" in raw:
        return Fault(name, "is binary, not text", line=_line(raw, raw.index(b"\0")))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Fault(name, "is not UTF-8", "save it as UTF-8", _line(raw, error.start))


def _read(place: Path) -> bytes:
    """Read what is there now; it may have been exchanged since it was looked at."""
    handle = os.open(place, _FLAGS)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "it is no regular file")
        return file.read(LIMIT_BYTES + 1)


def _irregular(told: str, mode: int) -> Fault:
    if stat.S_ISDIR(mode):
        return Fault(told, "is a folder, not a file")
    return Fault(told, "is not a regular file", "pipes, sockets and devices cannot be read")


def _hint_for_missing(place: Path) -> str:
    """Suggest the file that was probably meant."""
    near = find_near(place.name, place.parent)
    return f"did you mean {shorten(near)}?" if near else ""


def find_near(name: str, folder: Path) -> str:
    """Return the name in a folder that was probably meant, "" where none is near."""
    try:
        there = sorted(os.listdir(folder))
    except OSError:
        return ""
    import difflib  # only where something is wrong

    close = difflib.get_close_matches(name, there[:1000], n=1)
    return close[0] if close else ""


def _line(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or "unknown"
