"""Each error has its exit code and one line for people; nothing is a traceback."""

from collections.abc import Callable

import click
import pytest

from bodywork import errors as ours
from bodywork.cli.exits import Ended, run
from statemachine import errors as machine

PROBLEM = ours.Problem(
    "train/config.ini", 3, "batch", "RETRIES", "must be a whole number", "0 to 9"
)
HELD = machine.OwnershipHeld("run r is at work", holder="ada on host h, process 7")


def raising(error: BaseException) -> click.Command:
    def command() -> None:
        raise error

    return click.Command("x", callback=command)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ours.BodyworkError("x"), 1),
        (ours.EngineError("x"), 1),
        (ours.SourceLost("x"), 1),
        (machine.StoreFull("x"), 1),
        (machine.CheckpointCorrupt("x"), 1),
        (machine.HookFailed("x"), 1),
        (PermissionError(13, "Permission denied", "/root/x"), 1),
        (ours.UsageError("x"), 2),
        (ours.ConfigError([PROBLEM]), 2),
        (ours.SourceError("x"), 2),
        (ours.RunNotFound("x"), 2),
        (ours.NotFound("x"), 2),
        (ours.Unsupported("x"), 2),
        (machine.CheckpointNotFound("x"), 2),
        (click.UsageError("x"), 2),
        (HELD, 3),
        (machine.CheckpointConflict("x"), 3),
        (machine.Fenced("x"), 3),
        (machine.Interrupted("x"), 4),
        (ours.EngineUnavailable("x"), 5),
        (machine.StoreUnavailable("x"), 5),
        (Ended(7), 7),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_each_error_has_its_exit_code_and_shows_no_traceback(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error), []) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_an_error_is_one_line_with_its_hint_below(capsys: pytest.CaptureFixture[str]) -> None:
    run(raising(ours.NotFound("there is no namespace shop", hint="make it")), [])
    assert capsys.readouterr().err == "error: there is no namespace shop\nhint: make it\n"


def test_every_problem_of_a_configuration_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    second = ours.Problem("bodywork.ini", 1, "", "", "is not text")
    run(raising(ours.ConfigError([PROBLEM, second])), [])
    said = capsys.readouterr().err
    assert "train/config.ini:3: error: [batch] RETRIES: must be a whole number" in said
    assert "bodywork.ini:1: error: is not text" in said
    assert "error: the project's configuration has 2 problems\n" in said


class TestWhatNobodyExpected:
    @pytest.fixture(autouse=True)
    def _no_litter(self, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        monkeypatch.delenv("BODYWORK_DEBUG", raising=False)

    def test_it_is_called_a_bug_in_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(raising(ValueError("odd")), []) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: ValueError: odd; this is a bug")
        assert "Traceback" not in said

    def test_an_illegal_move_is_a_bug_and_no_fault_of_the_user(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(raising(machine.IllegalTransition("odd")), []) == 1
        assert "this is a bug" in capsys.readouterr().err

    def test_the_traceback_is_shown_to_those_who_ask(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("BODYWORK_DEBUG", "1")
        run(raising(ValueError("odd")), [])
        assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt, click.Abort])
def test_ctrl_c_where_nothing_can_be_resumed_ends_as_in_any_program(
    error: Callable[[], BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error()), []) == 130
    assert "Traceback" not in capsys.readouterr().err
