"""Builds one environment: `python -m bodywork.local.build FOLDER ATTEMPT`, in the stage's folder.

Run by a supervisor; what it prints goes into the stage's log. Of several builders of one
environment, one builds and the others wait. A build that was killed leaves nothing that is used.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bodywork.execution.commits import find_commit
from bodywork.execution.installation_errors import InstallationFailed
from bodywork.execution.installer_settings import installer_variables
from bodywork.execution.installers import find_uv
from bodywork.execution.python_environment import (
    KEPT_LINES,
    Installation,
    ToolResult,
    make_environment,
)
from bodywork.execution.requirement_files import UnreadableRequirements
from bodywork.local.environments import FAILED, HOPELESS, SHIM, Wish
from bodywork.local.supervisor import kept
from bodywork.local.supervisor.copying import remove_tree
from bodywork.local.supervisor.files import make_folder
from bodywork.model.redaction import hide, hide_bytes

PTH = "import bodywork_local_network\n"


def main(arguments: Sequence[str]) -> None:
    """Build, unless it is built by now; exit with FAILED or HOPELESS where that is impossible."""
    folder, attempt = Path(arguments[0]), json.loads(arguments[1])
    secrets = [os.environ.get(name, "") for name in attempt["secrets"]]
    try:
        root = Path.cwd().parents[len(Path(attempt["folder"]).parts) - 1]
        wish = Wish.read(root, attempt["folder"], os.environ, attempt["run"])
        Builder(folder, wish, attempt, secrets).ensure()
    except (InstallationFailed, UnreadableRequirements) as error:
        final = getattr(error, "final", True)
        os.write(1, hide(f"error: {error.message}\n", secrets).encode("utf-8", "replace"))
        sys.exit(HOPELESS if final else FAILED)


class Builder:
    """Makes one environment for a stage."""

    def __init__(
        self, folder: Path, wish: Wish, attempt: Mapping[str, Any], secrets: Sequence[str]
    ) -> None:
        self._folder = folder
        self._wish = wish
        self._attempt = attempt
        self._is_as_named = wish.name() == folder.name  # before a build leaves files in the project
        self._not_before = float(attempt["not_before"])
        self._secrets = secrets

    def ensure(self) -> None:
        """Build under the lock of the environment's name, unless it is there by now.

        Raises:
            InstallationFailed: it cannot be built.
        """
        make_folder(str(self._folder.parent))
        lock = os.open(f"{self._folder}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say("waiting for another stage that builds the same environment")
                fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._is_there():
                self._ensure_locked()
        finally:
            os.close(lock)

    def _ensure_locked(self) -> None:
        wanted = self._wish.wanted
        if wanted.moving():
            fixed = wanted.resolved(
                lambda found: find_commit(found, self._wish.variables, Path("/"))
            )
            resolved = self._wish.resolved(fixed)
            name = resolved.name()
            if fixed != wanted and name != self._folder.name:
                target = self._folder.with_name(name)
                Builder(target, resolved, self._attempt, self._secrets).ensure()
                kept.lead_to(str(self._folder), kept.tree_of(str(target)))
                return
        self._build()

    def _build(self) -> None:
        before = kept.tree_of(str(self._folder))
        if before and kept.was_changed(before):
            self._say("a stage has changed the environment since it was made; making it anew")
        for text in self._wish.wanted.editables():
            self._say(
                f"-e {text} is installed as a copy: the files of a run are removed at its end"
            )
        tree = Path(kept.new_tree(str(self._folder), os.urandom(4).hex()))
        try:
            make_environment(self._installation(tree), self._call)
            _add_shim(tree)
            self._record(tree)
            kept.lead_to(str(self._folder), str(tree))
        except BaseException:
            remove_tree(str(tree))
            raise
        if before:
            kept.remove_unused(before)

    def _installation(self, tree: Path) -> Installation:
        variables = self._wish.variables or installer_variables(os.environ)
        return Installation(
            self._attempt["stage"], tree, sys.executable, find_uv(sys.executable, variables),
            self._wish.wanted, variables, refresh=bool(self._not_before),
        )  # fmt: skip

    def _record(self, tree: Path) -> None:
        marker = {
            # Settings may have changed since the name was chosen: then nobody else may share it.
            "only_for": "" if self._is_as_named else self._attempt["uid"],
            "made_at": time.time(),
            "python": sys.version.split()[0],
            "packages": self._wish.wanted.names(),
        }
        kept.record(str(tree), marker)

    def _is_there(self) -> bool:
        held = kept.hold(str(self._folder), self._attempt["uid"], self._not_before)
        if held is not None:
            os.close(held)
        return held is not None

    def _call(
        self, command: Sequence[str], folder: Path, variables: Mapping[str, str]
    ) -> ToolResult:
        """Run a tool, and pass on what it prints; the address of an index may hold a password."""
        last: deque[bytes] = deque(maxlen=KEPT_LINES)
        with subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(variables),
        ) as tool:
            for line in tool.stdout or ():
                last.append(line)
                os.write(1, hide_bytes(line, self._secrets))
        return ToolResult(tool.returncode, b"".join(last).decode("utf-8", "replace"))

    def _say(self, text: str) -> None:
        os.write(1, hide_bytes(f"{text}\n".encode("utf-8", "surrogateescape"), self._secrets))


def _add_shim(tree: Path) -> None:
    [packages] = (tree / "lib").glob("python*/site-packages")
    packages.joinpath("bodywork_local_network.py").write_bytes(SHIM.read_bytes())
    packages.joinpath("bodywork_local_network.pth").write_text(PTH)
