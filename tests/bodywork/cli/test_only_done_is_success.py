"""Exit code 0 means done: no exception, of whatever kind and from wherever, is taken for that."""

import asyncio
import errno
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from bodywork.cli import exits
from bodywork.cli.exits import run
from bodywork.errors import BodyworkError
from statemachine import errors as machine
from statemachine.store import Stored, load_all
from statemachine.stores.file import FileStore
from tests.bodywork.cli.conftest import CommandLine, Project


class Unheard(BaseException):
    """Some library's own way out."""


RAISED: dict[str, Callable[[], BaseException]] = {
    "SystemExit": SystemExit,
    "SystemExit(0)": lambda: SystemExit(0),
    "SystemExit(256)": lambda: SystemExit(256),
    "SystemExit(text)": lambda: SystemExit("WEBHOOK_URL is not set"),
    "GeneratorExit": GeneratorExit,
    "CancelledError": asyncio.CancelledError,
    "StopIteration": StopIteration,
    "Unheard": Unheard,
    "BrokenPipeError": lambda: BrokenPipeError(errno.EPIPE, "Broken pipe"),
    "ConnectionResetError": lambda: ConnectionResetError(errno.ECONNRESET, "reset"),
    "EOFError": EOFError,
    "KeyboardInterrupt": KeyboardInterrupt,
    "MemoryError": MemoryError,
    "RecursionError": RecursionError,
    "click.Abort": click.Abort,
    "BodyworkError": lambda: BodyworkError("x"),
    "Interrupted": lambda: machine.Interrupted("stopped"),
    "StoreUnavailable": lambda: machine.StoreUnavailable("x"),
    "OSError": lambda: OSError(errno.EIO, "Input/output error"),
    "ValueError": lambda: ValueError("I/O operation on closed file."),
}
WAYS_OUT = [
    *("SystemExit", "SystemExit(0)", "GeneratorExit", "CancelledError", "Unheard"),
    *("BrokenPipeError", "EOFError", "ValueError"),
]
PLACES = {
    "import of a hook": "importlib.import_module",
    "composition": "bodywork.cli.wiring.open_place",
    "choice of the run": "bodywork.cli.choice.choose",
    "creation of the record": "statemachine.stores.file.FileStore.create",
    "save of the record": "statemachine.stores.file.FileStore.save",
    "start of git": "bodywork.git.command.Git._started",
    "output of git": "bodywork.git.command._read_chunks",
    "configuration": "bodywork.cli.wiring.read_project",
    "publication": "bodywork.local.engine.LocalEngine.publish_source",
    "start of a stage": "bodywork.local.engine.LocalEngine.ensure_job",
    "look at a stage": "bodywork.local.engine.LocalEngine.observe_job",
    "wait": "bodywork.local.engine.LocalEngine.wait",
    "log of a stage": "bodywork.local.engine.LocalEngine.read_log",
    "clean-up": "bodywork.local.engine.LocalEngine.release",
    "pruning": "bodywork.workflow.execute.Controller.prune",
    "lease": "statemachine.stores.leases.FileLeaseStore.write",
    "end of the lease": "statemachine.stores.leases.FileLeaseStore.clear",
    "log record": "bodywork.cli.paper.PlainPaper.line",
    "conclusion": "bodywork.cli.launch._tell_end",
}


@pytest.fixture(autouse=True)
def _no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("project") / "shop")
    project.dag("one")
    project.batch("one", "print('hello')\n")
    project.commit()
    return project


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("place", PLACES)
def test_success_is_only_said_of_a_run_that_succeeded(
    place: str,
    project: Project,
    bodywork: CommandLine,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is raised in one place, where `bodywork workflow` says 0 the run has succeeded."""
    before: set[str] = set()
    for name in WAYS_OUT:

        def fault(*_: Any, raised: Callable[[], BaseException] = RAISED[name], **__: Any) -> Any:
            raise raised()

        with monkeypatch.context() as patch:
            patch.setattr(PLACES[place], fault)
            hook = ["--hook", "os.path:exists"] if place == "import of a hook" else []
            said = bodywork("workflow", project.url, "main", *hook)
        states = dict(_states(home))
        if said.code == 0:
            assert [states[run] for run in states if run not in before] == ["succeeded"], name
        before = set(states)


def _states(home: Path) -> Iterator[tuple[str, str]]:
    for each in load_all(FileStore(home / "namespaces" / "default" / "runs")):
        assert isinstance(each, Stored)
        yield each.checkpoint.id, each.checkpoint.state


@pytest.mark.parametrize("name", RAISED)
def test_no_exception_of_a_command_is_success(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise RAISED[name]()

    assert run(click.Command("x", callback=command), []) != 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.lstrip("\n").startswith(("error: ", "note: "))  # click ends the line of ^C
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "name", [n for n in RAISED if n not in ("KeyboardInterrupt", "Interrupted")]
)
def test_a_hook_module_cannot_end_the_controller(
    name: str,
    project: Project,
    bodywork: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "told.py").write_text(
        "from tests.bodywork.cli.test_only_done_is_success import RAISED\n"
        f"raise RAISED[{name!r}]()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    said = bodywork("workflow", project.url, "main", "--hook", "told:tell")
    assert said.code == 2
    assert said.err.startswith("error: --hook told:tell: ")
    assert bodywork("status", "-o", "json").json["runs"] == []


def test_output_that_cannot_be_written_at_the_end_is_no_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys.stdout, "flush", full)
    assert run(click.Command("x", callback=lambda: None), []) == exits.RUN_FAILED
