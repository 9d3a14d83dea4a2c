"""`bodywork demo` itself, with its stages' packages kept between test runs."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Path:
    """A folder of this clone's own: two clones may be tested at once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bodywork-tests"
    return cache / f"demo-{hashlib.sha256(__file__.encode()).hexdigest()[:12]}"


@pytest.mark.timeout(900)
def test_the_demonstration_survives_the_kill_and_leaves_nothing_running(home: Path) -> None:
    command = [sys.executable, "-m", "bodywork", "demo", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    before, killed, after = done.stdout.partition("*** kill -9 ")
    assert killed
    assert "completed stage=train-random-forest" not in before
    assert "completed stage=train-random-forest" in after
    assert "completed stage=prepare-data" not in after
    assert '"species":"setosa"' in after
    assert "Each stage was tried once" in after
    processes = subprocess.run(["ps", "axo", "args"], capture_output=True, text=True, check=True)
    assert [line for line in processes.stdout.splitlines() if str(home) in line] == []
    assert not list((home / "namespaces").glob("*"))
