"""Whether a process that signed a lease still lives: certain, or not said at all."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from statemachine.processes import has_ended, identify

pytestmark = pytest.mark.skipif(not Path("/proc/self/ns").is_dir(), reason="needs Linux' /proc")


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_this_process_lives() -> None:
    assert has_ended(os.getpid(), identify(os.getpid())) is False


def test_a_killed_process_has_ended_before_and_after_its_parent_knows(
    child: "subprocess.Popen[bytes]",
) -> None:
    identity = identify(child.pid)
    assert has_ended(child.pid, identity) is False
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert has_ended(child.pid, identity) is True
    child.wait()
    assert has_ended(child.pid, identity) is True


def test_a_stopped_process_lives(child: "subprocess.Popen[bytes]") -> None:
    child.send_signal(signal.SIGSTOP)
    assert has_ended(child.pid, identify(child.pid)) is False


def test_a_process_that_has_the_same_id_is_another_one() -> None:
    place, _, start = identify(os.getpid()).rpartition("/")
    assert has_ended(os.getpid(), f"{place}/{int(start) - 1}") is True


@pytest.mark.parametrize("part", [0, 1])
def test_of_another_boot_or_container_nothing_is_said(part: int) -> None:
    parts = identify(os.getpid()).split("/")
    parts[part] = "another"
    assert has_ended(os.getpid(), "/".join(parts)) is None
    assert has_ended(2**22 + 1, "/".join(parts)) is None  # no process has this id


@pytest.mark.parametrize("identity", ["", "/", "//", "a", "a/b", "a/b/c", "a/b/"])
def test_of_what_was_not_signed_nothing_is_said(identity: str) -> None:
    assert has_ended(os.getpid(), identity) is None


def test_without_proc_nothing_is_said(tmp_path: Path) -> None:
    assert identify(os.getpid(), tmp_path) == ""
    assert has_ended(os.getpid(), identify(os.getpid()), tmp_path) is None


def test_a_process_that_is_hidden_is_not_said_to_have_ended(tmp_path: Path) -> None:
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("boot\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to("pid:[1]")
    assert has_ended(os.getpid(), "boot/pid:[1]/17", tmp_path) is None
