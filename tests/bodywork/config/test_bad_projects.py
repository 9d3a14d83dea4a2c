"""A hundred ways to get a project's files wrong, and where each is said to be wrong.

A case is the file, what is replaced in it by what, and what `validate` must name: file, line,
section, key, and words of the message or hint.
"""

from pathlib import Path

import pytest

from bodywork.config import check_project, load_workflow
from bodywork.errors import ConfigError
from tests.bodywork.config.projects import GOOD, changed, shown, write

INI, TRAIN, SERVE = "bodywork.ini", "train-a/config.ini", "serve/config.ini"
NEEDS = "train-a/requirements.txt"
DAG = "DAG=prepare >> train-a, train-b >> serve"
LONG = "x" * 64

CASES = [
    # bodywork.ini: form
    (INI, "[default]\n", "", INI, 1, "", "PROJECT_NAME", "before any [section]"),
    (INI, "[default]", "[default", INI, 1, "", "", "no section"),
    (INI, "[default]", "[]", INI, 1, "", "", "no section"),
    (INI, "[logging]", "[default]", INI, 8, "default", "", "stands twice (first in line 1)"),
    (INI, "[logging]", "[loging]", INI, 8, "loging", "", "did you mean logging?"),
    (INI, "[workflow]", "[work]", INI, 0, "workflow", "", "the section [workflow] is missing"),
    (INI, "PROJECT_NAME=", "PROJECT_NAME", INI, 2, "default", "", "neither KEY=value"),
    (INI, "PROJECT_NAME=", "=", INI, 2, "default", "", "no key before the ="),
    (INI, '"shop"', '"shop', INI, 2, "default", "PROJECT_NAME", "does not end with it"),
    (INI, '"shop"', "'shop\"", INI, 2, "default", "PROJECT_NAME", "does not end with it"),
    (INI, '"shop"', '"shop"\nPROJECT_NAME=b', INI, 3, "default", "PROJECT_NAME", "twice"),
    # bodywork.ini: values
    (INI, '"shop"', '""', INI, 2, "default", "PROJECT_NAME", "is empty"),
    (INI, '"shop"', "", INI, 2, "default", "PROJECT_NAME", "is empty"),
    (INI, '"shop"', '"my shop"', INI, 2, "default", "PROJECT_NAME", "may only have"),
    (INI, '"shop"', '"-shop"', INI, 2, "default", "PROJECT_NAME", "start and end"),
    (INI, '"shop"', '"shop/../x"', INI, 2, "default", "PROJECT_NAME", "may only have"),
    (INI, '"shop"', '"1shop"', INI, 2, "default", "PROJECT_NAME", "begin with a letter"),
    (INI, '"shop"', f'"{LONG}"', INI, 2, "default", "PROJECT_NAME", "at most 63"),
    (INI, '"shop"', '"sh\x1b[31mop"', INI, 2, "default", "PROJECT_NAME", "\\x1b"),
    (INI, "PROJECT_NAME", "PROJECT", INI, 2, "default", "PROJECT", "did you mean PROJECT_NAME?"),
    (INI, "PROJECT_NAME", "project_name", INI, 2, "default", "project_name", "PROJECT_NAME?"),
    (INI, "PROJECT_NAME", "COLOUR", INI, 1, "default", "PROJECT_NAME", "is missing"),
    (INI, "DOCKER_IMAGE", "DOCKERIMAGE", INI, 3, "default", "DOCKERIMAGE", "DOCKER_IMAGE?"),
    (INI, "bodyworkml/bodywork-core", "Body Work", INI, 3, "default", "DOCKER_IMAGE", "no image"),
    (INI, ":latest", ":", INI, 3, "default", "DOCKER_IMAGE", "is no image"),
    (INI, ":latest", "@sha256:1", INI, 3, "default", "DOCKER_IMAGE", "is no image"),
    (INI, "INFO", "LOUD", INI, 9, "logging", "LOG_LEVEL", "is none of DEBUG, INFO"),
    (INI, "INFO", "info", INI, 9, "logging", "LOG_LEVEL", "is none of DEBUG, INFO"),
    (INI, "LOG_LEVEL", "LEVEL", INI, 9, "logging", "LEVEL", "did you mean LOG_LEVEL?"),
    # the DAG
    (INI, DAG, "DAG=", INI, 6, "workflow", "DAG", "is empty"),
    (INI, DAG, "DAG", INI, 6, "workflow", "", "neither KEY=value"),
    (INI, "DAG=", "DAGS=", INI, 6, "workflow", "DAGS", "did you mean DAG?"),
    (INI, DAG, "", INI, 5, "workflow", "DAG", "is missing"),
    (INI, ">> serve", ">>", INI, 6, "workflow", "DAG", "step 3 is empty"),
    (INI, "DAG=prepare", "DAG=", INI, 6, "workflow", "DAG", "step 1 is empty"),
    (INI, ">> serve", ">> >> serve", INI, 6, "workflow", "DAG", "step 3 is empty"),
    (INI, "train-a,", "train-a,,", INI, 6, "workflow", "DAG", "missing beside a comma"),
    (INI, "train-b", "", INI, 6, "workflow", "DAG", "missing beside a comma"),
    (INI, "train-b", "train-a", INI, 6, "workflow", "DAG", "stage train-a stands twice"),
    (INI, ">> serve", ">> prepare", INI, 6, "workflow", "DAG", "stage prepare stands twice"),
    (INI, ">> serve", "> serve", INI, 6, "workflow", "DAG", "steps are separated by >>"),
    (INI, ">> serve", "-> serve", INI, 6, "workflow", "DAG", "steps are separated by >>"),
    (INI, "serve", "server", INI, 6, "workflow", "DAG", "did you mean serve?"),
    (INI, "train-a", "train_a", INI, 6, "workflow", "DAG", "did you mean train-a?"),
    (INI, "serve", "no where", INI, 6, "workflow", "DAG", "may only have"),
    (INI, "serve", "../serve", INI, 6, "workflow", "DAG", "may only have"),
    (INI, "serve", ".git", INI, 6, "workflow", "DAG", "may only have"),
    (INI, "serve", "sérve", INI, 6, "workflow", "DAG", "may only have"),
    (INI, "serve", LONG, INI, 6, "workflow", "DAG", "at most 63"),
    (INI, ">> serve", ">> serve >> Serve", INI, 6, "workflow", "DAG", "both be called serve"),
    # the additions
    (INI, DAG, DAG + "\nROLLBACK_SCOPE=all", INI, 7, "workflow", "ROLLBACK_SCOPE", "run, stage"),
    (INI, DAG, DAG + "\nROLLBACK=run", INI, 7, "workflow", "ROLLBACK", "ROLLBACK_SCOPE?"),
    (INI, DAG, DAG + "\nRUN_ON_FAILURE=tell", INI, 7, "workflow", "RUN_ON_FAILURE", "no folder"),
    (INI, DAG, DAG + "\nRUN_ON_FAILURE=", INI, 7, "workflow", "RUN_ON_FAILURE", "is empty"),
    (INI, DAG, DAG + "\nRUN_ON_FAILURE=prepare", INI, 7, "workflow", "RUN_ON_FAILURE", "twice"),
    (INI, ">> serve", "\nRUN_ON_FAILURE=serve", INI, 7, "workflow", "RUN_ON_FAILURE", "a service"),
    # config.ini: form and sections
    (TRAIN, "[default]", "[defaults]", TRAIN, 1, "defaults", "", "did you mean default?"),
    (TRAIN, "[batch]", "[bach]", TRAIN, 7, "bach", "", "did you mean batch?"),
    (TRAIN, "[batch]", "[bach]", TRAIN, 0, "batch", "", "the section [batch] is missing"),
    (TRAIN, "[batch]", "[service]", TRAIN, 2, "default", "STAGE_TYPE", "has a section [service]"),
    (TRAIN, "[secrets]", "[service]", TRAIN, 11, "service", "", "either [batch] or [service]"),
    (TRAIN, "[secrets]", "[secret]", TRAIN, 11, "secret", "", "did you mean secrets?"),
    (TRAIN, "RETRIES=2", "RETRIES 2", TRAIN, 9, "batch", "", "neither KEY=value"),
    # config.ini: [default]
    (TRAIN, '"batch"', '"job"', TRAIN, 2, "default", "STAGE_TYPE", "is none of batch, service"),
    (TRAIN, '"batch"', '"Batch"', TRAIN, 2, "default", "STAGE_TYPE", "is none of batch, service"),
    (TRAIN, "STAGE_TYPE", "TYPE", TRAIN, 1, "default", "STAGE_TYPE", "is missing"),
    (TRAIN, "STAGE_TYPE", "STAGETYPE", TRAIN, 2, "default", "STAGETYPE", "STAGE_TYPE?"),
    (TRAIN, "main.py", "man.py", TRAIN, 3, "default", "EXECUTABLE_SCRIPT", "did you mean main.py?"),
    (TRAIN, "main.py", "../serve/main.py", TRAIN, 3, "default", "EXECUTABLE_SCRIPT", "outside"),
    (TRAIN, "main.py", "/etc/main.py", TRAIN, 3, "default", "EXECUTABLE_SCRIPT", "outside"),
    (TRAIN, "main.py", "a/../../x.py", TRAIN, 3, "default", "EXECUTABLE_SCRIPT", "outside"),
    (TRAIN, "main.py", "main.sh", TRAIN, 3, "default", "EXECUTABLE_SCRIPT", "no Python script"),
    (TRAIN, "main.py", "main", TRAIN, 3, "default", "EXECUTABLE_SCRIPT", "no Python script"),
    (TRAIN, '"main.py"', "", TRAIN, 3, "default", "EXECUTABLE_SCRIPT", "is empty"),
    (TRAIN, "CPU_REQUEST=0.25", "CPU_REQUEST=lots", TRAIN, 4, "default", "CPU_REQUEST", "number"),
    (TRAIN, "CPU_REQUEST=0.25", "CPU_REQUEST=0", TRAIN, 4, "default", "CPU_REQUEST", "above 0"),
    (TRAIN, "CPU_REQUEST=0.25", "CPU_REQUEST=-1", TRAIN, 4, "default", "CPU_REQUEST", "number"),
    (TRAIN, "CPU_REQUEST=0.25", "CPU_REQUEST=1e9", TRAIN, 4, "default", "CPU_REQUEST", "number"),
    (TRAIN, "CPU_REQUEST=0.25", "CPU_REQUEST=nan", TRAIN, 4, "default", "CPU_REQUEST", "number"),
    (TRAIN, "CPU_REQUEST=0.25", "CPU=1", TRAIN, 4, "default", "CPU", "did you mean CPU_REQUEST?"),
    (TRAIN, "MB=100", "MB=1.5", TRAIN, 5, "default", "MEMORY_REQUEST_MB", "no whole number"),
    (TRAIN, "MB=100", "MB=100Mi", TRAIN, 5, "default", "MEMORY_REQUEST_MB", "no whole number"),
    (TRAIN, "MB=100", "MB=0", TRAIN, 5, "default", "MEMORY_REQUEST_MB", "is not between 1"),
    (TRAIN, "T_MB=100", "T=100Mi", TRAIN, 5, "default", "MEMORY_REQUEST", "MEMORY_REQUEST_MB?"),
    (TRAIN, "MB=100", "MB=100\nARGS=--x 'y", TRAIN, 6, "default", "ARGS", "split into words"),
    # config.ini: [batch] and [service]
    (TRAIN, "=30", "=", TRAIN, 8, "batch", "MAX_COMPLETION_TIME_SECONDS", "is empty"),
    (TRAIN, "=30", "=0", TRAIN, 8, "batch", "MAX_COMPLETION_TIME_SECONDS", "is not between"),
    (TRAIN, "=30", "=30s", TRAIN, 8, "batch", "MAX_COMPLETION_TIME_SECONDS", "no whole number"),
    (TRAIN, "=30", "=99999999", TRAIN, 8, "batch", "MAX_COMPLETION_TIME_SECONDS", "between"),
    (
        TRAIN,
        "MAX_COMPLETION",
        "MAX_STARTUP",
        TRAIN,
        7,
        "batch",
        "MAX_COMPLETION_TIME_SECONDS",
        "miss",
    ),
    (TRAIN, "RETRIES=2", "RETRIES=-1", TRAIN, 9, "batch", "RETRIES", "is not between 0"),
    (TRAIN, "RETRIES=2", "RETRIES=two", TRAIN, 9, "batch", "RETRIES", "no whole number"),
    (TRAIN, "RETRIES=2", "RETRY=2", TRAIN, 9, "batch", "RETRY", "did you mean RETRIES?"),
    (TRAIN, "RETRIES=2", "PORT=5000", TRAIN, 9, "batch", "PORT", "unknown key"),
    (SERVE, "PORT=5000", "PORT=0", SERVE, 8, "service", "PORT", "is not between 1 and 65535"),
    (SERVE, "PORT=5000", "PORT=65536", SERVE, 8, "service", "PORT", "is not between 1 and 65535"),
    (SERVE, "PORT=5000", "PORT=http", SERVE, 8, "service", "PORT", "no whole number"),
    (SERVE, "PORT=5000", "port=5000", SERVE, 8, "service", "port", "did you mean PORT?"),
    (SERVE, "PORT=5000", "", SERVE, 5, "service", "PORT", "is missing"),
    (SERVE, "REPLICAS=1", "REPLICAS=0", SERVE, 7, "service", "REPLICAS", "is not between 1"),
    (SERVE, "REPLICAS=1", "REPLICAS=1.0", SERVE, 7, "service", "REPLICAS", "no whole number"),
    (SERVE, "=30", "=forever", SERVE, 6, "service", "MAX_STARTUP_TIME_SECONDS", "whole number"),
    # config.ini: [secrets]
    (
        TRAIN,
        "USERNAME",
        "USER-NAME",
        TRAIN,
        12,
        "secrets",
        "USER-NAME",
        "no name of an environment",
    ),
    (TRAIN, "USERNAME", "2ND", TRAIN, 12, "secrets", "2ND", "no name of an environment"),
    (TRAIN, "USERNAME", "BODYWORK_STAGE", TRAIN, 12, "secrets", "BODYWORK_STAGE", "reserved"),
    (TRAIN, "credentials", "Credentials!", TRAIN, 12, "secrets", "USERNAME", "never its value"),
    (TRAIN, '"credentials"', "", TRAIN, 12, "secrets", "USERNAME", "is empty"),
    # requirements.txt
    (NEEDS, "", "pandas=1.0\n", NEEDS, 1, "", "", "pip cannot read pandas=1.0"),
    (NEEDS, "", "# fine\nnumpy==1.0\n??\n", NEEDS, 3, "", "", "pip cannot read ??"),
    (NEEDS, "", "numpy==\n", NEEDS, 1, "", "", "pip cannot read numpy=="),
    (NEEDS, "", "numpy pandas\n", NEEDS, 1, "", "", "pip cannot read numpy pandas"),
    (NEEDS, "", "import numpy\n", NEEDS, 1, "", "", "pip cannot read import numpy"),
]


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
    assert any(f"{name} is missing" in each.message for each in check_project(tmp_path))


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
    assert problem.message == f"{name} is a symbolic link"


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
    assert problem.message == "serve/config.ini is a folder, not a file"


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
