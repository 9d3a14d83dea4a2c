import os
import subprocess
from pathlib import Path

import pytest

from bodywork.cli.demo import run_demo
from bodywork.cli.demo_shell import WIDTH, Shell, wrapped
from bodywork.errors import EngineError, UsageError


def shell(home: Path) -> tuple[Shell, list[str]]:
    said: list[str] = []
    return Shell(home, said.append), said


def test_short_commands_stay_on_one_line() -> None:
    assert wrapped(("$ bodywork", "status")) == ["$ bodywork status"]


def test_long_commands_are_broken_so_that_a_shell_reads_them_as_one(tmp_path: Path) -> None:
    words = ["word-of-some-length"] * 12
    lines = wrapped(("printf '%s\\n'", *words))
    assert len(lines) > 1
    assert max(map(len, lines)) <= WIDTH
    told = subprocess.run(
        ["sh", "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == words


def test_a_command_is_announced_and_its_lines_are_said(tmp_path: Path) -> None:
    terminal, said = shell(tmp_path)
    terminal.show("setup-namespace", "demo")
    assert said == ["$ bodywork setup-namespace demo", "creating namespace=demo"]


def test_the_failure_of_a_command_is_an_error_after_its_own_words(tmp_path: Path) -> None:
    terminal, said = shell(tmp_path)
    with pytest.raises(EngineError, match="`bodywork cancel` failed, with exit code 2"):
        terminal.show("cancel", "--namespace=nowhere", "no-run")
    assert any(line.startswith("error: ") for line in said)


def test_a_quiet_command_that_fails_has_said_nothing(tmp_path: Path) -> None:
    terminal, said = shell(tmp_path)
    assert terminal.ask("runs", "status", "--namespace=nowhere") == []
    assert said == []


def test_the_settings_of_the_user_take_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODYWORK_HOME", str(tmp_path / "theirs"))
    monkeypatch.setenv("BODYWORK_ENGINE", "kubernetes")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "theirs"))
    (tmp_path / "project").mkdir()
    terminal, _ = shell(tmp_path / "ours")
    terminal.show("setup-namespace", "demo")
    terminal.git(tmp_path / "project", "init", "--quiet")
    assert os.listdir(tmp_path / "project") == [".git"]
    assert sorted(os.listdir(tmp_path)) == ["ours", "project"]


def test_the_failure_of_git_is_told_in_its_own_words(tmp_path: Path) -> None:
    terminal, _ = shell(tmp_path)
    with pytest.raises(EngineError, match=r"git log failed: .*not a git repository"):
        terminal.git(tmp_path, "log")


def test_a_second_demonstration_in_a_folder_is_refused(tmp_path: Path) -> None:
    refused: list[UsageError] = []

    def say(line: str) -> None:
        with pytest.raises(UsageError, match="another demonstration is running") as second:
            run_demo(tmp_path, lambda line: None)
        refused.append(second.value)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path, say)
    assert "--home" in refused[0].hint
