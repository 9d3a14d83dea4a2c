"""What stands after --data becomes the secret, and is never repeated in a message."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bodywork.cli.program import program
from bodywork.cli.secrets import read_data
from bodywork.errors import UsageError


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BODYWORK_HOME", str(tmp_path))
    monkeypatch.setenv("BODYWORK_ENGINE", "local")
    monkeypatch.delenv("BODYWORK_NAMESPACE", raising=False)


def bodywork(*words: str) -> str:
    return CliRunner().invoke(program, words, catch_exceptions=False).output


def test_one_data_option_takes_several_words_wherever_it_stands() -> None:
    bodywork("secret", "create", "--data", "USERNAME=ada", "PASSWORD=a=b==", "--name=storage")
    shown = bodywork("secret", "display", "--reveal")
    assert "ada" in shown
    assert "a=b==" in shown


def test_values_are_shown_to_those_who_ask_only() -> None:
    bodywork("secret", "create", "--name=storage", "--data", "PASSWORD=hunter2")
    for form in ("table", "json"):
        shown = bodywork("secret", "display", "-o", form)
        assert "PASSWORD" in shown
        assert "hunter2" not in shown


def test_an_update_keeps_the_other_keys() -> None:
    bodywork("secret", "create", "--name=storage", "--data", "A=1", "B=2")
    bodywork("secret", "update", "--name=storage", "--data", "B=3")
    shown = bodywork("secret", "display", "--reveal", "-o", "json")
    assert '"A": "1"' in shown
    assert '"B": "3"' in shown


def test_a_deleted_secret_is_not_displayed() -> None:
    bodywork("secret", "create", "--name=storage", "--data", "A=1")
    bodywork("secret", "delete", "--name=storage")
    assert "storage" not in bodywork("secret", "display")


def test_a_value_may_come_from_a_file_so_that_no_history_has_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("line one\nline two\n")
    assert read_data([], [f"KEY={tmp_path / 'key'}"]) == {"KEY": "line one\nline two\n"}


@pytest.mark.parametrize("pairs", [["hunter2"], ["=hunter2"], ["KEY=hunter2", "KEY=hunter2"], []])
def test_a_message_about_bad_data_never_repeats_it(pairs: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        read_data(pairs, [])
    assert "hunter2" not in caught.value.message + caught.value.hint
