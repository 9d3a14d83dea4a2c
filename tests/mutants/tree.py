"""A copy of the repository in a temporary folder, in which one mutant at a time is at work."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("bodywork", "statemachine", "tests", "examples", "docs", "scripts", "pyproject.toml")
"""What tests read."""
_LONG_AGO = 1_000_000_000


class Tree:
    """The copy. The checkout that it is made of is never changed."""

    def __init__(self, folder: Path, source: Path = ROOT, parts: Iterable[str] = PARTS) -> None:
        self.folder = folder
        self._changes = 0
        for part in parts:
            _copy(source / part, folder / part)

    def environment(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the variables with which programs import this copy, and no other."""
        programs = str(Path(sys.executable).parent)
        path = f"{programs}{os.pathsep}{environ.get('PATH', '')}"
        return {**environ, "PYTHONPATH": str(self.folder), "PATH": path}

    @contextmanager
    def with_mutant(self, mutant: Mutant) -> Iterator[None]:
        """Have the mutant in the copy for as long as the context lasts. Raises `StaleMutant`.

        Python takes compiled code for up to date by the second of the source's last change, and
        by its size. So each change is given a second of its own.
        """
        path, changed = self.folder / mutant.file, mutant.changed_in(self.folder)
        before, original = path.stat().st_mtime_ns, path.read_bytes()
        self._changes += 1
        try:
            path.write_text(changed, "utf-8")
            os.utime(path, (_LONG_AGO + self._changes,) * 2)
            yield
        finally:
            path.write_bytes(original)
            os.utime(path, ns=(before, before))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)  # also what is compiled, which saves its time
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
