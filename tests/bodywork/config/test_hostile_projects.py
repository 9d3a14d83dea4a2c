"""Projects made to do harm, or that the user may not read: a verdict, never a traceback."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.config import check_project, load_workflow
from bodywork.errors import ConfigError
from tests.bodywork.config.projects import GOOD, shown, write

NOBODY = 65534


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "project", GOOD)


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A project in a folder that everybody can enter, read by somebody who is not root."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    write(place, GOOD)
    root = os.geteuid() == 0
    if root:
        for folder in (place, place / "serve"):
            os.chown(folder, NOBODY, -1)
        os.seteuid(NOBODY)
    try:
        yield place
    finally:
        if root:
            os.seteuid(0)
        place.chmod(0o755)
        shutil.rmtree(place)


def messages(project: Path) -> list[str]:
    """Return what is said, and that a run is refused with the same."""
    problems = check_project(project)
    with pytest.raises(ConfigError) as caught:
        load_workflow(project)
    assert caught.value.problems == tuple(problems)
    return [f"{each.file}:{each.line} {each.message}" for each in problems]


@pytest.mark.parametrize("name", ["bodywork.ini", "serve/config.ini", "serve/requirements.txt"])
def test_a_pipe_is_not_waited_for(name: str, project: Path) -> None:
    (project / name).unlink()
    os.mkfifo(project / name)
    assert messages(project) == [f"{name}:0 it is not a regular file"]


def test_a_script_that_is_a_pipe_or_in_a_linked_folder_is_refused(project: Path) -> None:
    (project / "serve/main.py").unlink()
    os.mkfifo(project / "serve/main.py")
    (project / "prepare/config.ini").write_text(
        GOOD["prepare/config.ini"].replace("main.py", "sub/main.py")
    )
    (project / "prepare/sub").symlink_to(project / "train-a")
    assert messages(project) == [
        "prepare/config.ini:3 prepare/sub is a symbolic link",
        "serve/config.ini:3 serve/main.py is not a regular file",
    ]


def test_a_file_that_may_not_be_read_is_named(ordinary_user: Path) -> None:
    (ordinary_user / "serve/config.ini").unlink()
    (ordinary_user / "serve/config.ini").touch(mode=0)
    assert messages(ordinary_user) == ["serve/config.ini:0 it cannot be read: Permission denied"]


def test_a_project_that_may_not_be_listed_is_a_problem_not_a_traceback(
    ordinary_user: Path,
) -> None:
    ordinary_user.chmod(0o111)
    assert messages(ordinary_user) == [".:0 the project's folder cannot be read: Permission denied"]


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    reason = "the project's folder cannot be read: No such file or directory"
    assert messages(tmp_path / "nowhere") == [f".:0 {reason}"]


def test_a_file_in_place_of_the_project_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reason = "the project's folder cannot be read: Not a directory"
    assert messages(tmp_path / "file") == [f".:0 {reason}"]


def test_names_of_folders_cannot_move_the_cursor(project: Path) -> None:
    write(project, {"a\x1b[31mb/config.ini": "", "\u202ec/config.ini": ""})
    problems = check_project(project)
    assert [each.file for each in problems] == ["\\u202ec/config.ini", "a\\x1b[31mb/config.ini"]
    assert all(each.warning and shown(each).isprintable() for each in problems)


def test_a_value_in_the_place_of_a_secrets_name_is_never_repeated(project: Path) -> None:
    text = '[default]\nSTAGE_TYPE=batch\n[secrets]\nPASSWORD="Hunter2!"\nHunter3!\n'
    (project / "serve/config.ini").write_text(text)
    problems = check_project(project)
    assert [each.line for each in problems if each.section == "secrets"] == [4, 5]
    assert "Hunter" not in "".join(f"{each.message}{each.hint}" for each in problems)


def test_thousands_of_mistakes_are_cut_short(project: Path) -> None:
    unknown = "".join(f"KEY_{number}=1\n" for number in range(20_000))
    sections = "".join(f"[s{number}]\n" for number in range(20_000))
    (project / "serve/config.ini").write_text(GOOD["serve/config.ini"] + unknown)
    (project / "prepare/config.ini").write_text(GOOD["prepare/config.ini"] + sections)
    (project / "bodywork.ini").write_text(
        GOOD["bodywork.ini"].replace("DAG=", "DAG=" + ">>".join(f"x{n}" for n in range(400)) + ">>")
    )
    found = messages(project)
    assert len(found) == 3 * 51
    assert sum("has more problems than are listed" in each for each in found) == 3


def test_a_shared_path_is_no_link(tmp_path: Path) -> None:
    config = GOOD["train-a/config.ini"].replace("MB=100", "MB=100\nSHARED=code/lib")
    write(tmp_path, {**GOOD, "train-a/config.ini": config})
    (tmp_path / "code").symlink_to("/usr")
    [problem] = check_project(tmp_path)
    assert (problem.file, problem.section, problem.key) == (
        "train-a/config.ini",
        "default",
        "SHARED",
    )
    assert (problem.message, problem.hint) == ("code is a symbolic link", "name what it leads to")
