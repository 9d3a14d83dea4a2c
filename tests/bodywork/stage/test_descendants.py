"""`bodywork stage` leaves nothing behind where it is not process 1, either."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bodywork.stage.signals import forwarded
from tests.bodywork.local.machine import is_running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
ESCAPES = """
import os, sys, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.environ.clear()
            os.write(1, b"%d\\n" % os.getpid())
            os.close(1)
            open("ready", "a").write("x")
            time.sleep(600)
        os._exit(0)
while not os.path.exists("ready") or os.path.getsize("ready") < 3:
    time.sleep(0.001)
{end}
"""


@pytest.mark.parametrize(
    ("end", "code"), [("", 0), ("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", -9)]
)
def test_what_a_script_has_started_ends_with_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], end: str, code: int
) -> None:
    with (
        subprocess.Popen(["sleep", "600"]) as other,
        forwarded() as signals,
    ):
        command = [sys.executable, "-c", ESCAPES.format(end=end)]
        assert signals.run_script(command, tmp_path, os.environ) == code
        assert other.poll() is None, "a process that was there before was ended"
        other.kill()
    started = [int(line) for line in capfd.readouterr().out.split()]
    assert len(started) == 3
    assert not [pid for pid in started if is_running(pid)]
