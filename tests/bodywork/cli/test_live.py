"""The live display, on a real pseudo-terminal of 80 columns."""

import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from bodywork.cli.live import draw
from bodywork.model.names import RunName
from bodywork.workflow.progress import Attempt
from bodywork.workflow.status import RunStatus, StageStatus, run_status
from tests.bodywork.cli.conftest import Project
from tests.bodywork.workflow.harness import PIPELINE, Office, Repository

BODYWORK = [sys.executable, "-m", "bodywork"]
START = datetime(2026, 1, 1, tzinfo=UTC)
GATE = """
import time, pathlib
print("\\x1b]0;owned\\x07\\x1b[31mhello")
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.01)
"""


def on_terminal(words: list[str], home: Path, act: Callable[[int, str], None]) -> str:
    """Run a command on a terminal, tell `act` of each portion that it writes; return all of it."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environ = {**os.environ, "BODYWORK_HOME": str(home), "TERM": "xterm"}
    process = subprocess.Popen(
        [*BODYWORK, *words], stdout=follower, stderr=follower, stdin=follower, env=environ
    )
    os.close(follower)
    seen = b""
    while True:
        try:
            portion = os.read(leader, 65536)
        except OSError:  # Linux says so when nobody writes any more
            break
        if not portion:
            break
        seen += portion
        act(process.pid, seen.decode(errors="replace"))
    os.close(leader)
    return f"{seen.decode()}\nexit code {process.wait()}"


def test_a_terminal_shows_the_stages_below_the_log(home: Path, shop: Project) -> None:
    gate = home.with_name("gate")
    shop.batch("one", GATE.format(gate=str(gate)))
    shop.commit()

    def open_gate(_: int, seen: str) -> None:
        if "waiting" in seen:  # the display is there, and shows a stage that has not begun
            gate.touch()

    said = on_terminal(["workflow", shop.url, "main"], home, open_gate)
    assert said.endswith("exit code 0")
    assert "step 1" in said
    assert "succeeded" in said
    assert "hello" in said
    assert "\x1b]0;owned" not in said
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")  # the cursor is back


def test_ctrl_c_takes_the_display_away_and_tells_how_to_resume(home: Path, shop: Project) -> None:
    gate = home.with_name("gate")
    shop.batch("one", GATE.format(gate=str(gate)))
    shop.commit()
    sent: list[int] = []

    def interrupt(pid: int, seen: str) -> None:
        if "waiting" in seen and not sent:
            sent.append(pid)
            os.kill(pid, signal.SIGINT)

    said = on_terminal(["workflow", shop.url, "main"], home, interrupt)
    gate.touch()
    assert said.endswith("exit code 4")
    assert said.index("note: stopped by SIGINT") > said.rindex("\x1b[?25h")
    assert "Traceback" not in said


def test_a_second_signal_ends_at_once_with_the_cursor_back(home: Path, shop: Project) -> None:
    gate = home.with_name("gate")
    shop.batch("one", GATE.format(gate=str(gate)))
    shop.commit()
    sent: list[int] = []

    def interrupt_twice(pid: int, seen: str) -> None:
        if "waiting" in seen and not sent:
            sent.append(pid)
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)

    said = on_terminal(["workflow", shop.url, "main"], home, interrupt_twice)
    gate.touch()
    assert said.endswith("exit code 4")
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")


def drawn(status: RunStatus, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=80, height=height, force_terminal=False)
    console.print(draw(status, START + timedelta(seconds=90), 80, height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def some_status() -> RunStatus:
    office = Office(Repository(c0=PIPELINE))
    run: RunName = office.begin_and_die("step-2-running")
    return run_status(office.store.load(run).checkpoint)


def test_each_stage_has_a_line_with_its_state() -> None:
    lines = drawn(some_status())
    assert [line.split()[2:4] for line in lines[1:]] == [
        ["prepare", "succeeded"],
        ["a", "starting"],
        ["b", "starting"],
        ["serve", "waiting"],
    ]


def test_a_dag_longer_than_the_screen_shows_what_goes_on_within_80_columns() -> None:
    many = tuple(
        StageStatus(
            name="a-stage-with-a-rather-long-name-" + "x" * 30 + str(number),
            type="batch",
            step=number,
            state="started" if number == 90 else "succeeded",
            why="",
            reused_from="",
            attempts=(Attempt(1, "started", started_at=START),),
            restoration="",
            restoration_reason="",
        )
        for number in range(1, 101)
    )
    lines = drawn(replace(some_status(), stages=many), height=10)
    assert len(lines) <= 10
    assert any("step 90" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)
