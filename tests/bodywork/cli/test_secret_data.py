"""What stands after --data becomes the secret, and is never repeated in a message."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bodywork.cli.program import program
from bodywork.cli.secret_data import read_data
from bodywork.errors import UsageError

BODYWORK = [sys.executable, "-c", "from bodywork.cli import main; main()"]


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
    (tmp_path / "key").write_bytes(b"line one\r\nline two\n")
    assert read_data([], [f"KEY={tmp_path / 'key'}"]) == {"KEY": "line one\r\nline two\n"}


@pytest.mark.parametrize("option", ["--from-file", "--data-file"])
def test_both_names_of_the_option_for_files_work(option: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2")
    bodywork("secret", "create", "--name=storage", option, f"KEY={tmp_path / 'key'}", "A=1")
    shown = json.loads(bodywork("secret", "display", "--reveal", "-o", "json"))
    assert shown["secrets"][0]["data"] == {"KEY": "hunter2", "A": "1"}


@pytest.mark.parametrize(
    ("words", "given"), [(["--from-file=KEY=-"], "a b\n"), (["--from-env-file=-"], "KEY='a b\n'")]
)
def test_standard_input_is_read_where_a_path_would_stand(words: list[str], given: str) -> None:
    given = given.replace("\n'", "'\n")
    done = CliRunner().invoke(program, ["secret", "create", "--name=s", *words], input=given)
    assert (done.exit_code, "a b" in done.output) == (0, False), done.output
    shown = json.loads(bodywork("secret", "display", "--reveal", "-o", "json"))
    assert shown["secrets"][0]["data"]["KEY"].strip() == "a b"


def test_standard_input_is_not_asked_twice() -> None:
    with pytest.raises(UsageError, match="only once"):
        read_data([], ["A=-"], ["-"])


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=plain", "plain"),
        ("  export KEY = spaced out  ", "spaced out"),
        ("export\tKEY=tab", "tab"),
        ("KEY=a=b==", "a=b=="),
        ("KEY=", ""),
        ("KEY=''", ""),
        ("KEY=#1", "#1"),
        ("KEY=a#b", "a#b"),
        ("KEY='$HOME \\n # no'  # a comment", "$HOME \\n # no"),
        (r'KEY="two\nlines \"quoted\" \\ \$5 \d $HOME"', 'two\nlines "quoted" \\ $5 \\d $HOME'),
        ("KEY=it's", "it's"),
        ("KEY=windows\r", "windows"),
        ("export=1", None),
    ],
)
def test_a_line_of_an_env_file_is_read(line: str, value: str | None, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(f"\ufeff# comment\n\n{line}\n   # end\n".encode())
    read = read_data([], [], [str(tmp_path / ".env")])
    assert read == ({"KEY": value} if value is not None else {"export": "1"})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("hunter2", "is not of the form KEY=VALUE"),
        ("export hunter2", "is not of the form KEY=VALUE"),
        ("hunter-2=", "is not of the form KEY=VALUE"),
        ("=hunter2", "is not of the form KEY=VALUE"),
        ("KEY=hunter2 # hunter2", "is what follows # a comment"),
        ("KEY='hunter2", "a quote is not closed"),
        ('KEY="hunter2\\"', "a quote is not closed"),
        ("KEY='hunter2' hunter2", "something follows the closing quote"),
        ("FIRST=hunter2", "the key FIRST is given twice"),
        ("KEY=hunter2\0", "the value of KEY holds a NUL character"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_not_repeated(
    line: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "production.env"
    path.write_text(f"FIRST=1\n\n{line}\n")
    with pytest.raises(UsageError) as caught:
        read_data([], [], [str(path)])
    assert caught.value.message.startswith(f"{path}, line 3: {told}".replace(": is not", " is not"))
    assert "hunter" not in caught.value.message + caught.value.hint


def test_a_key_that_two_sources_give_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=2\n")
    with pytest.raises(UsageError, match="line 1: the key A is given twice"):
        read_data(["A=1"], [], [str(tmp_path / ".env")])


def test_a_file_that_is_no_text_or_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"\xff\xfe\x00")
    for path, told in ((tmp_path / "photo", "is not UTF-8 text"), (tmp_path / "no", "cannot be")):
        with pytest.raises(UsageError, match=told) as caught:
            read_data([], [f"KEY={path}"])
        assert str(path) in caught.value.message


@pytest.mark.parametrize(
    "pairs",
    [["hunter2"], ["=hunter2"], ["hunter2/+x=="], ["KEY=hunter2", "KEY=hunter2"], []],
)
def test_a_message_about_bad_data_never_repeats_it(pairs: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        read_data(pairs)
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_value_typed_at_a_terminal_is_not_shown() -> None:
    shown, typing = pty.openpty()
    process = subprocess.Popen(
        [*BODYWORK, "secret", "create", "--name=storage", "--from-file", "PASSWORD=-"],
        stdin=typing,
        stdout=typing,
        stderr=typing,
        start_new_session=True,
    )
    os.close(typing)
    seen = b""
    with contextlib.suppress(OSError):  # Linux' way to say that nobody is at the other end
        while part := os.read(shown, 1000):
            if b":" in part and b":" not in seen:  # the prompt: from here on, nothing is echoed
                os.write(shown, b"hunter2\n")
            seen += part
    os.close(shown)
    assert process.wait() == 0, seen
    assert b"hunter2" not in seen
    assert "hunter2" in bodywork("secret", "display", "--reveal")
