"""The example is killed by SIGKILL at each of its saves, and in its effects, and started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "orders" / "orders.py"
KILLED = Path(__file__).with_name("killed_orders.py")
EFFECTS = ["o-1: charge", "o-1: pack", "o-1: send"]
END = "o-1 is sent: charge, pack, send"


def environment(home: Path, seconds: str = "0") -> dict[str, str]:
    told = {"ORDERS_HOME": str(home), "ORDERS_SECONDS": seconds, "PYTHONPATH": str(ROOT)}
    return {**os.environ, **told}


def run(home: Path, *command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *map(str, command)],
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )


def receipts(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir() if path.is_file())


def test_an_order_that_nobody_kills_is_sent(tmp_path: Path) -> None:
    assert run(tmp_path, EXAMPLE, "o-1").stdout.splitlines() == [*EFFECTS, END]
    assert receipts(tmp_path) == ["o-1.charge", "o-1.pack", "o-1.send"]


def test_an_order_that_was_sent_is_not_touched_again(tmp_path: Path) -> None:
    run(tmp_path, EXAMPLE, "o-1")
    record = tmp_path / "machines" / "o-1" / "checkpoint.json"
    before = record.read_bytes()
    assert run(tmp_path, EXAMPLE, "o-1").stdout.splitlines() == [END]
    assert record.read_bytes() == before


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("save", [1, 2, 3, 4])
def test_an_order_killed_at_a_save_is_sent_with_each_effect_once(
    tmp_path: Path, side: str, save: int
) -> None:
    killed = run(tmp_path, KILLED, side, save)
    assert killed.returncode == -signal.SIGKILL
    resumed = run(tmp_path, EXAMPLE, "o-1")
    assert (resumed.stdout + resumed.stderr).splitlines()[-1] == END
    effects = (killed.stdout + resumed.stdout).splitlines()[:-1]
    assert effects == EFFECTS
    assert receipts(tmp_path) == ["o-1.charge", "o-1.pack", "o-1.send"]


def test_an_order_killed_in_the_middle_of_an_effect_has_it_once(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(EXAMPLE), "o-1"],
        env=environment(tmp_path, seconds="0.3"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "o-1: charge\n"
        process.kill()
        rest = process.stdout.read()
    assert rest == ""
    assert run(tmp_path, EXAMPLE, "o-1").stdout.splitlines() == ["o-1: pack", "o-1: send", END]
