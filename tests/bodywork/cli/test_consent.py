"""Code runs only where its user has named it: a record decides nothing."""

import sys
from pathlib import Path

import pytest

from bodywork.model.names import Namespace, RunName
from bodywork.workflow.execute import definition_of
from bodywork.workflow.hooks import find_unnamed, load_hooks
from bodywork.workflow.progress import Progress, Request
from bodywork.workflow.record import render_progress
from statemachine.checkpoint import Checkpoint
from statemachine.outcome import Advance, Wait
from statemachine.runner import Runner
from statemachine.stores.file import FileStore
from tests.bodywork.cli.conftest import CommandLine

HOOK = "planted_hook:main"
COMMANDS = {
    "resume": ["workflow", "--resume", "--run", "run-1"],
    "take over": ["workflow", "--resume", "--run", "run-1", "--take-over"],
    "other code": ["workflow", "--resume", "--run", "run-1", "--branch", "other"],
    "by name": ["workflow", "/absent", "main", "--as", "run-1"],
    "retried": ["workflow", "/absent", "main", "--as", "run-1", "--retries", "2"],
    "the branch's last": ["workflow", "/absent", "main", "--on-unfinished", "resume"],
    "superseded": ["workflow", "/absent", "main", "--on-unfinished", "supersede"],
    "cancel": ["cancel", "run-1"],
}


def never(checkpoint: Checkpoint) -> Advance | Wait:
    raise AssertionError("the run is only put on record")


@pytest.fixture
def planted(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module that somebody's record names; the file appears when it is run."""
    request = Request(Namespace("default"), "/absent", "main", hooks=(HOOK,))
    runs = FileStore(home / "namespaces/default/runs")
    runner = Runner(runs, definition_of, lambda _: never, writer="w", software="x")
    runner.create("run-1", render_progress(Progress(RunName("run-1"), request)))
    folder = tmp_path / "checkout"
    folder.mkdir()
    ran = folder / "ran"
    code = f"open({str(ran)!r}, 'w').close()\ndef main(event): pass\n"
    (folder / "planted_hook.py").write_text(code)
    monkeypatch.setenv("BODYWORK_ENGINE", "local")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    monkeypatch.delitem(sys.modules, "planted_hook", raising=False)
    return ran


@pytest.mark.parametrize("name", COMMANDS)
def test_a_record_imports_nothing_and_the_command_says_so(
    name: str, planted: Path, bodywork: CommandLine
) -> None:
    before = list(sys.path)
    said = bodywork(*COMMANDS[name])
    assert not planted.exists()
    assert sys.path == before
    assert f"does not: {HOOK}" in said.err
    assert f"hint: where you trust them: --hook {HOOK}" in said.err


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_command_line_names_is_imported_without_a_word(
    name: str, planted: Path, bodywork: CommandLine
) -> None:
    said = bodywork(*COMMANDS[name], "--hook", HOOK)
    assert planted.exists()
    assert "does not: " not in said.err


def test_the_hooks_of_installed_packages_need_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    point = type("Point", (), {"value": "os.path:exists"})
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])
    monkeypatch.setattr("bodywork.workflow.hooks._has_entry_points", lambda: True)
    assert find_unnamed(["os.path:exists", HOOK, HOOK], []) == (HOOK,)
    before = list(sys.path)
    assert load_hooks(()).find("os.path:exists")
    assert sys.path == before
