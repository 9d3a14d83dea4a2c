"""What reads the repository stays out of the hands of the code that was read from it."""

import pytest

from bodywork.model.pods import WITHHELD_VARIABLES
from bodywork.stage.secrecy import without_secrets
from tests.bodywork.local.machine import Machine, batch

LOOK = """
import os, sys
from pathlib import Path
def look(place):
    found = "\\n".join(f"{name}={value}" for name, value in os.environ.items())
    parent = Path(f"/proc/{os.getppid()}/environ")
    if parent.exists():
        found += parent.read_text()
    Path(place).write_text(found)
"""
BACKEND = """
[build-system]
requires = []
build-backend = "spy"
backend-path = ["."]
"""


@pytest.fixture(autouse=True)
def canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WITHHELD_VARIABLES:
        monkeypatch.setenv(name, f"canary of {name}")


def test_a_script_sees_none_of_it_and_nor_does_its_supervisor(machine: Machine) -> None:
    loot = machine.root / "loot"
    machine.run(f"{LOOK}\nlook({str(loot)!r})\n")
    assert "PATH=" in loot.read_text()
    assert "canary" not in loot.read_text()


def test_what_builds_a_package_of_the_repository_sees_none_of_it(machine: Machine) -> None:
    loot = machine.root / "loot"
    machine.publish(
        {
            "job/main.py": "",
            "job/requirements.txt": "./spying\n",
            "job/spying/pyproject.toml": BACKEND,
            "job/spying/spy.py": f"{LOOK}\nlook({str(loot)!r})\nraise SystemExit(1)\n",
        }
    )
    seen = machine.finish(machine.start(batch()))
    assert "cannot be installed" in seen.reason
    assert "PATH=" in loot.read_text()
    assert "canary" not in loot.read_text()


def test_a_stages_container_withholds_the_same() -> None:
    given = {**dict.fromkeys(WITHHELD_VARIABLES, "canary"), "OWN": "1"}
    assert without_secrets(given) == {"OWN": "1", "PYTHONUNBUFFERED": "1"}
