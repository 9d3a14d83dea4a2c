"""A hundred ways to get a project's files wrong, and where each is said to be wrong."""

from pathlib import Path

import pytest

from bodywork.config import check_project, load_workflow
from bodywork.errors import ConfigError
from tests.bodywork.config.cases import CASES, INI, NEEDS, SERVE, TRAIN
from tests.bodywork.config.projects import GOOD, changed, shown, write


def test_there_are_at_least_a_hundred_cases() -> None:
    assert len(CASES) >= 100


@pytest.mark.parametrize(("edited", "old", "new", "file", "line", "section", "key", "words"), CASES)
def test_a_mistake_is_named_with_its_place(
    edited: str, old: str, new: str, file: str, line: int, section: str, key: str, words: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    problems = check_project(changed(tmp_path, edited, old, new))
    with pytest.raises(ConfigError) as caught:
        load_workflow(tmp_path)
    assert caught.value.problems == tuple(problems)
    place = (file, line, section, key)
    found = [
        f"{each.message} ({each.hint})"
        for each in problems
        if not each.warning and (each.file, each.line, each.section, each.key) == place
    ]
    assert any(words in each for each in found), [shown(each) for each in problems]


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / name).unlink()
    told = [f"{each.file}: {each.message}" for each in check_project(tmp_path)]
    expected = (f"{name}: it is missing", f": {name} is missing")
    assert [line for line in told if line.endswith(expected) and line.count(name) == 1]


@pytest.mark.parametrize("name", ["bodywork.ini", "serve/config.ini", "serve/requirements.txt"])
@pytest.mark.parametrize(
    ("content", "words", "line"),
    [
        (b"#" * (1 << 21), "larger than 1 MiB", 0),
        (b"[a]\nb=\0", "is binary", 2),
        (b"# a\n# b\n# \xff\n", "is not UTF-8", 3),
    ],
)
def test_what_is_no_text_is_refused(
    name: str, content: bytes, words: str, line: int, tmp_path: Path
) -> None:
    write(tmp_path, {**GOOD, name: content})
    [problem] = check_project(tmp_path)
    assert (problem.file, problem.line) == (name, line)
    assert words in problem.message


@pytest.mark.parametrize("name", ["bodywork.ini", "serve/config.ini", "serve/requirements.txt"])
def test_a_link_is_refused_wherever_it_leads(name: str, tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / name).rename(tmp_path / "elsewhere")
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    [problem] = check_project(tmp_path)
    assert (problem.file, problem.message) == (name, "it is a symbolic link")


def test_a_script_that_is_a_link_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "serve/main.py").unlink()
    (tmp_path / "serve/main.py").symlink_to("/etc/passwd")
    [problem] = check_project(tmp_path)
    assert (problem.file, problem.key) == ("serve/config.ini", "EXECUTABLE_SCRIPT")
    assert problem.message == "serve/main.py is a symbolic link"


def test_a_stage_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "serve").rename(tmp_path / "elsewhere")
    (tmp_path / "serve").symlink_to(tmp_path / "elsewhere")
    messages = [each.message for each in check_project(tmp_path) if not each.warning]
    assert messages == ["stage serve has a symbolic link in place of its folder"]


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "serve/config.ini").unlink()
    (tmp_path / "serve/config.ini").mkdir()
    [problem] = check_project(tmp_path)
    assert (problem.file, problem.message) == ("serve/config.ini", "it is a folder, not a file")


def test_a_folder_that_no_step_names_is_only_a_warning(tmp_path: Path) -> None:
    write(tmp_path, {**GOOD, "spare/config.ini": GOOD["prepare/config.ini"]})
    [problem] = check_project(tmp_path)
    assert problem.warning
    assert problem.file == "spare/config.ini"
    assert load_workflow(tmp_path).project == "shop"


def test_a_low_port_is_only_a_warning(tmp_path: Path) -> None:
    [problem] = check_project(changed(tmp_path, SERVE, "PORT=5000", "PORT=80"))
    assert problem.warning
    assert (problem.file, problem.line, problem.key) == (SERVE, 8, "PORT")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    files = {
        **GOOD,
        INI: GOOD[INI].replace("LOG_LEVEL", "LEVEL"),
        TRAIN: GOOD[TRAIN].replace("RETRIES=2", "RETRIES=x"),
        SERVE: GOOD[SERVE].replace("PORT=5000", "PORT=0"),
        NEEDS: "??\n",
    }
    places = [(each.file, each.line) for each in check_project(write(tmp_path, files))]
    assert places == [(INI, 9), (SERVE, 8), (TRAIN, 9), (NEEDS, 1)]


def test_a_password_in_a_requirement_is_not_repeated(tmp_path: Path) -> None:
    write(tmp_path, {**GOOD, NEEDS: "pandas from https://ada:secret@host/x\n"})
    [problem] = check_project(tmp_path)
    assert "secret" not in problem.message
    assert "***@host" in problem.message
