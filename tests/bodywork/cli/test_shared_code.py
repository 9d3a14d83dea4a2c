"""Code that stages share is in the key of those that can read it; `--dry-run` says what changed."""

from pathlib import Path

import pytest

from tests.bodywork.cli.conftest import CommandLine, Project

READS = """\
import pathlib, sys
sys.path.insert(0, "..")
from shared.consts import FACTOR
pathlib.Path({out!r}).write_text(str(FACTOR))
"""
NEEDS = """\
import pathlib
assert pathlib.Path({out!r}).read_text() == "2"
"""


@pytest.fixture
def project(shop: Project, tmp_path: Path) -> Project:
    """Stage one writes what the shared package says; stage two finds that wrong."""
    out = str(tmp_path / "out")
    shop.batch("one", READS.format(out=out))
    shop.batch("two", NEEDS.format(out=out))
    write(shop, "shared/consts.py", "FACTOR = 1\n")
    return shop


def write(project: Project, path: str, text: str) -> None:
    place = project.folder / path
    place.parent.mkdir(exist_ok=True)
    place.write_text(text)
    project.commit()


def narrow(project: Project, stage: str, shared: str) -> None:
    config = project.folder / stage / "config.ini"
    text = config.read_text().replace("[batch]", f"SHARED={shared}\n[batch]")
    config.write_text(text)
    project.commit()


def reasons(bodywork: CommandLine) -> dict[str, tuple[str, str]]:
    said = bodywork("workflow", "--resume", "--branch=main", "--dry-run", "-o", "json")
    return {each["name"]: (each["action"], each["reason"]) for each in said.json["stages"]}


@pytest.mark.parametrize("linked", [False, True])
def test_a_fix_of_shared_code_runs_again_what_used_it(
    bodywork: CommandLine, project: Project, linked: bool
) -> None:
    if linked:
        (project.folder / "one" / "shared").symlink_to("../shared")
        narrow(project, "one", "one")
    assert bodywork("workflow", project.url, "main").code == 1
    write(project, "shared/consts.py", "FACTOR = 2\n")
    assert reasons(bodywork)["one"] == (
        "run",
        "files that it shares changed" + ("" if linked else ", such as shared/consts.py"),
    )
    assert bodywork("workflow", "--resume", "--branch=main").code == 0


def test_shared_narrows_what_counts(bodywork: CommandLine, project: Project) -> None:
    narrow(project, "one", "shared")
    assert bodywork("workflow", project.url, "main").code == 1
    write(project, "README.md", "the fix is in stage two\n")
    project.batch("two", "print('fixed')\n")
    write(project, "two/new.py", "")
    planned = reasons(bodywork)
    assert planned["one"][0] == "reuse"
    assert "those it shares" in planned["one"][1]
    assert planned["two"] == ("run", "its attempt 1 failed")
    assert bodywork("workflow", "--resume", "--branch=main").code == 0


def test_a_changed_file_of_a_stage_is_named(bodywork: CommandLine, project: Project) -> None:
    assert bodywork("workflow", project.url, "main").code == 1
    write(project, "one/helper.py", "")
    assert reasons(bodywork)["one"] == ("run", "its files changed, such as one/helper.py")


def test_another_stage_is_no_shared_code(bodywork: CommandLine, project: Project) -> None:
    assert bodywork("workflow", project.url, "main").code == 1
    write(project, "two/helper.py", "")
    assert reasons(bodywork)["one"][0] == "reuse"


def test_the_settings_of_the_project_are_no_shared_code(
    bodywork: CommandLine, project: Project
) -> None:
    assert bodywork("workflow", project.url, "main").code == 1
    project.dag("one >> two", log_level="DEBUG")
    project.commit()
    assert reasons(bodywork)["one"][0] == "reuse"


def test_a_problem_with_shared_is_told_with_its_line(
    bodywork: CommandLine, project: Project
) -> None:
    narrow(project, "one", "shard")
    said = bodywork("validate", str(project.folder))
    assert said.code == 2
    assert "one/config.ini:4: error: [default] SHARED: shard is not in the repository" in said.out
    assert "hint: did you mean shared?" in said.out
    said = bodywork("workflow", project.url, "main")
    assert (said.code, "SHARED: shard is not in the repository" in said.err) == (2, True)
