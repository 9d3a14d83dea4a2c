"""What a right project means, and that no wrong one ever gives a traceback."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.config import check_project, load_workflow
from bodywork.config.dag import parse_dag
from bodywork.config.ini import read_ini
from bodywork.errors import ConfigError
from bodywork.model.names import StageName
from bodywork.model.stage import Batch, SecretVariable, Service
from bodywork.model.tree import Entry
from tests.bodywork.config.projects import GOOD, changed, shown, write

ODDITIES = [
    "",
    "\0",
    "\x1b[2J",
    "=",
    "[",
    "]",
    '"',
    ">>",
    ",",
    "é",
    "-1",
    "9" * 40,
    " ",
    "\n",
    "%(x)s",
]


def test_the_good_project_is_read_whole(tmp_path: Path) -> None:
    workflow = load_workflow(write(tmp_path, GOOD), {"prepare": Entry("folder", "t1")})
    assert (workflow.project, workflow.image) == ("shop", "bodyworkml/bodywork-core:latest")
    assert workflow.steps == (("prepare",), ("train-a", "train-b"), ("serve",))
    assert (workflow.log_level, workflow.rollback_scope) == ("INFO", "run")
    prepare, serve = (workflow.stages[name] for name in workflow.steps[0] + workflow.steps[2])
    assert (prepare.kind, prepare.tree) == (Batch(30, 2), "t1")
    assert (prepare.cpu_request, prepare.memory_request_mb) == (0.25, 100)
    assert prepare.secrets == (SecretVariable("USERNAME", "credentials"),)
    assert serve.kind == Service(30, 1, 5000)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("=", " = "),
        ('"', "'"),
        ('"', ""),
        ("\n", "\r\n"),
        ("[default]", "\ufeff# a comment\n; another\n[default]"),
        (">>", "\n  >>"),
        ("PROJECT_NAME=", "PROJECT_NAME: "),
    ],
)
def test_spellings_that_mean_the_same(old: str, new: str, tmp_path: Path) -> None:
    expected = load_workflow(write(tmp_path / "plain", GOOD))
    files = {**GOOD, "bodywork.ini": GOOD["bodywork.ini"].replace(old, new)}
    assert load_workflow(write(tmp_path / "other", files)) == expected


def test_nothing_is_interpolated(tmp_path: Path) -> None:
    root = changed(tmp_path, "prepare/config.ini", "MB=100", "MB=100\nARGS=--a %(x)s ${HOME} '1 2'")
    assert load_workflow(root).stages[load_workflow(root).steps[0][0]].args == (
        "--a", "%(x)s", "${HOME}", "1 2",
    )  # fmt: skip


def test_the_additions_are_read(tmp_path: Path) -> None:
    extra = ">> serve\nROLLBACK_SCOPE=stage\nRUN_ON_FAILURE=tell"
    files = {
        **GOOD,
        "bodywork.ini": GOOD["bodywork.ini"].replace(">> serve", extra),
        **{f"tell/{name}": GOOD[f"prepare/{name}"] for name in ("config.ini", "main.py")},
        "tell/requirements.txt": "",
    }
    workflow = load_workflow(write(tmp_path, files))
    assert (workflow.rollback_scope, workflow.run_on_failure) == ("stage", "tell")
    assert "tell" in workflow.stages


@pytest.mark.parametrize("seed", range(300))
def test_a_random_mistake_never_gives_a_traceback_and_has_a_place(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    name = chance.choice(sorted(GOOD))
    content = GOOD[name]
    for _ in range(chance.randint(1, 4)):
        place = chance.randint(0, len(content))
        length = chance.choice([0, 1, 5, 40])
        content = content[:place] + chance.choice(ODDITIES) + content[place + length :]
    problems = check_project(write(tmp_path, {**GOOD, name: content}))
    if any(not problem.warning for problem in problems):
        with pytest.raises(ConfigError) as caught:
            load_workflow(tmp_path)
        assert caught.value.problems == tuple(problems)
    else:
        load_workflow(tmp_path)
    for problem in problems:
        assert problem.file in GOOD or problem.file.endswith("config.ini")
        assert problem.message
        assert shown(problem).isprintable()
        lines = GOOD.get(problem.file, "").count("\n") + content.count("\n") + 2
        assert 0 <= problem.line <= lines
        if problem.line == 0 and not problem.warning:
            assert "missing" in problem.message


names = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@given(st.lists(st.lists(names, min_size=1, max_size=4), min_size=1, max_size=5))
def test_a_dag_survives_its_spelling(steps: list[list[str]]) -> None:
    text = " >> ".join(", ".join(step) for step in steps)
    flat = [name for step in steps for name in step]
    parsed, faults = parse_dag(text)
    assert bool(faults) == (len(flat) != len(set(flat)))
    assert [list(step) for step in parsed] == steps


@given(st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    document = read_ini("any.ini", text)
    assert all(problem.line >= 1 for problem in document.problems)


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("serve", ("serve",)),
        ('"serve, prepare/main.py"', ("prepare/main.py", "serve")),
        ("./serve/, serve//", ("serve",)),
        ("serve/../prepare", ("prepare",)),
        (".", ("",)),
    ],
)
def test_shared_paths_are_kept_in_one_form(
    tmp_path: Path, text: str, shared: tuple[str, ...]
) -> None:
    config = GOOD["train-a/config.ini"].replace("MB=100", f"MB=100\nSHARED={text}")
    workflow = load_workflow(write(tmp_path, {**GOOD, "train-a/config.ini": config}))
    assert workflow.stages[StageName("train-a")].shared == shared
    assert workflow.stages[StageName("train-b")].shared is None
