"""The command line in this process, with a state folder of its own, and a project to run."""

import json
import logging
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bodywork.cli.exits import run
from bodywork.cli.program import program


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class CommandLine:
    """Runs commands on the embedded engine."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str) -> Said:
        self._capture.readouterr()
        code = run(program, words)
        told = self._capture.readouterr()
        return Said(code, told.out, told.err)

    def newest(self) -> str:
        """Return the name of the newest run."""
        return str(self("status", "-o", "json").json["runs"][0]["run"])


class Project:
    """A Git repository with stages."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir()
        self._git("init", "-q", "-b", "main", *options)

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def dag(self, text: str, log_level: str = "INFO") -> None:
        (self.folder / "bodywork.ini").write_text(
            "[default]\nPROJECT_NAME=shop\nDOCKER_IMAGE=python:3.12-slim\n"
            f"[workflow]\nDAG={text}\n[logging]\nLOG_LEVEL={log_level}\n"
        )

    def batch(self, name: str, script: str, *, cpu_request: float = 0) -> None:
        """Write a batch stage; with a request of little, many go on at once."""
        kind = f"CPU_REQUEST={cpu_request}\n" if cpu_request else ""
        kind += "[batch]\nMAX_COMPLETION_TIME_SECONDS=30\nRETRIES=0\n"
        self._stage(name, "batch", kind, script)

    def service(self, name: str, script: str) -> None:
        kind = "[service]\nMAX_STARTUP_TIME_SECONDS=30\nREPLICAS=1\nPORT=5000\n"
        self._stage(name, "service", kind, script)

    def commit(self) -> str:
        self._git("add", "-A")
        self._git("commit", "-q", "-m", "work")
        return self._git("rev-parse", "HEAD")

    def _stage(self, name: str, kind: str, section: str, script: str) -> None:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        head = f"[default]\nSTAGE_TYPE={kind}\nEXECUTABLE_SCRIPT=main.py\n"
        (folder / "config.ini").write_text(head + section)
        (folder / "requirements.txt").write_text("")
        (folder / "main.py").write_text(script)

    def _git(self, *words: str) -> str:
        who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        done = subprocess.run(
            ["git", *who, *words], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder for the embedded engine, which is the default one."""
    folder = tmp_path / "home"
    monkeypatch.setenv("BODYWORK_HOME", str(folder))
    monkeypatch.setenv("BODYWORK_ENGINE", "local")
    monkeypatch.delenv("BODYWORK_NAMESPACE", raising=False)
    monkeypatch.delenv("BODYWORK_DEBUG", raising=False)
    return folder


@pytest.fixture
def bodywork(home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[CommandLine]:
    """The command line; what it does to this process's log is undone."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield CommandLine(capsys)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    """A project of two batch stages that say hello."""
    project = Project(tmp_path / "shop")
    project.dag("one >> two")
    project.batch("one", "print('hello from one')\n")
    project.batch("two", "print('hello from two')\n")
    project.commit()
    return project
