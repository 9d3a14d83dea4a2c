"""Environments: made once, kept apart, never half."""

from pathlib import Path

from bodywork.model.run import Phase
from tests.bodywork.local.machine import Machine, attempt_of, batch

SHOW = "import sys\nprint(sys.prefix)\n"


def test_stages_with_equal_requirements_share_an_environment(machine: Machine) -> None:
    machine.publish({"one/main.py": SHOW, "two/main.py": SHOW})
    attempts = [machine.start(batch("one")), machine.start(batch("two"))]
    assert all(machine.finish(each).phase is Phase.SUCCEEDED for each in attempts)
    [first], [second] = (machine.log(each)[-1:] for each in attempts)
    assert first == second


def test_a_stage_without_requirements_sees_no_packages_of_the_controller(machine: Machine) -> None:
    seen = machine.run("import click\n")
    assert seen.phase is Phase.FAILED
    assert "No module named 'click'" in seen.tail[-1]


def test_requirements_are_installed_and_used(machine: Machine) -> None:
    machine.publish({"job/main.py": "import six\n", "job/requirements.txt": "six==1.17.0\n"})
    assert machine.finish(machine.start(batch())).phase is Phase.SUCCEEDED


def test_requirements_that_cannot_be_installed_are_named_with_the_last_lines(
    machine: Machine,
) -> None:
    machine.publish({"job/main.py": "", "job/requirements.txt": "no-such-package-of-ours==99.99\n"})
    seen = machine.finish(machine.start(batch()))
    assert seen.phase is Phase.FAILED
    assert seen.reason.startswith("its requirements cannot be installed")
    assert any("no-such-package-of-ours" in line for line in seen.tail)


def test_a_build_that_was_killed_is_begun_anew(machine: Machine, tmp_path: Path) -> None:
    machine.cache = tmp_path / "cache"
    machine.engine = machine.new_engine()
    machine.publish({"job/main.py": "import six\n", "job/requirements.txt": "six\n"})
    attempt = machine.start(batch(), 1)
    machine.engine.stop_job(attempt)
    for built in (machine.cache / "environments").glob("*/bodywork-ready"):
        built.unlink()
    assert machine.finish(machine.start(batch(), 2)).phase is Phase.SUCCEEDED
    assert attempt_of("job", 1) == attempt
