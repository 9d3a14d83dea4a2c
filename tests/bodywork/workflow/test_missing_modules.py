"""A module that a stage does not find: what is missing, and in which requirements.txt."""

from pathlib import Path

import pytest

from bodywork.workflow.missing_modules import MOST_MODULES, find_modules, missing_module_hint

MODULES = {"prepare": "prepare/", "helpers": "prepare/helpers.py"}
ADD = "(a stage does not see the packages of your own environment)"


def tail(name: str, more: str = "") -> list[str]:
    return [
        "Traceback (most recent call last):",
        '  File "main.py", line 1, in <module>',
        f"    import {name}",
        f"ModuleNotFoundError: No module named '{name}'{more}",
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("requests", f"the stage's environment has no requests: add it to F {ADD}"),
        ("sklearn", f"the stage's environment has no sklearn: add scikit-learn to F {ADD}"),
        ("cv2", f"the stage's environment has no cv2: add opencv-python to F {ADD}"),
        ("PIL", f"the stage's environment has no PIL: add pillow to F {ADD}"),
        ("yaml", f"the stage's environment has no yaml: add pyyaml to F {ADD}"),
        ("bs4", f"the stage's environment has no bs4: add beautifulsoup4 to F {ADD}"),
        ("dateutil", f"the stage's environment has no dateutil: add python-dateutil to F {ADD}"),
        ("distutils", f"the stage's environment has no distutils: add setuptools to F {ADD}"),
        ("sklearn.new", ("sklearn is installed, but has no sklearn.new: check the version of "
         "scikit-learn in F")),
        ("pandas.core.x", ("pandas is installed, but has no pandas.core.x: check the version of "
         "pandas in F")),
        ("google.cloud.storage", ("the stage's environment has no google.cloud.storage: add "
         f"google-cloud-storage to F {ADD}")),
        ("google.cloud", ("the stage's environment has no google.cloud: add the package that "
         f"brings it to F {ADD}")),
        ("imp", "imp is a module of Python itself that the stage's version of Python lacks"),
        ("tkinter", ("tkinter is a module of Python itself that the stage's version of Python "
         "lacks")),
        ("helpers", ("helpers is in the repository (prepare/helpers.py), but not on the path of "
         "stage train, which has its own folder only: copy it into train/")),
        ("prepare.clean", ("prepare is in the repository (prepare/), but not on the path of stage "
         "train, which has its own folder only: copy it into train/")),
    ],
)  # fmt: skip
def test_the_hint_says_what_to_add_where(name: str, hint: str) -> None:
    assert missing_module_hint(tail(name), "train", MODULES) == hint.replace(
        " F", " train/requirements.txt"
    )


def test_a_file_that_hides_a_package_is_named() -> None:
    lines = tail("random.x", "; 'random' is not a package")
    hint = missing_module_hint(lines, "train", MODULES)
    assert hint == "a file random.py hides the package random: give that file another name"


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["all is well"],
        ["ModuleNotFoundError: No module named '***'"],
        [*tail("requests"), "", "During handling of the above exception, another …", "KeyError: 1"],
        ["he said: ModuleNotFoundError: No module named 'x'"],
        ["    ModuleNotFoundError: No module named 'x'"],
    ],
)
def test_other_ends_get_no_hint(lines: list[str]) -> None:
    assert missing_module_hint(lines, "train", MODULES) == ""


def test_lines_after_the_traceback_do_not_hide_it() -> None:
    lines = [*tail("requests"), "shutting down", ""]
    assert "add it to train/requirements.txt" in missing_module_hint(lines, "train", {})


def test_the_modules_of_a_repository_are_found(tmp_path: Path) -> None:
    for file in ("common/x.py", "tool.py", "a-b/c.py", "prepare/helpers.py", "prepare/lib/x.py",
                 "prepare/notes.txt", "train/tool.py", ".git/x.py"):  # fmt: skip
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert find_modules(tmp_path, ["train", "prepare", "gone"]) == {
        "common": "common/",
        "prepare": "prepare/",
        "tool": "tool.py",
        "train": "train/",
        "helpers": "prepare/helpers.py",
        "lib": "prepare/lib/",
    }


def test_a_huge_repository_does_not_fill_the_checkpoint(tmp_path: Path) -> None:
    for number in range(2 * MOST_MODULES):
        (tmp_path / f"m{number}.py").touch()
    (tmp_path / ("x" * 200 + ".py")).touch()
    assert len(find_modules(tmp_path, [])) == MOST_MODULES
