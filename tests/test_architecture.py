"""The rules of docs/architecture.md that a reader cannot see in one file."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import bodywork
import statemachine

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bodywork", "statemachine")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
LONGEST_FILE = 400
HEAVY = {"kubernetes", "marshmallow", "rich", "transitions", "tenacity", "asyncio", "git"}

# A folder of the people who wrote this, or a number in their list of things to do, helps nobody.
PRIVATE = re.compile(
    r"(?<![\w.-])/(work|tmp/[a-z])/|/Users/\w|/home/(?!ada\b|me\b|user\b)\w|\bissue #?\d"
)
# Each library, and the only modules that may import it, wherever in their code they do.
QUARANTINE = {
    "click": ("bodywork.cli",),
    "rich": ("bodywork.cli",),
    "kubernetes": ("bodywork.cluster", "statemachine.stores.configmap"),
    "marshmallow": (
        "bodywork.config.schemas",
        "bodywork.config.sections",
        "statemachine.codec",
        "statemachine.schema",
    ),
    "tenacity": ("statemachine.retries",),
    "transitions": ("statemachine.machine",),
    "configparser": ("bodywork.config", "bodywork.execution.installer_settings"),
    "packaging": ("bodywork.config.specifiers",),
}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """Every top-level package that a file imports, wherever in the file it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


@cache
def tracked_files() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a Git clone")
    names = listed.stdout.decode().split("\0")
    return tuple(ROOT / name for name in names if name and (ROOT / name).is_file())


def loaded_by(*arguments: str) -> set[str]:
    """The modules in memory at the end of `python -c arguments`."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert lines, "the interpreter did not say what it imports"
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_every_import_keeps_the_rules_of_the_layers() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("library", sorted(QUARANTINE))
def test_a_library_is_imported_only_where_it_is_at_home(library: str) -> None:
    strangers = {
        module_name(path)
        for path in SOURCES
        if library in imports(path) and not module_name(path).startswith(QUARANTINE[library])
    }
    assert strangers == set()


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["no-such-command"]])
def test_small_commands_load_nothing_heavy(command: list[str]) -> None:
    program = (
        "import sys; sys.argv[1:] = sys.argv[1:]\n"
        "from bodywork.cli import main\n"
        "try: main()\nexcept SystemExit: pass"
    )
    assert loaded_by("-c", program, *command) & HEAVY == set()


def test_importing_bodywork_loads_none_of_its_parts() -> None:
    assert loaded_by("-c", "import bodywork") & {*HEAVY, "click", "statemachine"} == set()


def test_the_public_names_of_bodywork_are_these() -> None:
    assert bodywork.__all__ == ["BodyworkError", "HookEvent", "RunStatus", "Workflow", "hook"]


@pytest.mark.parametrize("name", bodywork.__all__)
def test_each_public_name_of_bodywork_can_be_had(name: str) -> None:
    assert getattr(bodywork, name).__name__ == name


def test_both_packages_say_that_they_are_typed() -> None:
    assert [name for name in PACKAGES if not (ROOT / name / "py.typed").exists()] == []
    assert statemachine.__all__


def test_every_module_says_why_it_is_there() -> None:
    silent = [
        module_name(p) for p in SOURCES if not ast.get_docstring(ast.parse(p.read_text("utf-8")))
    ]
    assert silent == []


def test_no_source_file_is_too_long_to_read() -> None:
    long = [
        module_name(p) for p in SOURCES if len(p.read_text("utf-8").splitlines()) > LONGEST_FILE
    ]
    assert long == []


def test_nothing_private_to_its_writers_is_in_the_repository() -> None:
    private = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked_files()
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if PRIVATE.search(line)
    ]
    assert private == []
