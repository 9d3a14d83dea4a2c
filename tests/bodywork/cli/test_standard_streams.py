"""A command works, and ends with its own exit code, whatever stdin, stdout and stderr are."""

import itertools
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.bodywork.cli.conftest import Project

BODYWORK = f"{sys.executable} -m bodywork"
CLOSED = ["<&-", ">&-", "2>&-"]
COMBINATIONS = [
    " ".join(each) for n in range(len(CLOSED) + 1) for each in itertools.combinations(CLOSED, n)
]


def shell(
    line: str, variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", line.replace("bodywork", BODYWORK)],
        capture_output=True,
        env={**os.environ, **(variables or {})},
        encoding="utf-8",
        errors="replace",
        timeout=60,
    )


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "broken").mkdir()
    return tmp_path / "broken"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("closed", COMBINATIONS)
def test_streams_may_be_closed(closed: str, broken: Path) -> None:
    commands = {"bodywork --version": 0, "bodywork status": 0, f"bodywork validate {broken}": 2}
    line = "; ".join(f"{command} {closed}; codes+=$?" for command in commands)
    done = shell(f"{line}; echo $codes")
    assert done.stdout.splitlines()[-1] == "".join(map(str, commands.values()))
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&-", "> /dev/full", "> /dev/full 2>&1"])
def test_a_run_goes_to_its_end_without_a_stream_and_writes_into_no_other_file(
    closed: str, shop: Project, home: Path
) -> None:
    done = shell(f"bodywork workflow {shop.url} main {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    listed = shell("bodywork status")
    assert "succeeded" in listed.stdout
    assert listed.stderr == ""


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("at_import", "at_call"),
    [
        ("sys.stdout.close(); sys.stderr.close()", "pass"),
        ("sys.stdout.detach()", "pass"),
        ("pass", "sys.stdout.close()"),
        ("pass", "sys.stdout = None"),
        ("pass", "sys.stdout = open('/dev/full', 'w'); sys.stdout.write('lost')"),
    ],
)
def test_what_a_hook_does_to_stdout_changes_no_exit_code(
    at_import: str, at_call: str, shop: Project, tmp_path: Path
) -> None:
    (tmp_path / "told.py").write_text(
        f"import sys\n\ndef tell(*_):\n    {at_call}\n\n{at_import}\n"
    )
    line = f"bodywork workflow {shop.url} main --hook told:tell"
    done = shell(line, {"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert "succeeded" in shell("bodywork status").stdout


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("bodywork status > /dev/full", 1),  # what it shows is its work
        ("bodywork --help > /dev/full", 1),
        ("bodywork validate {broken} > /dev/full", 1),
        ("bodywork validate {broken} 2> /dev/full", 2),
        ("bodywork status 2> /dev/full", 0),
        ("bodywork status 1< /dev/null", 1),  # it cannot be written on
    ],
)
def test_a_full_disk_is_an_error_where_showing_something_was_all(
    line: str, code: int, broken: Path
) -> None:
    done = shell(line.format(broken=broken))
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("bodywork --help | true", 0),
        ("bodywork status | true", 0),
        ("bodywork validate {broken} 2>&1 | true", 2),
        ("bodywork workflow file:///nowhere main 2>&1 | true", 2),
        ("bodywork setup-namespace other | true", 0),
    ],
)
def test_a_reader_that_goes_away_changes_no_exit_code(line: str, code: int, broken: Path) -> None:
    done = shell(line.format(broken=broken) + "; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict", "cp1252"])
def test_what_cannot_be_printed_is_replaced_and_the_rest_goes_on(
    encoding: str, shop: Project, home: Path
) -> None:
    words = "caf\u00e9 \u6f22 \U0001f600\nthe rest\n"
    shop.batch("one", f"import sys\nsys.stdout.buffer.write({words.encode()!r})\n")
    shop.commit()
    done = shell(f"bodywork workflow {shop.url} main", {"PYTHONIOENCODING": encoding})
    assert done.returncode == 0
    assert "the rest" in done.stdout
    assert "hello from two" in done.stdout
    assert done.stderr == ""


def test_a_terminal_that_goes_away_leaves_the_run_resumable(shop: Project, home: Path) -> None:
    gate = home.parent / "gate"
    shop.batch(
        "one",
        f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.02)\n",
    )
    shop.commit()
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bodywork", "workflow", shop.url, "main"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(follower)
    said = b""
    while b"creating job=" not in said:
        said += os.read(leader, 65536)
    os.close(leader)
    gate.touch()
    assert process.wait(60) == 0  # in a session that has no terminal of its own, no signal comes
    assert "succeeded" in shell("bodywork status").stdout


@pytest.mark.usefixtures("home")
def test_what_goes_on_for_ever_ends_with_its_reader(shop: Project) -> None:
    shop.batch(
        "one", "import time\nwhile True:\n    print('beat', flush=True)\n    time.sleep(0.05)\n"
    )
    shop.commit()
    controller = subprocess.Popen(
        [sys.executable, "-m", "bodywork", "workflow", shop.url, "main"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert controller.stdout
    assert any("beat" in line for line in controller.stdout)
    done = shell("bodywork logs latest one --follow | head -1; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout) == (0, "beat\n")
    done = shell("bodywork logs latest --follow | head -4; exit ${PIPESTATUS[0]}")
    assert done.returncode == 0
    controller.kill()
    controller.communicate()
    shell("bodywork cancel latest")
