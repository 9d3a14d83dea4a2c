"""The log of an attempt: bounded, with its head and its newest part, and readable at any time."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.execution.lines import LINE_BYTES
from bodywork.local.logs import _Reader, read_log, read_tail
from bodywork.local.supervisor import files
from bodywork.local.supervisor.log import KEPT_PARTS, Log
from bodywork.local.supervisor.parts import list_parts
from bodywork.model.run import LogLine

HEAD, PART = 400, 200
GAP = re.compile(r"\(([\d,]+) lines? of this log, ([\d,]+) bytes, (?:was|were) not kept\)")
STAMP = len("2026-01-01T00:00:00.000Z ")


def new_log(folder: Path, clock: Callable[[], float] = lambda: 0.0) -> Log:
    return Log(
        str(folder / files.LOG), head_bytes=HEAD, part_bytes=PART, waiting_bytes=100, clock=clock
    )


def check(lines: list[LogLine], after: int, written: int) -> None:
    """Each line stands at its number, and gaps say exactly what is missing; nothing else is."""
    position = after
    for line in lines:
        if gap := GAP.fullmatch(line.text):
            assert int(gap[1].replace(",", "")) >= line.position - position > 0
        else:
            assert line.position == position + 1
            assert line.text == f"line {line.position}"
        position = line.position
    assert position == max(written, after)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_a_long_log_keeps_its_head_and_its_end_and_says_what_it_dropped(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    output = [f"line {number}\n".encode() for number in range(1, 1001)]
    for line in output:
        log.feed(line)
    lines = list(read_log(tmp_path, 0, follow=False))
    check(lines, 0, 1000)
    assert lines[0].text == "line 1"
    assert lines[-1].text == "line 1000"
    [gap] = [line for line in lines if GAP.fullmatch(line.text)]
    kept = {line.position for line in lines} - {gap.position}
    missing = [line for number, line in enumerate(output, 1) if number not in kept]
    size = sum(map(len, missing)) + STAMP * len(missing)
    assert gap.text == f"({len(missing):,} lines of this log, {size:,} bytes, were not kept)"
    assert len(lines) * STAMP < size_of(tmp_path) <= HEAD + KEPT_PARTS * PART


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.booleans()), max_size=30),
    st.integers(0, 400),
)
def test_whoever_reads_at_any_time_gets_each_line_at_its_position(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool, bool]], after: int
) -> None:
    """A step writes some lines, lets the follower read or not, and begins a new supervisor or not
    (a version that is brought back)."""
    folder = tmp_path_factory.mktemp("log")
    log = new_log(folder)
    follower = _Reader(str(folder / files.LOG), 0)
    followed: list[LogLine] = []
    written = 0
    for count, reads, begins in steps:
        log.feed(b"".join(b"line %d\n" % (written + each + 1) for each in range(count)))
        written += count
        if reads:
            followed += [line for line, _ in follower.read()]
        if begins:
            log = new_log(folder)
        assert size_of(folder) <= HEAD + KEPT_PARTS * PART
    followed += [line for line, _ in follower.read()]
    follower.close()
    check(followed, 0, written)
    check(list(read_log(folder, 0, follow=False)), 0, written)
    check(list(read_log(folder, after, follow=False)), min(after, written), written)
    for each in followed[:: max(1, len(followed) // 5)]:
        rest = list(read_log(folder, each.position, follow=False))
        assert [line for line in rest if line.position <= each.position] == []
        check(rest, each.position, written)


def test_a_file_that_is_dropped_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    for number in range(1, 101):
        log.feed(b"line %d\n" % number)
    following = read_log(tmp_path, 0, follow=False)
    lines = [next(following) for _ in range(3)]
    for number in range(101, 1001):
        log.feed(b"line %d\n" % number)
    lines += following
    check(lines, 0, lines[-1].position)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 300)), min_size=1, max_size=30))
def test_what_a_full_disk_does_not_take_is_counted(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    """At each step, so many lines come, and the disk takes so many bytes."""
    folder = tmp_path_factory.mktemp("log")
    log = new_log(folder)
    written = room = 0
    write = os.write

    def take(descriptor: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = write(descriptor, bytes(data)[:room])
        room -= taken
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", take)
        for count, more in steps:
            room = more
            log.feed(b"".join(b"line %d\n" % (written + each + 1) for each in range(count)))
            written += count
        log.end()
    lines = list(read_log(folder, 0, follow=False))
    check(lines, 0, written)
    assert size_of(folder) <= HEAD + KEPT_PARTS * PART
    for path in folder.iterdir():
        assert path.read_bytes()[-1:] in (b"", b"\n")


def test_the_last_lines_wait_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    log = Log(str(tmp_path / files.LOG))
    log.feed(b"line 1\n")
    with monkeypatch.context() as full:
        full.setattr(os, "write", refuse)
        log.feed(b"line 2\nline 3\n")
    assert [line.text for line in read_log(tmp_path, 0, follow=False)] == ["line 1"]
    log.end()
    check(list(read_log(tmp_path, 0, follow=False)), 0, 3)
    assert [path.name for path in tmp_path.iterdir()] == [files.LOG]


def test_half_a_line_of_a_killed_supervisor_is_never_shown(tmp_path: Path) -> None:
    new_log(tmp_path).feed(b"line 1\n")
    with (tmp_path / files.LOG).open("ab") as file:
        file.write(b"2026-01-01T00:00:00.000Z half of a sec")
    assert [line.text for line in read_log(tmp_path, 0, follow=False)] == ["line 1"]
    new_log(tmp_path).feed(b"line 3\n")
    lines = list(read_log(tmp_path, 0, follow=False))
    check(lines, 0, 3)
    assert lines[1].text == "(1 line of this log, 38 bytes, was not kept)"


def test_the_tail_is_that_of_the_newest_part(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    for number in range(1, 1001):
        log.feed(b"line %d\n" % number)
    assert read_tail(tmp_path) == tuple(f"line {number}" for number in range(981, 1001))


def test_a_progress_bar_is_seen_while_it_moves_and_once_when_it_has_ended(tmp_path: Path) -> None:
    now = 0.0
    log = new_log(tmp_path, lambda: now)
    live = _Reader(str(tmp_path / files.LOG), 0)
    log.feed(b"begins\n")
    for step in range(61):
        log.feed(b"\r%3d/60 epochs" % step)
        now += 0.25
    shown = [line.text for line, _ in live.read()]
    assert shown == ["begins", *(f"{step:3d}/60 epochs" for step in range(0, 61, 4))]
    assert [line.text for line in read_log(tmp_path, 0, follow=False)] == [
        "begins",
        " 60/60 epochs",
    ]
    log.feed(b" done\nnext\n")
    log.flush()
    assert [line.text for line, _ in live.read()] == [" 60/60 epochs done", "next"]
    live.close()
    whole = list(read_log(tmp_path, 0, follow=False))
    assert [line.text for line in whole] == ["begins", " 60/60 epochs done", "next"]
    assert read_tail(tmp_path) == ("begins", " 60/60 epochs done", "next")
    assert whole[-1].position == len(shown) + 2


def test_the_state_of_a_slow_bar_is_due_without_more_output(tmp_path: Path) -> None:
    now = 0.0
    log = new_log(tmp_path, lambda: now)
    log.feed(b"\r1/60")
    log.feed(b"\r2/60")
    assert log.state_due() == 1.0
    log.show_state()
    now = 1.0
    log.show_state()
    assert log.state_due() is None
    assert [line.text for line in read_log(tmp_path, 0, follow=False)] == ["2/60"]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"1%\r2%\r3%\rdone\n", ["done"]),
        (b"\r1%\r2%\r\nnext\n", ["2%", "next"]),
        (b"\r1%\r2%", ["2%"]),
        (b"1%\r2%\r", ["2%"]),
        (b"\r100%\r    \rdone\n", ["done"]),
        (b"no end", ["no end"]),
    ],
)
def test_a_line_is_what_a_terminal_shows_of_it_in_the_end(
    tmp_path: Path, output: bytes, lines: list[str], size: int
) -> None:
    log = new_log(tmp_path)
    for start in range(0, len(output), size):
        log.feed(output[start : start + size])
    log.flush()
    assert [line.text for line in read_log(tmp_path, 0, follow=False)] == lines


def test_a_bar_without_an_end_takes_no_memory(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    for step in range(3 * LINE_BYTES // 10):
        log.feed(b"\r%9d" % step)
    log.flush()
    texts = [line.text for line in read_log(tmp_path, 0, follow=False)]
    assert texts == [f"{3 * LINE_BYTES // 10 - 1:9d}"]


def test_parts_are_known_by_their_names(tmp_path: Path) -> None:
    for name in ("log", "log.12.900", "log.3.100", "log.x.1", "log.1", "other.1.2", "log.1.2.3"):
        (tmp_path / name).touch()
    parts = [(part.lines, part.size) for part in list_parts(str(tmp_path / "log"))]
    assert parts == [(0, 0), (3, 100), (12, 900)]
