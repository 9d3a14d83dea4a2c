"""Kept environments: what is there, and what goes."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from bodywork.cli.program import program
from bodywork.local import LocalEngine, cache_folder
from bodywork.local.cache import list_environments, prune_environments
from bodywork.local.supervisor import kept
from bodywork.model.run import Phase
from tests.bodywork.local.machine import NAMESPACE, Machine, batch
from tests.support.wheels import make_wheel

DAY = 86400.0


def make(cache: Path, name: str, *, days_ago: float = 0.0, whole: bool = True) -> str:
    """Make something like an environment, last used so long ago; return its folder."""
    link = str(cache / "environments" / name)
    tree = kept.new_tree(link, "0abc")
    Path(tree, "lib").mkdir(parents=True)
    Path(tree, "lib/code.py").write_text("x" * 5000)
    if whole:
        kept.record(tree, {"made_at": 1.0, "only_for": "", "python": "3.11.7", "packages": ["six"]})
        kept.lead_to(link, tree)
    Path(f"{tree}.lock").touch()
    then = time.time() - days_ago * DAY
    for path in (tree, f"{tree}.lock"):
        os.utime(path, (then, then))
    return tree


def names(cache: Path) -> list[str]:
    return [each.name for each in list_environments(cache)]


def test_no_cache_has_no_environments(tmp_path: Path) -> None:
    assert list_environments(tmp_path / "none") == []
    assert prune_environments(tmp_path / "none", 0.0) == []


def test_what_is_kept_is_listed_the_last_used_first(tmp_path: Path) -> None:
    make(tmp_path, "packages-a", days_ago=2)
    make(tmp_path, "packages-b", days_ago=1)
    make(tmp_path, "packages-c", days_ago=3, whole=False)
    first, _, last = list_environments(tmp_path)
    assert (first.name, first.python, first.packages) == ("packages-b-0abc", "3.11.7", ("six",))
    assert first.size_bytes >= 5000
    assert not first.in_use
    assert (last.name, last.python) == ("packages-c-0abc", "")


def test_what_was_not_used_for_so_long_goes_with_its_link(tmp_path: Path) -> None:
    old = make(tmp_path, "packages-old", days_ago=31)
    make(tmp_path, "packages-new", days_ago=29)
    assert [each.name for each in prune_environments(tmp_path, 30 * DAY)] == ["packages-old-0abc"]
    assert names(tmp_path) == ["packages-new-0abc"]
    assert not os.path.lexists(tmp_path / "environments/packages-old")
    assert not os.path.lexists(f"{old}.lock")


def test_what_is_in_use_or_being_built_stays(tmp_path: Path) -> None:
    make(tmp_path, "packages-used", days_ago=31)
    make(tmp_path, "packages-made", whole=False)
    held = kept.hold(str(tmp_path / "environments/packages-used"), "uid", 0.0)
    assert held is not None
    assert {each.name: each.in_use for each in list_environments(tmp_path)} == {
        "packages-used-0abc": True, "packages-made-0abc": False,
    }  # fmt: skip
    assert prune_environments(tmp_path, 0.0) == []
    os.close(held)
    assert len(prune_environments(tmp_path, 0.0)) == 1


def test_what_a_killed_build_has_left_goes_after_an_hour(tmp_path: Path) -> None:
    make(tmp_path, "packages-a", days_ago=0.1, whole=False)
    assert len(prune_environments(tmp_path, 30 * DAY)) == 1


def test_environments_of_earlier_versions_are_listed_and_go(tmp_path: Path) -> None:
    (tmp_path / "environments/packages-0123/bin").mkdir(parents=True)
    os.utime(tmp_path / "environments/packages-0123", (1.0, 1.0))
    assert names(tmp_path) == ["packages-0123"]
    assert len(prune_environments(tmp_path, 30 * DAY)) == 1
    assert names(tmp_path) == []


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    monkeypatch.setenv("BODYWORK_HOME", str(tmp_path))
    return os.environ


def test_the_command_lists_and_prunes(home: Mapping[str, str]) -> None:
    run = CliRunner().invoke
    assert run(program, ["cache", "list"]).output == "no environments\n"
    make(cache_folder(), "packages-a", days_ago=15)
    listed = run(program, ["cache", "list"]).output.splitlines()
    assert listed[0].split() == ["NAME", "PYTHON", "SIZE", "LAST_USED", "(UTC)", "PACKAGES"]
    assert listed[-1].startswith("packages-a-0abc")
    [shown] = json.loads(run(program, ["cache", "list", "-o", "json"]).output)["environments"]
    assert shown["packages"] == ["six"]
    assert shown["in_use"] is False
    assert run(program, ["cache", "prune"]).output == "removed 0 environments, 0.0 MB\n"
    wrong = run(program, ["cache", "prune", "--older-than", "soon"])
    assert (wrong.exit_code, "no length of time" in wrong.output) == (2, True)
    pruned = run(program, ["cache", "prune", "--older-than", "2w", "-o", "json"]).output
    assert [each["name"] for each in json.loads(pruned)["removed"]] == ["packages-a-0abc"]


def test_refreshed_environments_are_made_anew_once(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    wheel = make_wheel(tmp_path, "tiny", "refreshed").read_bytes()
    machine.publish(
        {
            "job/main.py": "import sys, tiny; print(tiny.__file__)\n",
            "job/requirements.txt": "./tiny-1-py3-none-any.whl\n",
            "job/tiny-1-py3-none-any.whl": wheel,
        }
    )

    def place_of_tiny(number: int) -> Path:
        attempt = machine.start(batch(), number)
        assert machine.finish(attempt).phase is Phase.SUCCEEDED, machine.log(attempt)
        return Path(machine.log(attempt)[-1]).resolve()

    first = place_of_tiny(1)
    assert place_of_tiny(2) == first
    usual = machine.engine
    machine.engine = LocalEngine(
        machine.root, NAMESPACE, guard=machine.fence, environments=machine.cache,
        not_before=time.time(),
    )  # fmt: skip
    try:
        second = place_of_tiny(3)
        assert second != first
        assert place_of_tiny(4) == second
    finally:
        machine.engine.close()
        machine.engine = usual
    assert not first.exists()
