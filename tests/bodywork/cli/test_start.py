"""Help is quick: it loads none of what only some commands need."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from bodywork.cli.exits import run
from bodywork.cli.program import COMMANDS, program

LIST_MODULES = """
import sys
from bodywork.cli import main
sys.argv = ["bodywork", *sys.argv[1:]]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
HEAVY = {"kubernetes", "marshmallow", "rich", "transitions", "tenacity", "asyncio", "logging"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["workflow", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *words], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples_in_80_columns(name: str) -> None:
    shown = CliRunner().invoke(program, [name, "--help"], catch_exceptions=False).output
    assert "Examples:" in shown
    assert [line for line in shown.splitlines() if len(line) > 80] == []


def test_the_table_of_commands_says_what_each_command_says_of_itself() -> None:
    context = program.make_context("bodywork", ["workflow"])
    for name in COMMANDS:
        command = program.get_command(context, name)
        assert command is not None
        assert command.name == name


def test_the_nearest_command_is_named_for_one_that_does_not_exist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(program, ["worklfow"]) == 2
    assert "hint: did you mean workflow?\n" in capsys.readouterr().err
