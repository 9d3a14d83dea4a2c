"""What is put on record of an attempt's output holds no part of a secret, whatever was cut."""

from pathlib import Path

import pytest

from bodywork.execution.lines import LINE_BYTES
from bodywork.local.jobs import CHANGED
from bodywork.local.logs import read_tail
from bodywork.local.supervisor import files
from bodywork.local.supervisor.log import Log
from bodywork.model.run import Phase
from tests.bodywork.local.machine import NAMESPACE, Machine, batch
from tests.support.canaries import CORE

VALUE = f"{CORE}{CORE[::-1]}"
PARTS = [VALUE[start : start + 4] for start in range(len(VALUE) - 3)]
TELL = "import os\nprint(os.environ['TOKEN'], flush=True)\nraise SystemExit(1)\n"


def tail_of(folder: Path, output: bytes, limit: int = 1 << 20, *, size: int = 0) -> str:
    """Return the tail of an output that came in chunks of that size, or at once."""
    log = Log(str(folder / files.LOG), head_bytes=limit, part_bytes=limit)
    for start in range(0, len(output), size or len(output)):
        log.feed(output[start : start + (size or len(output))])
    log.flush()
    return "\n".join(read_tail(folder, [VALUE]))


@pytest.mark.parametrize("before", range(LINE_BYTES - len(VALUE) - 2, LINE_BYTES + 3, 3))
def test_a_value_that_a_long_line_is_cut_in(tmp_path: Path, before: int) -> None:
    output = b"." * before + VALUE.encode() + b"." * 300 + b"\nlast\n"
    told = tail_of(tmp_path, output, size=before + 9)
    assert told.endswith("last")
    assert not [part for part in PARTS if part in told]


@pytest.mark.parametrize("limit", range(30, 200, 7))
def test_a_value_that_the_end_of_a_full_file_is_cut_in(tmp_path: Path, limit: int) -> None:
    told = tail_of(tmp_path, b"first\n" + f"it is {VALUE}\n".encode() * 9, limit)
    assert not [part for part in PARTS if part in told]
    assert told.endswith("it is ***")


@pytest.mark.parametrize("before", range(LINE_BYTES - len(VALUE) - 2, LINE_BYTES + 3, 3))
def test_a_value_in_a_cut_line_whose_first_part_was_dropped(tmp_path: Path, before: int) -> None:
    """The part of the log that is still there may begin in the middle of a value."""
    output = b"." * before + VALUE.encode() + b"." * LINE_BYTES * 8 + VALUE.encode() + b"\nlast\n"
    told = tail_of(tmp_path, output, LINE_BYTES + 100, size=before + 9)
    assert told.endswith("last")
    assert not [part for part in PARTS if part in told]


@pytest.mark.parametrize("seen", range(1, len(VALUE)))
def test_a_value_that_is_printed_slowly_into_a_progress_bar(tmp_path: Path, seen: int) -> None:
    now = 0.0
    log = Log(str(tmp_path / files.LOG), clock=lambda: now)
    log.feed(b"\r1%\r" + VALUE[:seen].encode())
    now = 2.0
    log.show_state()  # its supervisor is killed now
    assert not [part for part in PARTS if part in "\n".join(read_tail(tmp_path, [VALUE]))]


@pytest.mark.parametrize("change", ["update", "delete", "none"])
def test_a_secret_that_is_changed_while_the_stage_runs(machine: Machine, change: str) -> None:
    machine.administration.create_secret(NAMESPACE, "login", {"TOKEN": VALUE, "OTHER": "1"})
    machine.publish({"job/main.py": TELL})
    attempt = machine.start(batch("job", 60, ("TOKEN", "login")))
    machine.engine.wait([attempt], None)
    if change == "update":
        machine.administration.update_secret(NAMESPACE, "login", {"TOKEN": "another"})
    elif change == "delete":
        machine.administration.delete_secret(NAMESPACE, "login")
    seen = machine.finish(attempt)
    assert seen.phase is Phase.FAILED
    assert seen.tail == (("***",) if change == "none" else CHANGED)
