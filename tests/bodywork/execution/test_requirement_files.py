"""The lines of requirements files, as pip reads them."""

from pathlib import Path

import pytest

from bodywork.execution.requirement_files import Line, UnreadableRequirements, read_requirements


def read(folder: Path, **files: str) -> tuple[Line, ...]:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return read_requirements(folder / "requirements.txt", {"TOKEN": "secret", "EMPTY": ""})


def shown(lines: tuple[Line, ...]) -> list[str]:
    return [
        ("limit " if line.constraint else "") + f"{line.option} {line.text}{line.suffix}".strip()
        for line in lines
    ]


def test_comments_blank_lines_and_continued_lines(tmp_path: Path) -> None:
    text = "\ufeff# first\n\nsix \\\n  >=1 # why\n  # only \\\npip#egg\na\\\n# b\n"
    assert shown(read(tmp_path, requirements=text)) == ["six   >=1", "pip#egg", "a"]


@pytest.mark.parametrize(
    "spelling",
    ["-r base.txt", "-rbase.txt", "--requirement base.txt", "--requirement=base.txt",
     "--requirem base.txt", '-r "base.txt"', "-r ./base.txt"],
)  # fmt: skip
def test_files_are_included_in_any_spelling(tmp_path: Path, spelling: str) -> None:
    assert shown(read(tmp_path, requirements=spelling, base="six\n")) == ["six"]


@pytest.mark.parametrize("spelling", ["-c base.txt", "-cbase.txt", "--constraint=base.txt"])
def test_constraints_are_marked(tmp_path: Path, spelling: str) -> None:
    assert shown(read(tmp_path, requirements=spelling, base="six<2\n")) == ["limit six<2"]


def test_nested_files_are_beside_the_one_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/one.txt").write_text("-r two.txt\n")
    (tmp_path / "more/two.txt").write_text("six\n")
    assert shown(read(tmp_path, requirements="-r more/one.txt\n")) == ["six"]


def test_options_keep_their_values(tmp_path: Path) -> None:
    text = "-i https://a/\n--extra-index-url=https://b/\n--pre\n-e ./lib\nsix --hash=sha256:ab\n"
    assert shown(read(tmp_path, requirements=text)) == [
        "--index-url https://a/", "--extra-index-url https://b/", "--pre", "./lib",
        "six --hash=sha256:ab",
    ]  # fmt: skip


def test_variables_are_filled_in_where_they_have_a_value(tmp_path: Path) -> None:
    text = "a @ https://${TOKEN}@h/a\nb @ https://${EMPTY}@h/b\nc @ https://${token}/c\n"
    assert [line.text for line in read(tmp_path, requirements=text)] == [
        "a @ https://secret@h/a", "b @ https://${EMPTY}@h/b", "c @ https://${token}/c",
    ]  # fmt: skip


def test_no_file_wants_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-r none.txt\n", "none.txt cannot be read: No such file or directory"),
        ("-r requirements.txt\n", "requirements.txt includes itself"),
        ("--bogus\n", "the line --bogus cannot be read: no such option: --bogus"),
        ("-r\n", "the line -r cannot be read"),
        ('-r "x\n', "cannot be read: No closing quotation"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UnreadableRequirements) as error:
        read(tmp_path, requirements=text)
    assert words in error.value.message
    assert str(tmp_path) not in error.value.message


def test_text_in_another_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("six\n".encode("utf-16"))
    with pytest.raises(UnreadableRequirements, match="is not UTF-8 text"):
        read(tmp_path)
