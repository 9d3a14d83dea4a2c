"""Process 1 of a container reaps what its stage's script leaves behind, and keeps its exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bodywork.cli.conftest import Project

SPACE = ["unshare", "--pid", "--fork", "--mount-proc"]
SCRIPT = """
import os, subprocess, sys
for _ in range(20):
    subprocess.run(["sh", "-c", "(setsid sh -c 'exit 3' &) ; exit 0"])
def zombies():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] == "Z":
            yield pid
while list(zombies()):
    pass
print("process 1 reaps", open("/proc/1/cmdline").read().count("bodywork"))
sys.exit(7)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes process namespaces")
@pytest.mark.parametrize(
    "script", [SCRIPT, SCRIPT.replace("sys.exit(7)", "os.kill(os.getpid(), 9)")]
)
def test_orphans_are_reaped_and_the_scripts_exit_code_is_kept(script: str, tmp_path: Path) -> None:
    shop = Project(tmp_path / "shop")
    shop.dag("one")
    shop.batch("one", script)
    shop.commit()
    command = [sys.executable, "-m", "bodywork", "stage", shop.url, "main", "one"]
    done = subprocess.run([*SPACE, *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == (7 if script is SCRIPT else 137)
    assert "process 1 reaps" in done.stdout or script is not SCRIPT
